package links

import (
	"strings"
	"testing"
	"time"
)

func TestScripts(t *testing.T) {
	s, err := ParseScript("ww354 233#W,*a")
	if err != nil {
		t.Fatal(err)
	}
	var read []string
	for _, step := range s {
		switch step.Kind {
		case Key:
			read = append(read, string(step.Key))
		case Pause:
			read = append(read, step.Pause.String())
		case Prompt:
			read = append(read, "prompt")
		}
	}
	if got := strings.Join(read, " "); got != "500ms 500ms 3 5 4 2 3 3 # prompt 2s * A" {
		t.Errorf("read as %s", got)
	}
	if got := s.Keys(); got != "354233#*A" {
		t.Errorf("keys: %s", got)
	}
	if s, err := ParseScript(""); err != nil || s != nil {
		t.Errorf("an empty script: %v, %v", s, err)
	}
}

func TestMalformedScripts(t *testing.T) {
	for text, want := range map[string]string{
		"354-233":               `'-' at position 4 is neither a key (0-9 * # A-D) nor w (half a second), a comma (two seconds) or W (until the far side has spoken)`,
		"p1":                    `'p' at position 1 is neither`,
		"1ж":                    `'ж' at position 2 is neither`,
		strings.Repeat("1", 65): "it has more than 64 steps",
	} {
		if _, err := ParseScript(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParseScript(f *testing.F) {
	f.Add("ww354233")
	f.Add("W,#ABCD\x00")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseScript(text)
		if err != nil {
			return
		}
		if len(s) > mostSteps {
			t.Errorf("%d steps", len(s))
		}
		for _, step := range s {
			if step.Kind == Key && !strings.ContainsRune("0123456789*#ABCD", rune(step.Key)) || step.Kind == Pause && (step.Pause < shortPause || step.Pause > longPause) {
				t.Errorf("%q is read as %+v", text, step)
			}
		}
		again, err := ParseScript(s.Keys())
		if err != nil || again.Keys() != s.Keys() {
			t.Errorf("the keys of %q are read as %q, %v", text, again.Keys(), err)
		}
	})
}

// Every wait is as long as it is said to be or up to a fifth longer, and the last one stays.
func TestWaits(t *testing.T) {
	link := (Link{}).complete()
	var calm, lucky ladder
	for i, want := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute, time.Minute} {
		if got := calm.next(&link, end{}, 0); got != want {
			t.Errorf("wait %d is %v", i, got)
		}
		if got := lucky.next(&link, end{}, 1); got != want+want/5 {
			t.Errorf("wait %d with all the jitter is %v", i, got)
		}
	}
	if got := calm.next(&link, end{up: 59 * time.Second}, 0); got != time.Minute {
		t.Errorf("after 59 s the wait is %v", got)
	}
	if got := calm.next(&link, end{up: time.Minute}, 0); got != 0 {
		t.Errorf("after a minute the wait is %v", got)
	}
	if got := calm.next(&link, end{up: time.Hour, deliberate: true}, 0); got != 30*time.Second {
		t.Errorf("after a goodbye the wait is %v", got)
	}
	if got := (&ladder{}).next(&link, end{crossed: true}, 0.5); got != asunder/2 {
		t.Errorf("after both have called the wait is %v", got)
	}
}
