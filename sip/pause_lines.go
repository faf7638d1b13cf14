package sip

import (
	"context"
	"fmt"
	"net"
	"time"
)

// halt is a pause of an endpoint's lines.
type halt struct {
	over chan struct{} // closed: go on
}

// wakeable is a listener whose Accept can be ended without closing it.
type wakeable interface{ SetDeadline(time.Time) error }

// longAgo is the deadline that wakes who reads or accepts.
var longAgo = time.Unix(1, 0)

// pauseLines has the connections of an endpoint stand still: none is accepted
// and nothing is read until resumeLines. Each stops between two messages: what
// was read of the next one is held, and what sipgo has got is whole. It returns
// when all do and none is being made. What is written goes out as ever.
//
// The error is ctx's, and says what has not come to rest; then all goes on as
// before. An endpoint for UDP has no lines.
func (e *endpoint) pauseLines(ctx context.Context) error {
	if e.door == nil {
		return nil
	}
	if err := e.door.pause(ctx); err != nil {
		return fmt.Errorf("pause %s: %w", e.listener.Name, err)
	}
	return nil
}

// resumeLines ends a pause. Without one it does nothing.
func (e *endpoint) resumeLines() {
	if e.door != nil {
		e.door.resume()
	}
}

func (d *doorman) pause(ctx context.Context) error {
	if _, ok := d.Listener.(wakeable); !ok {
		return fmt.Errorf("a listener of type %T cannot be paused", d.Listener)
	}
	d.begin()
	stop := context.AfterFunc(ctx, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.calm.Broadcast()
	})
	defer stop()
	d.mu.Lock()
	for d.restless() && ctx.Err() == nil {
		d.calm.Wait()
	}
	what := d.busy()
	d.mu.Unlock()
	if what == "" {
		return nil
	}
	d.resume()
	return fmt.Errorf("%s: %w", what, ctx.Err())
}

// begin wakes all who wait for the network, and has whoever comes next wait for
// the end of the pause.
func (d *doorman) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.halt.Load() != nil {
		return
	}
	d.halt.Store(&halt{over: make(chan struct{})})
	if socket, ok := d.Listener.(wakeable); ok {
		socket.SetDeadline(longAgo)
	}
	for l := range d.lines {
		l.Conn.SetReadDeadline(longAgo)
	}
}

func (d *doorman) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.halt.Load()
	if h == nil {
		return
	}
	if socket, ok := d.Listener.(wakeable); ok {
		socket.SetDeadline(time.Time{})
	}
	for l := range d.lines {
		l.Conn.SetReadDeadline(time.Time{})
		if l.still {
			l.still = false
			d.moving++
		}
	}
	d.halt.Store(nil)
	close(h.over)
}

// restless tells whether anything moves. The lock is held.
func (d *doorman) restless() bool { return d.moving > 0 || d.accepting || d.opening > 0 }

// busy says what does; empty: nothing. The lock is held.
func (d *doorman) busy() string {
	switch {
	case d.opening > 0:
		return fmt.Sprintf("connections are being made: %d", d.opening)
	case d.accepting:
		return "a connection is being accepted"
	}
	for l := range d.lines {
		if !l.still {
			return fmt.Sprintf("a message from %s is being read", l.remote)
		}
	}
	return ""
}

// moves counts so many more. The lock is held.
func (d *doorman) moves(n int) {
	d.moving += n
	if !d.restless() {
		d.calm.Broadcast()
	}
}

// stand has the reader of a line wait for the end of a pause; the error is that
// the line has been closed meanwhile.
func (d *doorman) stand(l *line, h *halt) error {
	d.mu.Lock()
	_, open := d.lines[l]
	if open && d.halt.Load() == h {
		l.still = true
		d.moves(-1)
	}
	d.mu.Unlock()
	select {
	case <-h.over:
		return nil
	case <-l.gone:
		return net.ErrClosed
	}
}

// approach waits until the listener may be asked for a connection; the error is
// that it has been closed.
func (d *doorman) approach() error {
	for {
		d.mu.Lock()
		h := d.halt.Load()
		d.accepting = h == nil
		d.mu.Unlock()
		if h == nil {
			return nil
		}
		select {
		case <-h.over:
		case <-d.shut:
			return net.ErrClosed
		}
	}
}

// leave says that the listener is not asked any more, for now.
func (d *doorman) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepting = false
	d.moves(0)
}
