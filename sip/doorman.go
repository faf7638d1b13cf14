package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
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
// which would end sipgo's listener.
type doorman struct {
	net.Listener
	gate    *gate         // knows whom to trust; it has no socket here
	turning chan struct{} // holds one for each stranger who is being turned away

	mu    sync.Mutex
	lines map[netip.Addr]int // open connections by peer
}

func newDoorman(l net.Listener, g *gate) *doorman {
	return &doorman{Listener: l, gate: g, turning: make(chan struct{}, mostStrangers), lines: map[netip.Addr]int{}}
}

// Accept returns the next connection that sipgo may serve.
func (d *doorman) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
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
	}
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
	if d.lines[peer] >= mostConnections {
		d.gate.strange.Do(func() { d.gate.log.Warn("too many SIP connections from one address", "from", peer) })
		return nil
	}
	d.lines[peer]++
	return &line{Conn: conn, closed: sync.OnceFunc(func() { d.gone(peer) })}
}

func (d *doorman) gone(peer netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lines[peer]--; d.lines[peer] == 0 {
		delete(d.lines, peer)
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

// line is one accepted connection. A peer that does not read is hung up:
// sipgo writes without a deadline, and every call on the line would wait.
type line struct {
	net.Conn
	closed func()

	writing sync.Mutex // the deadline is that of one message; the next must not put it off
}

// SetWriteDeadline is sipgo's way to the same end, which would do just that.
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

func (l *line) Close() error {
	l.closed()
	return l.Conn.Close()
}
