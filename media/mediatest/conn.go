// Package mediatest lets tests speak to a media.Leg without a network: a Conn in memory, and a Phone that talks, presses keys and
// hears over it.  Tests of rooms use it as the other end of each participant.
//
//	anna := mediatest.NewPhone(t, codec.PCMA)
//	anna.Says(440)
//	for now := range mediatest.Ticks(50) {
//		anna.Tick()         // 20 ms of what she says
//		room.Tick(now)      // pulls and pushes anna.Leg
//	}
//	level := mediatest.Level(anna.Hears(), 440, 8000)
package mediatest

import (
	"net/netip"
	"sync"
)

// Conn is a media.Conn in memory.  Datagrams of the leg are kept until Sent takes them, the newest 4,096 of them.
// After its buffers have grown it allocates nothing.  Safe for concurrent use.
type Conn struct {
	local netip.AddrPort

	mu     sync.Mutex
	in     queue
	out    queue
	last   int64 // when the datagram came that Recv took last
	closed bool
}

// NewConn is bound to the address, as far as that goes in memory.
func NewConn(local netip.AddrPort) *Conn { return &Conn{local: local} }

// Deliver puts a datagram from that address into the leg's socket.
func (c *Conn) Deliver(b []byte, from netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.put(b, from, 0)
}

// DeliverAt is Deliver of a datagram that came at that time of the ticks' clock.
func (c *Conn) DeliverAt(at int64, b []byte, from netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.in.put(b, from, at)
}

// Sent takes the datagrams that the leg has sent since the last call: use is called for each, and must not keep b.
func (c *Conn) Sent(use func(b []byte, to netip.AddrPort)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		d := c.out.take()
		if d == nil {
			return
		}
		use(d.b, d.peer)
	}
}

// Closed says whether the leg has closed the socket.
func (c *Conn) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Recv implements media.Conn.
func (c *Conn) Recv(b []byte) (int, netip.AddrPort, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.in.take()
	if d == nil {
		return 0, netip.AddrPort{}, false
	}
	c.last = d.at
	return copy(b, d.b), d.peer, true
}

// Arrived implements media.Conn: unknown, but for what DeliverAt delivered.
func (c *Conn) Arrived() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Send implements media.Conn.
func (c *Conn) Send(b []byte, to netip.AddrPort) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.out.put(b, to, 0)
	return true
}

// Connect implements media.Conn: it keeps nobody out, as a socket need not.
func (c *Conn) Connect(netip.AddrPort) {}

// LocalAddr implements media.Conn.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Close implements media.Conn.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return nil
}

type datagram struct {
	b    []byte
	peer netip.AddrPort
	at   int64
}

// queue is a ring of datagrams whose buffers are used again.
type queue struct {
	ring        []datagram
	first, size int
}

const queueMax = 4096

func (q *queue) put(b []byte, peer netip.AddrPort, at int64) {
	switch {
	case q.size < len(q.ring):
	case q.size < queueMax:
		q.grow()
	default:
		q.take() // the oldest is lost
	}
	d := &q.ring[(q.first+q.size)%len(q.ring)]
	d.b, d.peer, d.at = append(d.b[:0], b...), peer, at
	q.size++
}

func (q *queue) grow() {
	ring := make([]datagram, max(16, 2*len(q.ring)))
	for i := range q.size {
		ring[i] = q.ring[(q.first+i)%len(q.ring)]
	}
	q.ring, q.first = ring, 0
}

func (q *queue) take() *datagram {
	if q.size == 0 {
		return nil
	}
	d := &q.ring[q.first]
	q.first = (q.first + 1) % len(q.ring)
	q.size--
	return d
}
