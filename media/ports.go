package media

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoPorts says that every pair of ports in the range is in a call, or used by another program.  The errors of Open that wrap
// it say how many.
var ErrNoPorts = errors.New("no free RTP ports")

// PortRange is the UDP ports that legs may use, both ends included.  Zero value: 20000 to 29999.
type PortRange struct{ First, Last uint16 }

// Pairs is how many legs the range has room for: an even port for RTP and the odd one above it for RTCP (RFC 3550 section 11).
func (r PortRange) Pairs() int {
	first := (int(r.First) + 1) / 2 * 2
	return max(0, (int(r.Last)+1-first)/2)
}

// ports lends pairs of ports in turn.  A pair that comes back rests a while, so that packets which are still on their
// way to a finished call do not enter a new one.  Rest is a preference: when no pair is left that has rested, the one that has rested
// longest is lent, for a call refused is worse.  So a pair remembers whose stream went to it last, and the Latch of the next call keeps that out.
type ports struct {
	first uint16        // the lowest even port
	rest  time.Duration // how long a returned pair is to rest

	mu    sync.Mutex
	next  int         // where the search goes on: the one after the last one lent
	lent  []bool      // by pair
	busy  []bool      // by pair: another program had it when we tried last
	ready []time.Time // by pair: when it will have rested
	gone  []Stream    // by pair: what came to it in the last call, and may still be coming
	used  int         // how many are lent
}

func newPorts(r PortRange, rest time.Duration) (*ports, error) {
	if r == (PortRange{}) {
		r = PortRange{20000, 29999}
	}
	n := r.Pairs()
	if n == 0 || r.First == 0 {
		return nil, fmt.Errorf("port range %d-%d holds no pair of an even and an odd port", r.First, r.Last)
	}
	return &ports{first: (r.First + 1) / 2 * 2, rest: rest, lent: make([]bool, n), busy: make([]bool, n), ready: make([]time.Time, n),
		gone: make([]Stream, n)}, nil
}

// take lends the next pair that has rested, else the one that has rested longest, and returns its even port.
func (p *ports) take(now time.Time) (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := -1
	for step := range p.lent {
		i := (p.next + step) % len(p.lent)
		switch {
		case p.lent[i]:
		case !now.Before(p.ready[i]):
			return p.lend(i), nil
		case longest < 0 || p.ready[i].Before(p.ready[longest]):
			longest = i
		}
	}
	if longest < 0 {
		return 0, p.noneFree()
	}
	return p.lend(longest), nil
}

// lend is for the holder of the lock.
func (p *ports) lend(i int) uint16 {
	p.next = (i + 1) % len(p.lent)
	p.lent[i], p.busy[i] = true, false
	p.used++
	return p.first + uint16(2*i)
}

// give takes a pair back, to rest from now on.  gone is what came to it.
func (p *ports) give(port uint16, gone Stream, now time.Time) { p.back(port, gone, now, false) }

// refused takes a pair back that another program has.  It rests like any other, so that all others are tried before it.
func (p *ports) refused(port uint16, now time.Time) { p.back(port, Stream{}, now, true) }

func (p *ports) back(port uint16, gone Stream, now time.Time, busy bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ours := p.pair(port)
	if !ours {
		return
	}
	p.lent[i], p.busy[i], p.ready[i] = false, busy, now.Add(p.rest)
	p.used--
	if !busy {
		p.gone[i] = gone
	}
}

// last is what came to the pair with that even port in the last call, and may still come.
func (p *ports) last(port uint16, now time.Time) Stream {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i, ours := p.pair(port); ours && now.Sub(p.ready[i]) < goneMost {
		return p.gone[i]
	}
	return Stream{}
}

// pair is the place of the pair with that even port, if it is in the range: a leg that was opened under another range is not.
func (p *ports) pair(port uint16) (i int, ours bool) {
	i = (int(port) - int(p.first)) / 2
	return i, port >= p.first && i < len(p.lent) && port%2 == 0
}

// exhausted is ErrNoPorts with what an operator wants to know: is the range too small, or does another program live in it?
func (p *ports) exhausted() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.noneFree()
}

// noneFree is for the holder of the lock.
func (p *ports) noneFree() error {
	others := 0
	for _, busy := range p.busy {
		if busy {
			others++
		}
	}
	return fmt.Errorf("%w: media.ports: %d pairs, %d in calls, %d used by other programs", ErrNoPorts, len(p.lent), p.used, others)
}

func (p *ports) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
