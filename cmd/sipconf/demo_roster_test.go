package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// sampleRoster has one of each kind of participant.
func sampleRoster() attendance {
	return attendance{
		title: "room 5234, 3 participants",
		present: []attendee{
			{name: "Anna", number: "101", talking: true, level: -15},
			{name: "Boris with a very long name", number: "+4930123456789", state: "on hold", level: -127},
			{number: "103", level: -60},
			{name: "Clara", number: "104", talking: true, state: "muted", level: 3},
		},
		clock:    lateness{ticks: 500, skipped: 1, p50: 80 * time.Microsecond, p99: 900 * time.Microsecond, most: 2100 * time.Microsecond},
		messages: []string{"Anna joins"},
	}
}

func TestRosterLines(t *testing.T) {
	golden(t, "testdata/roster.txt", strings.Join(sampleRoster().lines(), "\n")+"\n")
	golden(t, "testdata/roster_empty.txt", strings.Join(attendance{title: "room 5234"}.lines(), "\n")+"\n")
}

// terminal is a screen that draws to b as to a terminal of that many columns.
func terminal(b *bytes.Buffer, columns int) *screen {
	return &screen{out: b, columns: func() int { return columns }}
}

func TestScreenOnTerminal(t *testing.T) {
	var b bytes.Buffer
	s := terminal(&b, 60)
	r := attendance{title: "room 5234"}
	s.say("Anna joins")
	s.draw(r)
	first := b.String()
	wantText(t, "the first drawing", first, "room 5234"+escClear+"\n")
	wantText(t, "the first drawing", first, "Anna joins")
	if strings.Contains(first, "\x1b[7A") {
		t.Errorf("the first drawing goes up: %q", first)
	}
	b.Reset()
	s.draw(r)
	// title, empty, nobody, empty, clock (folded at 59 columns), empty, message
	if got, want := b.String(), "\x1b[8A\r"; !strings.HasPrefix(got, want) {
		t.Errorf("the second drawing: got %q, want it to begin with %q", got, want)
	}
}

// TestScreenKeepsLastMessages: however much is said, the roster does not leave the terminal.
func TestScreenKeepsLastMessages(t *testing.T) {
	var b bytes.Buffer
	s := terminal(&b, 200)
	for i := range 100 {
		s.say("line %d", i)
	}
	s.draw(attendance{})
	if got := strings.Count(b.String(), "line "); got != maxMessages {
		t.Errorf("got %d messages, want %d", got, maxMessages)
	}
	wantText(t, "the drawing", b.String(), "line 99")
}

// TestScreenInPipe: without a terminal there are messages, and nothing but them.
func TestScreenInPipe(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	s.draw(sampleRoster())
	s.say("Anna %s", "joins")
	s.draw(sampleRoster())
	s.Write([]byte("level=WARN msg=late\n"))
	s.close()
	if got, want := b.String(), "Anna joins\nlevel=WARN msg=late\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFolded(t *testing.T) {
	for _, c := range []struct {
		line  string
		width int
		want  string
	}{
		{"", 20, ""},
		{"12345678901234567890", 20, "12345678901234567890"},
		{"123456789012345678901", 20, "12345678901234567890|    1"},
		{"Anna hears Boris and Clara", 20, "Anna hears Boris and|    Clara"},
		{"Anna hears Boris, not Clara", 20, "Anna hears Boris,|    not Clara"},
		{"████████████████████·", 20, "████████████████████|    ·"},
		{strings.Repeat("a", 40), 12, "aaaaaaaaaaaa|    aaaaaaaa|    aaaaaaaa|    aaaaaaaa|    aaaa"},
		{"a terminal that is no terminal", 3, "a terminal that is no terminal"},
	} {
		if got := strings.Join(folded(c.line, c.width), "|"); got != c.want {
			t.Errorf("%q at %d: got %q, want %q", c.line, c.width, got, c.want)
		}
	}
}

func TestMeter(t *testing.T) {
	for level, want := range map[float64]int{-127: 0, -60: 0, -30: meterWidth / 2, 0: meterWidth, 10: meterWidth} {
		if got := strings.Count(meter(level), "█"); got != want {
			t.Errorf("%v dBFS: got %d, want %d", level, got, want)
		}
	}
}
