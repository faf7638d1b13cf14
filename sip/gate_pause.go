package sip

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// parking is where the reader of a socket stays while nothing shall be read.
// Its zero value lets everybody pass.
type parking struct {
	mu     sync.Mutex
	out    chan struct{} // closed when reading goes on; nil: it does
	parked chan struct{} // closed when the reader is here
	here   bool
	reads  bool // there is a reader
}

// shut has the reader stop at its next visit, and returns a channel that is
// closed when it has: then what it has read is in the hands of others.
func (p *parking) shut() (parked <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		p.out, p.parked = make(chan struct{}), make(chan struct{})
		if p.here = !p.reads; p.here {
			close(p.parked)
		}
	}
	return p.parked
}

// open lets the reader go on.
func (p *parking) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		close(p.out)
		p.out, p.here = nil, false
	}
}

// pass is called by the reader before it reads.
func (p *parking) pass() {
	p.mu.Lock()
	p.reads = true
	for p.out != nil {
		out := p.out
		if !p.here {
			p.here = true
			close(p.parked)
		}
		p.mu.Unlock()
		<-out
		p.mu.Lock()
	}
	p.mu.Unlock()
}

// gone says that there is no reader any more.
func (p *parking) gone() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads = false
	if p.out != nil && !p.here {
		p.here = true
		close(p.parked)
	}
}

// pause has no datagram be read any more, and returns when what was read is
// with the transaction layer. What comes now waits in the kernel.
func (g *gate) pause(ctx context.Context) error {
	parked := g.parking.shut()
	g.PacketConn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader up
	select {
	case <-parked:
		return nil
	case <-ctx.Done():
		g.resume()
		return ctx.Err()
	}
}

func (g *gate) resume() {
	g.PacketConn.SetReadDeadline(time.Time{})
	g.parking.open()
}

// woken tells whether a read has ended only because the reader is to park.
func woken(err error) bool { return os.IsTimeout(err) }

// again is a datagram that another process has read, and that is to be read
// once more.
type again struct {
	data   []byte
	source net.Addr
}

// repeated takes the next of those; false: there is none.
func (g *gate) repeated(buf []byte) (n int, source net.Addr, ok bool) {
	if len(g.again) == 0 {
		return 0, nil, false
	}
	d := g.again[0]
	g.again = g.again[1:]
	return copy(buf, d.data), d.source, true
}
