package control

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what comes, unless the machine is out of order.
const patience = 20 * time.Second

// comes waits for it.
func comes[T any](t *testing.T, what string, c <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: it does not come", what)
	}
	return got
}

// asks has a client ask in the background.
func (c Client) asks(t *testing.T, command Command, about any) <-chan string {
	said := make(chan string, 1)
	go func() { // ends with the answer
		var answer any
		if err := c.Ask(context.Background(), command, about, &answer); err != nil {
			said <- "no: " + err.Error()
		} else {
			said <- "yes"
		}
	}()
	return said
}

// waits wants that nothing has come. It cannot fail where all is well, and on a busy machine it may find nothing.
func waits[T any](t *testing.T, what string, c <-chan T) {
	t.Helper()
	select {
	case got := <-c:
		t.Errorf("%s: got %v while it was to wait", what, got)
	case <-time.After(20 * time.Millisecond):
	}
}

// A Door that is paused carries out nothing, waits for what it has begun, and goes on where it was.
func TestPause(t *testing.T) {
	o := newTheatre()
	o.hangs = make(chan struct{})
	c, d := o.opens(t)
	under := c.asks(t, ShowStatus, nil)
	for deadline := time.Now().Add(patience); d.turnstile.people() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command is not begun")
		}
	}

	// Somebody is inside: who does not want to wait for that is told so, and others are served as before.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Pause(ctx); !errors.Is(err, errHeld) {
		t.Errorf("a pause while a command is under way: %v", err)
	}
	if got := comes(t, "kick after a pause that was given up", c.asks(t, Kick, Whom{"5234", "101"})); got != "yes" {
		t.Error(got)
	}

	paused := make(chan error, 1)
	go func() { paused <- d.Pause(context.Background()) }()
	waits(t, "the pause", paused)
	o.hangs <- struct{}{}
	if got := comes(t, "what was under way", under); got != "yes" {
		t.Error(got)
	}
	if err := comes(t, "the pause", paused); err != nil {
		t.Fatal(err)
	}
	kick := c.asks(t, Kick, Whom{"5234", "103"})
	waits(t, "a kick in the pause", kick)
	if o.was("5234 c1") {
		t.Error("it was kicked in the pause")
	}
	d.Resume()
	if got := comes(t, "the kick after the pause", kick); got != "yes" || !o.was("5234 c1") {
		t.Error(got)
	}
}

// was says whether a call was kicked.
func (o *theatre) was(kicked string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kicked[kicked]
}

// people is how many are inside.
func (t *Turnstile) people() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.inside
}

// An upgrade is answered when it is decided, however long that takes, also while all other commands wait; or at once.
func TestUpgradeIsAnswered(t *testing.T) {
	o := newTheatre()
	if got, want := o.client(t).says(t, Upgrade, Wait{true}), "no: not upgraded, v1 goes on: the new one does not like config.yaml:3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	o.upgrades = make(chan struct{})
	path := filepath.Join(t.TempDir(), "ctl.sock")
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	d.answer = time.Millisecond // all others have that
	d.Serve(o, "v1", slog.New(slog.DiscardHandler))
	t.Cleanup(d.Close)
	c := Client{Path: path}
	if got, want := c.says(t, Upgrade, Wait{false}), `{"done":false,"from":"v1","calls":4,"seconds":0}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	waiting := c.asks(t, Upgrade, Wait{true})
	comes(t, "the upgrade", o.upgrades)
	if err := d.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	waits(t, "the answer", waiting)
	o.upgrades <- struct{}{}
	if got := comes(t, "the answer", waiting); got != "yes" {
		t.Error(got)
	}
	d.Resume()
}

func (o *theatre) client(t *testing.T) Client {
	t.Helper()
	c, _ := o.opens(t)
	return c
}

func TestDrain(t *testing.T) {
	c := newTheatre().client(t)
	for _, step := range []struct {
		about any
		want  string
	}{
		{Within{1800}, `{"calls":4,"until":"2026-11-22T10:30:00Z"}`},
		{Within{0}, `{"calls":4}`},
		{Within{-1}, "no: -1 seconds are no time to drain in: up to 720h0m0s are"},
		{Within{1e9}, "no: 1e+09 seconds are no time to drain in: up to 720h0m0s are"},
		{"soon", `no: the request is no {"seconds": ...}: json: cannot unmarshal string into Go value of type control.Within`},
	} {
		if got := c.says(t, Drain, step.about); got != step.want {
			t.Errorf("%v: got %s, want %s", step.about, got, step.want)
		}
	}
}

// heirOf is a Door that has inherited the listener of another one, as another process has it: a descriptor of its own.
func heirOf(t *testing.T, d *Door) *Door {
	t.Helper()
	raw, err := d.Listener().(*net.UnixListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var own int
	raw.Control(func(fd uintptr) { own, err = syscall.Dup(int(fd)) }) // File() would have Accept block, there as here
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(own), "inherited")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	heir, err := Inherit(d.Path(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(heir.Close)
	return heir
}

// One Door after the other has the socket. Whoever asks, at whatever moment, is answered, by one or by the other.
func TestSocketIsInherited(t *testing.T) {
	o := newTheatre()
	c, d := o.opens(t)
	stop, failed := make(chan struct{}), make(chan string, 100)
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() { // ends when all Doors were there
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.Ask(context.Background(), ShowLinks, nil, new(LinkList)); err != nil {
					failed <- err.Error()
				}
			}
		})
	}
	for range 20 {
		heir := heirOf(t, d)
		if err := d.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		heir.Serve(o, "v2", slog.New(slog.DiscardHandler))
		d.Leave()
		d = heir
	}
	close(stop)
	asking.Wait()
	close(failed)
	for text := range failed {
		t.Error(text)
	}
	d.Close()
	if _, err := os.Lstat(c.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the last one has left its socket: %v", err)
	}
}

// A Door that never served leaves the socket to the other process: it was to take over, and did not.
func TestSocketIsLeftWhereItWas(t *testing.T) {
	c, d := newTheatre().opens(t)
	heirOf(t, d).Close()
	if got := c.says(t, ShowLinks, nil); got != `{"links":[]}` {
		t.Errorf("got %s", got)
	}
}

// A socket whose file somebody has removed is of no use, and made anew.
func TestSocketWithoutItsFile(t *testing.T) {
	o := newTheatre()
	c, d := o.opens(t)
	if err := os.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	heir := heirOf(t, d)
	heir.Serve(o, "v2", slog.New(slog.DiscardHandler))
	d.Leave()
	if got := c.says(t, ShowLinks, nil); got != `{"links":[]}` {
		t.Errorf("got %s", got)
	}
}

// Who waits when the server leaves is told to ask again.
func TestTurnstileLeave(t *testing.T) {
	var turnstile Turnstile
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := http.Server{Handler: turnstile.Handler(http.NotFoundHandler(), nil), ConnState: turnstile.Note}
	served := make(chan error, 1)
	go func() { served <- server.Serve(turnstile.Listener(l)) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	said := make(chan string, 2)
	ask := func() {
		io.WriteString(conn, "GET //a%20b?c=d HTTP/1.1\r\nHost: x\r\n\r\n")
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		if err != nil {
			said <- err.Error()
			return
		}
		said <- string(b[:n])
	}
	ask()
	if got := comes(t, "the first answer", said); !strings.HasPrefix(got, "HTTP/1.1 404") {
		t.Errorf("got %s", got)
	}
	if err := turnstile.Hold(t.Context()); err != nil {
		t.Fatal(err)
	}
	go ask()
	waits(t, "the second answer", said)
	turnstile.Leave(t.Context())
	if got := comes(t, "the second answer", said); !strings.HasPrefix(got, "HTTP/1.1 307") || !strings.Contains(got, "\r\nLocation: /a%20b?c=d\r\n") || !strings.Contains(got, "\r\nConnection: close\r\n") {
		t.Errorf("got %s", got)
	}
	conn.Close()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	comes(t, "the end", served)
}
