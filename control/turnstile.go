package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// Turnstile is the entrance of an HTTP server whose process may be replaced by another one, which has the same listener. While it is held nobody comes in:
// new connections wait in the kernel, for whichever process will take them, and requests of old ones wait here. The zero value turns.
//
//	server := http.Server{Handler: t.Handler(h, nil), ConnState: t.Note}
//	server.Serve(t.Listener(l))
type Turnstile struct {
	mu     sync.Mutex
	held   chan struct{} // nil: it turns; closed when it turns again, or nobody is let in any more
	left   bool          // nobody is let in any more: the other process has taken over
	inside int           // requests that are being served
	empty  chan struct{} // closed when there is none; nil: nobody waits for that
	doors  []*turning
	busy   map[net.Conn]bool // those that are accepted, and have no answer yet
	idle   chan struct{}     // closed when there is none of them and will not be; nil: nobody waits for that
}

// deadliner is a listener whose Accept can be ended: a *net.TCPListener, a *net.UnixListener.
type deadliner interface{ SetDeadline(time.Time) error }

// errHeld is why it cannot be held.
var errHeld = errors.New("somebody who asks the server something is not answered yet")

// Hold lets nobody in from now on, and waits until those are out who are inside. After an error, that of ctx in words, it turns again.
func (t *Turnstile) Hold(ctx context.Context) error {
	t.mu.Lock()
	t.held = make(chan struct{})
	for _, door := range t.doors {
		door.SetDeadline(time.Unix(1, 0))
	}
	if t.inside == 0 {
		t.mu.Unlock()
		return nil
	}
	empty := make(chan struct{})
	t.empty = empty
	t.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		t.Release()
		return errHeld
	}
}

// Release lets everybody in again.
func (t *Turnstile) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.empty = nil
	if t.held == nil {
		return
	}
	for _, door := range t.doors {
		door.SetDeadline(time.Time{})
	}
	close(t.held)
	t.held = nil
}

// Leave sends away who waits, to ask again: the other process answers. It returns when all have an answer whose connection was accepted here, or when ctx
// ends. Then the server may be shut down, which would close a connection whose request it has just read.
func (t *Turnstile) Leave(ctx context.Context) {
	t.mu.Lock()
	for _, door := range t.doors {
		door.SetDeadline(time.Unix(1, 0))
	}
	t.left = true
	if t.held != nil {
		close(t.held)
		t.held = nil
	}
	idle := make(chan struct{})
	t.idle = idle
	t.settle()
	t.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// settle tells who waits for it that nobody is there any more. t.mu is held.
func (t *Turnstile) settle() {
	for _, door := range t.doors {
		if !door.shut {
			return
		}
	}
	if t.idle != nil && len(t.busy) == 0 {
		close(t.idle)
		t.idle = nil
	}
}

// Note is the server's ConnState.
func (t *Turnstile) Note(conn net.Conn, state http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch state {
	case http.StateActive:
		t.busy[conn] = true
	case http.StateIdle, http.StateClosed:
		delete(t.busy, conn)
		t.settle()
	}
}

// Handler is behind the turnstile but for the requests that pass says nobody holds up; pass may be nil.
func (t *Turnstile) Handler(h http.Handler, pass func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pass != nil && pass(r) {
			h.ServeHTTP(w, r)
			return
		}
		if !t.enter() {
			sendBack(w, r)
			return
		}
		defer t.exit()
		h.ServeHTTP(w, r)
	})
}

// sendBack has a client ask the same again, on a new connection, which another process answers.
func sendBack(w http.ResponseWriter, r *http.Request) {
	same := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/"), RawQuery: r.URL.RawQuery} // never another host
	w.Header().Set("Location", same.String())
	w.Header().Set("Connection", "close")
	reply(w, nil, refuse(http.StatusTemporaryRedirect, "another process has just taken over: ask again"))
}

// enter waits until it turns; false: it does not any more.
func (t *Turnstile) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.held != nil {
		held := t.held
		t.mu.Unlock()
		<-held
		t.mu.Lock()
	}
	if t.left {
		return false
	}
	t.inside++
	return true
}

func (t *Turnstile) exit() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inside--; t.inside == 0 && t.empty != nil {
		close(t.empty)
		t.empty = nil
	}
}

// Listener is l with the turnstile in front of it. That of another type than net's is let through: then a process that leaves may take a connection
// with it.
func (t *Turnstile) Listener(l net.Listener) net.Listener {
	door, ok := l.(deadliner)
	if !ok {
		return l
	}
	turning := &turning{Listener: l, deadliner: door, turnstile: t, closed: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doors = append(t.doors, turning)
	if t.busy == nil {
		t.busy = map[net.Conn]bool{}
	}
	if t.held != nil || t.left {
		door.SetDeadline(time.Unix(1, 0))
	}
	return turning
}

// turning is a listener behind a turnstile.
type turning struct {
	net.Listener
	deadliner
	turnstile *Turnstile
	shut      bool // nothing is accepted any more; guarded by Turnstile.mu
	once      sync.Once
	closed    chan struct{}
}

// Accept waits for a connection, and while the turnstile is held for that.
func (l *turning) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err == nil {
			l.turnstile.Note(conn, http.StateActive)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return conn, err
		}
		held, left := l.turnstile.standing(l)
		if left {
			<-l.closed
			return nil, net.ErrClosed
		}
		select {
		case <-held:
		case <-l.closed:
		}
	}
}

// standing is what a listener waits for, and whether that is in vain.
func (t *Turnstile) standing(l *turning) (held <-chan struct{}, left bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left {
		l.shut = true
		t.settle()
	}
	if t.held == nil { // it turns again already
		return turns, t.left
	}
	return t.held, t.left
}

// turns is closed.
var turns = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (l *turning) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
