package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"

	sipgo "github.com/emiago/sipgo/sip"
)

// connections are those over TCP that an endpoint is just making. sipgo lets
// all who want the same one wait for whoever came first, and fail when he gives
// up; here it is made for as long as anybody wants it.
type connections struct {
	mu    sync.Mutex
	being map[string]*connecting // made, by their address
}

// connecting is one connection that is being made.
type connecting struct {
	wanted int // by how many
	giveUp context.CancelFunc
	done   chan struct{}

	// Once done is closed.
	to  string // the numeric address
	err error
}

// connect makes the connection over TCP that a request needs, or waits until
// ctx ends for somebody else who is making it.
func (e *endpoint) connect(ctx context.Context, req *sipgo.Request) error {
	addr := req.Destination()
	if e.closed.Load() {
		return net.ErrClosed
	}
	if e.connected(addr) {
		return nil
	}
	own := req.Clone() // sipgo writes into it
	c := e.connections.want(addr, func(ctx context.Context) (string, error) { return e.dial(ctx, own) })
	select {
	case <-c.done:
		if c.err == nil {
			req.SetDestination(c.to) // a name may mean another address the next time
		}
		return c.err
	case <-ctx.Done():
		e.connections.unwant(addr, c)
		return ctx.Err()
	}
}

// unopened is the error of sipgo's own dialling: the address that it was about
// to connect to. A connection that it makes is its own, and could be neither
// paused nor handed over.
type unopened string

func (u unopened) Error() string { return "no connection to " + string(u) }

// leadOnly is a dialer that finds out where sipgo wants to connect to, and
// connects to nobody.
func leadOnly(net.Addr) net.Dialer {
	return net.Dialer{Control: func(_, address string, _ syscall.RawConn) error { return unopened(address) }}
}

// dial makes the connection that a request needs, if there is none, and says to
// which address it is.
func (e *endpoint) dial(ctx context.Context, req *sipgo.Request) (to string, err error) {
	known, err := e.transport.ClientRequestConnection(ctx, req)
	if err == nil {
		known.TryClose() // gives back the reference that we were given
		return known.(net.Conn).RemoteAddr().String(), nil
	}
	found, ok := errors.AsType[unopened](err)
	if !ok {
		return "", err
	}
	conn, err := dialer.DialContext(ctx, "tcp", string(found))
	if err != nil {
		return "", err
	}
	e.still.enter() // a pause does not wait for a peer that may not be there: who needs the connection asks again in the other process
	defer e.still.leave()
	e.door.opens(1)
	defer e.door.opens(-1)
	l, err := e.door.letOut(conn)
	if err != nil {
		conn.Close()
		return "", err
	}
	e.present(l)
	if e.closed.Load() {
		l.Close() // sipgo may have closed all that it knows before
	}
	return string(found), nil
}

// opens counts the connections that are being made.
func (d *doorman) opens(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.opening += n
	d.moves(0)
}

// letOut makes a line of a connection that we have opened. It is not counted as
// one of its peer's.
func (d *doorman) letOut(conn net.Conn) (*line, error) {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.enter(conn, remote, true), nil
}

// present gives sipgo a line that it has not accepted: it is the only one of a
// listener that is closed after it.
func (e *endpoint) present(l *line) { e.transport.ServeTCP(&oneLine{e.door, l}) }

// oneLine is a listener with one connection.
type oneLine struct {
	net.Listener
	conn net.Conn
}

func (s *oneLine) Accept() (conn net.Conn, err error) {
	if s.conn == nil {
		return nil, net.ErrClosed
	}
	conn, s.conn = s.conn, nil
	return conn, nil
}

// want joins those who wait for a connection; the first one begins to make it.
func (s *connections) want(addr string, dial func(context.Context) (to string, err error)) *connecting {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.being[addr]
	if c == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 64*t1)
		c = &connecting{giveUp: cancel, done: make(chan struct{})}
		if s.being == nil {
			s.being = map[string]*connecting{}
		}
		s.being[addr] = c
		go func() { // ends with the dialling, which the last one who wants it can end
			defer cancel()
			c.to, c.err = dial(ctx)
			s.made(addr, c)
		}()
	}
	c.wanted++
	return c
}

// made says that it is made, or cannot be.
func (s *connections) made(addr string, c *connecting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.being[addr] == c {
		delete(s.being, addr)
	}
	close(c.done)
}

// unwant leaves those who wait.
func (s *connections) unwant(addr string, c *connecting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.wanted--; c.wanted == 0 {
		c.giveUp()
		if s.being[addr] == c {
			delete(s.being, addr)
		}
	}
}
