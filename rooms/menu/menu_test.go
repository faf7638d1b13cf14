package menu

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func menu(t *testing.T, actions map[string]Action) *Menu {
	t.Helper()
	m, err := New(actions)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestKeysBecomeActions(t *testing.T) {
	m := menu(t, Default())
	for _, c := range []struct {
		keys    string // ' ' is a pause
		actions string
	}{
		{"*1", "invite"},
		{"*2*2", "mute mute"},
		{"5", "unknown"},
		{"* ", "unknown"},
		{" ", ""},
		{"**1", "call-missing"},
		{"** *1", "unknown invite"},
		{"**7*3", "unknown count"},
		{"*#*0", "drop help"},
	} {
		if got := strings.Join(typed(m, c.keys), " "); got != c.actions {
			t.Errorf("%q: %q, want %q", c.keys, got, c.actions)
		}
	}
}

// typed is what keys lead to, one after the other; ' ' is a pause.
func typed(m *Menu, keys string) (led []string) {
	var s State
	for _, key := range []byte(keys) {
		action, outcome := None, Idle
		if key == ' ' {
			action, outcome = m.Pause(&s)
		} else {
			action, outcome = m.Press(&s, key)
		}
		switch outcome {
		case Chosen:
			led = append(led, action.String())
		case Unknown:
			led = append(led, "unknown")
		}
	}
	return led
}

func TestAShortSequenceWaitsForALongerOne(t *testing.T) {
	m := menu(t, map[string]Action{"5": Mute, "55": Lock, "556": Help})
	for keys, want := range map[string]string{"5 ": "mute", "55 ": "lock", "556": "help", "57": "unknown", "5 5 ": "mute mute"} {
		if got := strings.Join(typed(m, keys), " "); got != want {
			t.Errorf("%q: %q, want %q", keys, got, want)
		}
	}
}

func TestBadSequencesAreNamed(t *testing.T) {
	for keys, want := range map[string]string{"": "0 keys", "*x1": `"x1"`, "1234567": "7 keys"} {
		if _, err := New(map[string]Action{"*1": Invite, keys: Mute}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", keys, err, want)
		}
	}
}

func TestNamesOfActions(t *testing.T) {
	for a := Invite; a <= Record; a++ {
		if got, err := ParseAction(a.String()); err != nil || got != a {
			t.Errorf("%s is read as %s, %v", a, got, err)
		}
	}
	for _, bad := range []string{"", "none", "Invite", "dance"} {
		if _, err := ParseAction(bad); err == nil || !strings.Contains(err.Error(), "group-result") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whatever is pressed: no more is typed than a sequence has keys, and every sequence works after a pause.
func TestTypingNeverGetsStuck(t *testing.T) {
	m := menu(t, DefaultHost())
	var s State
	for range 100_000 {
		m.Press(&s, keypad[rand.IntN(len(keypad))])
		if len(s.Typed) >= MostKeys {
			t.Fatalf("typed %q", s.Typed)
		}
		if rand.IntN(10) > 0 {
			continue
		}
		m.Pause(&s)
		sequences := m.Sequences()
		keys := sequences[rand.IntN(len(sequences))]
		if got := typed(m, keys+" "); len(got) != 1 || got[0] != m.Action(keys).String() {
			t.Fatalf("%s leads to %v", keys, got)
		}
	}
}

func FuzzMenu(f *testing.F) {
	f.Add("*1", "*12 34#")
	f.Fuzz(func(t *testing.T, keys, pressed string) {
		m, err := New(map[string]Action{keys: Help, "*1": Invite})
		if err != nil {
			return
		}
		typed(m, pressed)
	})
}
