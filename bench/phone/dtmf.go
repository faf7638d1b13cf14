package phone

import (
	"encoding/binary"
	"strings"
	"time"
)

// keypad is the digits by their event code (RFC 4733 3.2).
const keypad = "0123456789*#ABCD"

// press is one key held down.
type press struct {
	code     byte
	length   int // in samples
	ts       uint32
	elapsed  int
	started  bool
	done     chan struct{} // closed after the last packet, or when the call ends
	skipHead int           // packets at the begin that are "lost"
	skipTail int           // of the three end packets, how many are "lost"
}

// pauseAfterPress keeps presses apart: RFC 4733 asks for 40 ms at least.
const pauseAfterPress = Rate * 60 / 1000

func newPress(digit byte, length time.Duration) (*press, bool) {
	code := strings.IndexByte(keypad, digit)
	if code < 0 {
		return nil, false
	}
	return &press{code: byte(code), length: samplesIn(length), done: make(chan struct{})}, true
}

// dial sends this turn's part of a pressed key; false if none is down, so that sound is sent. ts is the clock now and n
// the samples of this turn.
func (l *line) dial(ts uint32, n int) bool {
	if l.pause > 0 {
		l.pause -= n
		return false
	}
	if len(l.presses) == 0 {
		return false
	}
	p := l.presses[0]
	first := !p.started
	if first {
		p.started, p.ts = true, ts
	}
	p.elapsed += n
	if p.elapsed < p.length {
		l.event(p, first, false, p.skipHead > 0)
		p.skipHead--
		return true
	}
	// RFC 4733 2.5.1.4: the last packet is sent three times.
	for i := range 3 {
		l.event(p, false, true, i < p.skipTail)
	}
	l.presses, l.pause, l.marker = l.presses[1:], pauseAfterPress, true
	close(p.done)
	return true
}

// event sends one packet of RFC 4733 2.3: event, E bit and volume, duration. A lost one only uses its sequence number up.
func (l *line) event(p *press, marker, end, lost bool) {
	if lost {
		l.seq++
		return
	}
	b := make([]byte, 16)
	b[12], b[13] = p.code, 10
	if end {
		b[13] |= 0x80
	}
	binary.BigEndian.PutUint16(b[14:], uint16(min(p.elapsed, 0xffff)))
	l.packet(l.eventPT, marker, p.ts, b)
}
