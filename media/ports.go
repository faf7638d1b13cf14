package media

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrNoPorts says that every pair of ports in the range is taken, resting, or used by somebody else.
var ErrNoPorts = errors.New("no free RTP ports")

// PortRange is the UDP ports that legs may use, both ends included.  Zero value: 20000 to 29999.
type PortRange struct{ First, Last uint16 }

// Pairs is how many legs the range has room for: an even port for RTP and the odd one above it for RTCP (RFC 3550 section 11).
func (r PortRange) Pairs() int {
	first := (int(r.First) + 1) / 2 * 2
	return max(0, (int(r.Last)+1-first)/2)
}

// ports lends pairs of ports in turn.  A pair that comes back rests a while before it is lent again, so that packets
// which are still on their way to a finished call never enter a new one.
type ports struct {
	first uint16        // the lowest even port
	rest  time.Duration // how long a returned pair is not lent

	mu    sync.Mutex
	next  int         // where the search goes on: the one after the last one lent
	lent  []bool      // by pair
	ready []time.Time // by pair: when it may be lent again
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
	return &ports{first: (r.First + 1) / 2 * 2, rest: rest, lent: make([]bool, n), ready: make([]time.Time, n)}, nil
}

// take lends the next pair that is neither lent nor resting and returns its even port.
func (p *ports) take(now time.Time) (uint16, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.lent {
		i := p.next
		p.next = (p.next + 1) % len(p.lent)
		if !p.lent[i] && !now.Before(p.ready[i]) {
			p.lent[i] = true
			p.used++
			return p.first + uint16(2*i), nil
		}
	}
	return 0, ErrNoPorts
}

// give takes a pair back, to rest from now on.
func (p *ports) give(port uint16, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := int(port-p.first) / 2
	p.lent[i], p.ready[i] = false, now.Add(p.rest)
	p.used--
}

func (p *ports) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
