package sip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// leastRead is how much room there is at least for what is read of a message
// whose beginning is here already.
const leastRead = 4096

// line is one connection as sipgo has it. It reads whole messages only, so that
// between two reads of sipgo's nothing of a message is known to sipgo alone, and
// waits with the next one while a pause is on. A peer that does not read is hung
// up: sipgo writes without a deadline, and every call on the line would wait.
type line struct {
	net.Conn
	door   *doorman
	remote netip.AddrPort
	opened bool          // by us
	gone   chan struct{} // closed: so is the line
	hangUp func() error  // does it, once

	still bool // its reader waits for the end of a pause; guarded by the door's mu

	writing sync.Mutex // the deadline is that of one message; the next must not put it off

	// Of the reader, and while it is still of whoever has paused the door.
	framer framer
	held   []byte // what was read and sipgo has not got
	whole  int    // so many bytes of it may be given to it
	broken bool   // and then no more: the peer is out of step
}

// Read gives whole messages, or as much of the first one as b has room for, or
// one ping.
func (l *line) Read(b []byte) (int, error) {
	for {
		if l.whole == 0 && len(l.held) > 0 && !l.broken {
			l.sort()
		}
		switch {
		case l.whole > 0:
			return l.give(b), nil
		case l.broken:
			return 0, errOutOfStep
		case len(l.held) > 0:
			l.held = slices.Grow(l.held, leastRead)
			n, err := l.receive(l.held[len(l.held):cap(l.held)])
			if n == 0 && err != nil {
				return 0, err
			}
			l.held = l.held[:len(l.held)+n]
			continue
		}
		n, err := l.receive(b)
		if n == 0 && err != nil {
			return 0, err
		}
		if n = l.pass(b[:n]); n > 0 {
			return n, nil
		}
	}
}

// pass is the usual case: what was read into sipgo's own memory is messages and
// stays there. It returns how many bytes those are; the rest is held.
func (l *line) pass(b []byte) int {
	from, to, rest, err := l.framer.cut(b)
	l.broken = err != nil
	if rest < len(b) {
		l.held = append(l.held, b[rest:]...)
	}
	return copy(b, b[from:to])
}

// sort finds out what may be given of what is held.
func (l *line) sort() {
	from, to, rest, err := l.framer.cut(l.held)
	l.whole, l.broken = to-from, err != nil
	if rest > to {
		copy(l.held[rest-l.whole:], l.held[from:to]) // what is between is of no use either
		from = rest - l.whole
	}
	l.held = l.held[from:]
}

// give hands out what may be.
func (l *line) give(b []byte) int {
	n := copy(b, l.held[:l.whole])
	l.whole -= n
	if l.held = l.held[n:]; len(l.held) == 0 {
		l.held = nil // messages in pieces are rare: their memory is given back
	}
	return n
}

// receive reads from the socket, unless a pause is on.
func (l *line) receive(b []byte) (int, error) {
	for {
		if h := l.door.halt.Load(); h != nil {
			if err := l.door.stand(l, h); err != nil {
				return 0, err
			}
		}
		// Only a pause sets a deadline, to wake the reader.
		if n, err := l.Conn.Read(b); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// SetWriteDeadline is sipgo's way to hang up whoever does not read, but there
// the deadline of a message would put off that of the one before.
func (l *line) SetWriteDeadline(time.Time) error { return nil }

func (l *line) Write(b []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.Conn.SetWriteDeadline(time.Now().Add(writeTime))
	n, err := l.Conn.Write(b)
	if err != nil {
		l.Close() // half a message may be out: nothing after it would be understood
	}
	return n, err
}

func (l *line) Close() error { return l.hangUp() }
