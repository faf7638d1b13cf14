package links

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Link is one permanent external participant as the operator writes it. Plain data; Room and Number are required.
type Link struct {
	Room   string // the number of the room
	Number string // that is dialled
	Trunk  string // over which; empty: those that take the number, in their order
	Line   string // the line that it shares with others; empty: none
	DTMF   string // its script: see ParseScript

	From []string // the numbers that the far side shows when it calls by itself; empty: Number

	Send Sending       // how keys are sent
	Tone time.Duration // how long a key is; 0: 160 ms
	Gap  time.Duration // how long nothing is sent after it; 0: 100 ms

	Retry []time.Duration // how long to wait before it is dialled again; the last one from then on; empty: 0 s, 5 s, 15 s, 30 s, 1 m
	Ended time.Duration   // the least wait when the far side has hung up by itself; 0: 30 s
	Lost  time.Duration   // how long nothing has come from the far side when it counts as dead; 0: 15 s
}

// Line is what several links share. Plain data; Name is required.
type Line struct {
	Name     string
	Capacity int // how many calls it takes; 0: 1
}

// Sending is how keys are sent.
type Sending uint8

const (
	Auto   Sending = iota // as the far side takes them: events, else INFO, else tones in the sound
	Events                // RFC 4733
	Info                  // SIP INFO with application/dtmf-relay
	Inband                // tones in the sound
)

var sendingNames = [...]string{Auto: "auto", Events: "events", Info: "info", Inband: "inband"}

// String is the name that the configuration has for it.
func (s Sending) String() string {
	if int(s) < len(sendingNames) {
		return sendingNames[s]
	}
	return "unknown way of sending"
}

// ParseSending reads one; the empty text is Auto.
func ParseSending(text string) (Sending, error) {
	for i, name := range sendingNames {
		if text == name {
			return Sending(i), nil
		}
	}
	if text == "" {
		return Auto, nil
	}
	return Auto, fmt.Errorf("%q is no way to send keys; write %s", text, strings.Join(sendingNames[:], ", "))
}

// Defaults of Link.
const (
	defaultTone  = 160 * time.Millisecond
	defaultGap   = 100 * time.Millisecond
	defaultEnded = 30 * time.Second
	defaultLost  = 15 * time.Second
)

var defaultRetry = []time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second, time.Minute}

// complete is the link with its defaults.
func (l Link) complete() Link {
	l.Tone, l.Gap = cmp.Or(l.Tone, defaultTone), cmp.Or(l.Gap, defaultGap)
	l.Ended, l.Lost = cmp.Or(l.Ended, defaultEnded), cmp.Or(l.Lost, defaultLost)
	if len(l.Retry) == 0 {
		l.Retry = defaultRetry
	}
	return l
}
