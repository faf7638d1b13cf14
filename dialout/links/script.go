package links

import (
	"fmt"
	"strings"
	"time"
)

// Script is what is done when the far side has answered, step by step.
type Script []Step

// Step is one of them.
type Step struct {
	Kind  StepKind
	Key   byte          // of a Key: '0' to '9', '*', '#', 'A' to 'D'
	Pause time.Duration // of a Pause
}

// StepKind is what a step is.
type StepKind uint8

const (
	Key    StepKind = iota // a key is pressed
	Pause                  // nothing is done for a while
	Prompt                 // the end of what the far side says is waited for: speech, and then silence
)

// What the letters of a script mean that are no keys.
const (
	shortPause = 500 * time.Millisecond // w, as Asterisk's SendDTMF has it
	longPause  = 2 * time.Second        // a comma, as modems have it
)

// mostSteps is how long a script may be.
const mostSteps = 64

// ParseScript reads a script: keys, w for half a second, a comma for two, W for the end of what the far side says; white space
// means nothing. Small letters a to d are keys as well. The error says what to write.
func ParseScript(text string) (Script, error) {
	var s Script
	for at, c := range text {
		switch {
		case c == 'w':
			s = append(s, Step{Kind: Pause, Pause: shortPause})
		case c == ',':
			s = append(s, Step{Kind: Pause, Pause: longPause})
		case c == 'W':
			s = append(s, Step{Kind: Prompt})
		case c == ' ' || c == '\t':
		case c < 0x80 && strings.ContainsRune("0123456789*#ABCDabcd", c):
			s = append(s, Step{Kind: Key, Key: strings.ToUpper(string(c))[0]})
		default:
			return nil, fmt.Errorf("%q at position %d is neither a key (0-9 * # A-D) nor w (half a second), a comma (two seconds) or W (until the far side has spoken)", c, at+1)
		}
		if len(s) > mostSteps {
			return nil, fmt.Errorf("it has more than %d steps", mostSteps)
		}
	}
	return s, nil
}

// Keys are the keys of the script, without its pauses.
func (s Script) Keys() string {
	var keys []byte
	for _, step := range s {
		if step.Kind == Key {
			keys = append(keys, step.Key)
		}
	}
	return string(keys)
}
