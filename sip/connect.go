package sip

import (
	"context"
	"net"
	"sync"

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
	err    error // once done is closed
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
	c := e.connections.want(addr, func(ctx context.Context) error {
		conn, err := e.transport.ClientRequestConnection(ctx, own)
		if err == nil {
			conn.TryClose() // gives back the reference that we were given
		}
		return err
	})
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		e.connections.unwant(addr, c)
		return ctx.Err()
	}
}

// want joins those who wait for a connection; the first one begins to make it.
func (s *connections) want(addr string, dial func(context.Context) error) *connecting {
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
			c.err = dial(ctx)
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
