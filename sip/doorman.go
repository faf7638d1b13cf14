package sip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// mostStrangers is how many untrusted connections are answered at once;
	// more are closed without a word.
	mostStrangers = 16
	// mostConnections is how many one trusted address may hold open: room for
	// the phones behind one router, but not for all our descriptors.
	mostConnections = 128
	// writeTime is how long a peer may leave what we write unread. Everything
	// that goes to it waits for this, so it is short.
	writeTime = 2 * time.Second
)

// doorman is a Listener that stands between our TCP socket and sipgo. It gives
// sipgo the connections of trusted peers only, limits them, and survives what a
// busy machine does to Accept (out of descriptors, an aborted connection),
// which would end sipgo's listener. It knows all lines of its endpoint, those
// that we have opened too, and can have them stand still.
type doorman struct {
	net.Listener
	gate    *gate         // knows whom to trust; it has no socket here
	turning chan struct{} // holds one for each stranger who is being turned away
	shut    chan struct{} // closed: so is the listener
	close   func() error

	halt atomic.Pointer[halt] // nil: no pause is on; changed with mu held

	mu        sync.Mutex
	calm      *sync.Cond         // told when nothing moves any more
	open      map[netip.Addr]int // accepted connections by peer
	lines     map[*line]struct{}
	moving    int  // of the lines: read, or are about to
	accepting bool // somebody is in the listener's Accept
	opening   int  // connections that are being made
}

func newDoorman(l net.Listener, g *gate) *doorman {
	d := &doorman{
		Listener: l, gate: g, turning: make(chan struct{}, mostStrangers), shut: make(chan struct{}),
		open: map[netip.Addr]int{}, lines: map[*line]struct{}{},
	}
	d.calm = sync.NewCond(&d.mu)
	d.close = sync.OnceValue(func() error {
		close(d.shut)
		return d.Listener.Close()
	})
	return d
}

// Close ends Accept, also in a pause. The lines are closed one by one.
func (d *doorman) Close() error { return d.close() }

// Accept returns the next connection that sipgo may serve. In a pause it waits
// for its end.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		if err := d.approach(); err != nil {
			return nil, err
		}
		line, err := d.next()
		d.leave()
		if line != nil || err != nil {
			return line, err
		}
	}
}

// next takes one connection from the kernel; nil if it was none for sipgo. The
// only error is net.ErrClosed.
func (d *doorman) next() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil, err
	case errors.Is(err, os.ErrDeadlineExceeded): // a pause begins
	case err != nil:
		d.gate.strange.Do(func() { d.gate.log.Warn("accepting SIP connection", "err", err) })
		time.Sleep(10 * time.Millisecond)
	case !d.gate.trusted.contains(conn.RemoteAddr().String()):
		d.turnAway(conn)
	default:
		classify(conn)
		if line := d.admit(conn); line != nil {
			return line, nil
		}
		conn.Close()
	}
	return nil, nil
}

// admit counts a connection; nil when its peer has too many.
func (d *doorman) admit(conn net.Conn) *line {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil
	}
	peer := remote.Addr()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open[peer] >= mostConnections {
		d.gate.strange.Do(func() { d.gate.log.Warn("too many SIP connections from one address", "from", peer) })
		return nil
	}
	d.open[peer]++
	return d.enter(conn, remote, false)
}

// enter makes a line of a connection. The lock is held.
func (d *doorman) enter(conn net.Conn, remote netip.AddrPort, opened bool) *line {
	l := &line{Conn: conn, door: d, remote: remote, opened: opened, gone: make(chan struct{})}
	l.hangUp = sync.OnceValue(func() error {
		close(l.gone)
		err := conn.Close()
		d.forget(l)
		return err
	})
	d.lines[l] = struct{}{}
	d.moving++
	return l
}

// forget takes a line that is closed off the books.
func (d *doorman) forget(l *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lines, l)
	if !l.still {
		d.moves(-1)
	}
	if l.opened {
		return
	}
	peer := l.remote.Addr()
	if d.open[peer]--; d.open[peer] == 0 {
		delete(d.open, peer)
	}
}

// turnAway answers the first request of a stranger with 403 and hangs up.
func (d *doorman) turnAway(conn net.Conn) {
	d.gate.suspect(conn.RemoteAddr())
	select {
	case d.turning <- struct{}{}:
	default:
		conn.Close()
		return
	}
	go func() { // ends with the deadline
		defer func() { <-d.turning }()
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(writeTime))
		request := make([]byte, 4096)
		n, _ := conn.Read(request)
		if response := statelessResponse(request[:n], "403 Forbidden"); response != nil {
			conn.Write(response)
		}
	}()
}
