package media

import (
	"fmt"
	"strings"
	"time"
)

// Stroke is one thing to do on a keypad: to press a key, or to wait.  Plain data.
type Stroke struct {
	Key    byte          // '0' to '9', '*', '#', 'A' to 'D'; 0: none, and nothing is sent for that long
	Length time.Duration // how long the key is held down, 40 ms to 8 s; 0: 100 ms.  Of a wait, 10 minutes at most
	Gap    time.Duration // how long nothing is sent behind the key, 40 ms to 10 minutes; 0: 100 ms.  Of a wait, nothing more
}

// The bounds of a stroke.
const (
	MostStrokes = 64 // in Keys

	usualStroke = 100 * time.Millisecond
	leastStroke = 40 * time.Millisecond // ITU-T Q.24: who takes keys takes those of 40 ms, after a pause of 40 ms
	mostStroke  = 8 * time.Second       // an event counts its length in 16 bits: 8.19 s at 8,000 Hz (RFC 4733 section 2.5.1.3 has segments for more)
	mostRest    = 10 * time.Minute
)

// eventCodes are the keys by their code, RFC 4733 table 3.
const eventCodes = "0123456789*#ABCD"

// Keys are strokes that are sent one after the other.  NewKeys makes them; the zero value is none.  Plain data, comparable.
type Keys struct {
	Beats   [MostStrokes]Beat
	Count   uint8
	InSound bool // as tones in the sound, also where events are agreed
}

// Beat is a Stroke as it is sent, in frames of 20 ms.
type Beat struct {
	Key         byte
	Length, Gap uint16
}

// NewKeys makes keys of strokes, MostStrokes at most.  Their times are rounded up to 20 ms.  The error says which stroke is none.
func NewKeys(inSound bool, strokes ...Stroke) (Keys, error) {
	k := Keys{InSound: inSound}
	if len(strokes) > MostStrokes {
		return Keys{}, fmt.Errorf("%d strokes of keys, where %d are the most", len(strokes), MostStrokes)
	}
	for i, s := range strokes {
		beat, err := s.beat()
		if err != nil {
			return Keys{}, fmt.Errorf("stroke %d: %w", i+1, err)
		}
		k.Beats[i] = beat
		k.Count++
	}
	return k, nil
}

func (s Stroke) beat() (Beat, error) {
	if s.Key == 0 {
		if s.Length < 0 || s.Length > mostRest || s.Gap != 0 {
			return Beat{}, fmt.Errorf("a wait of %s and %s, where 0s to %s and no gap can be", s.Length, s.Gap, mostRest)
		}
		return Beat{Length: frames(s.Length)}, nil
	}
	if strings.IndexByte(eventCodes, s.Key) < 0 {
		return Beat{}, fmt.Errorf("%q is no key", s.Key)
	}
	if s.Length == 0 {
		s.Length = usualStroke
	}
	if s.Gap == 0 {
		s.Gap = usualStroke
	}
	if s.Length < leastStroke || s.Length > mostStroke || s.Gap < leastStroke || s.Gap > mostRest {
		return Beat{}, fmt.Errorf("%c for %s and a gap of %s, where %s to %s and a gap of %s to %s can be", s.Key, s.Length, s.Gap, leastStroke, mostStroke, leastStroke, mostRest)
	}
	return Beat{Key: s.Key, Length: frames(s.Length), Gap: frames(s.Gap)}, nil
}

// frames is how many of them it takes.
func frames(d time.Duration) uint16 { return uint16((d + frameTime - 1) / frameTime) }
