package main

import (
	"fmt"
	"strings"
	"time"
)

// attendance is the roster that the demo shows of a room: one look at it.
type attendance struct {
	title    string
	present  []attendee
	clock    lateness
	messages []string // under the roster, the oldest first
}

// An attendee is one participant as the roster shows him.
type attendee struct {
	name, number string
	talking      bool
	state        string  // "on hold", "muted", what else there is to say, or nothing
	level        float64 // of what he says, dBFS
}

// A lateness is how punctual the media clock has been.
type lateness struct {
	ticks, skipped uint64
	p50, p99, most time.Duration
}

const (
	meterWidth  = 24
	meterBottom = -60.0 // dBFS at the left end; 0 is at the right one
)

// lines is the roster as text, without escape codes.
func (r attendance) lines() []string {
	lines := []string{r.title, ""}
	for _, a := range r.present {
		lines = append(lines, a.line())
	}
	if len(r.present) == 0 {
		lines = append(lines, "  nobody is in the room")
	}
	lines = append(lines, "", r.clock.String(), "")
	return append(lines, r.messages...)
}

func (a attendee) line() string {
	mark, state := " ", a.state
	if a.talking {
		mark = "*"
		if state == "" {
			state = "talks"
		}
	}
	name := a.name
	if name == "" {
		name = "(no name)"
	}
	return strings.TrimRight(fmt.Sprintf("%s %-16.16s %-14.14s %s %s", mark, name, a.number, meter(a.level), state), " ")
}

// meter is a bar for a level in dBFS.
func meter(level float64) string {
	full := int((level - meterBottom) / -meterBottom * meterWidth)
	full = min(max(full, 0), meterWidth)
	return strings.Repeat("█", full) + strings.Repeat("·", meterWidth-full)
}

func (l lateness) String() string {
	return fmt.Sprintf("clock: %d ticks, late %s median, %s p99, %s worst, %d skipped",
		l.ticks, milliseconds(l.p50), milliseconds(l.p99), milliseconds(l.most), l.skipped)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
