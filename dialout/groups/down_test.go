package groups

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// wantCause wants an error to hold words, and no password.
func wantCause(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %q", err, words)
	}
	if err != nil && strings.Contains(err.Error(), "geheim") {
		t.Errorf("the password is in %q", err)
	}
}

// wantSlow wants an error to say that there was no answer in time.
func wantSlow(t *testing.T, err error) {
	t.Helper()
	wantCause(t, err, "no answer within 3s")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is no time-out", err)
	}
}

// silence is a server that takes every connection and never says a word.
func silence(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		var taken []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			taken = append(taken, conn)
		}
		for _, conn := range taken {
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// urls is one of each kind of server.
func urls(address string) map[string]string {
	return map[string]string{
		"postgres":  "postgres://sipconf:geheim@" + address + "/pbx",
		"mysql":     "mysql://sipconf:geheim@" + address + "/pbx",
		"sqlserver": "sqlserver://sipconf:geheim@" + address + "?database=pbx",
		"encrypted": "sqlserver://sipconf:geheim@" + address + "?database=pbx&encrypt=strict",
	}
}

// TestSilence: whoever asks a server that does not answer is told in time, and edits are as quick to give up; more
// than the server is asked at a time as well.
func TestSilence(t *testing.T) {
	t.Parallel()
	address := silence(t)
	for name, url := range urls(address) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGround(t, url)
			var all sync.WaitGroup
			for range 3 * slots {
				all.Go(func() {
					_, err := g.store.Members(inTime(t), "100")
					if !errors.Is(err, ErrDown) {
						t.Errorf("got %v, want that the store is down", err)
					}
					wantSlow(t, err)
				})
			}
			all.Wait()
			all.Go(func() {
				_, err := g.store.Put(inTime(t), []Row{row("100", "201", "", "")})
				wantSlow(t, err)
			})
			_, err := g.store.Rows(inTime(t))
			wantSlow(t, err)
			all.Wait()
		})
	}
}

// TestNothingIsLeft: no goroutine of a driver waits on when nobody waits for it any more.
func TestNothingIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	address := silence(t)
	ours := goleak.IgnoreAnyFunction("github.com/sipconf/sipconf/dialout/groups.silence.func1")
	var all sync.WaitGroup
	for _, url := range urls(address) {
		store := open(t, url, Options{})
		all.Go(func() {
			_, err := store.Members(inTime(t), "100")
			wantSlow(t, err)
		})
	}
	all.Wait()
	for ctx := within(t); ; {
		err := goleak.Find(before, ours)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

// TestRefused: nobody listens.
func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	for name, url := range urls(address) {
		t.Run(name, func(t *testing.T) {
			err := newGround(t, url).down()
			wantCause(t, err, "refused")
			wantCause(t, err, "sipconf:xxxxx@"+address)
		})
	}
}

// TestGivesUpWithWhoeverAsks: a caller who hangs up is no fault of the store.
func TestGivesUpWithWhoeverAsks(t *testing.T) {
	t.Parallel()
	address := silence(t)
	for name, url := range urls(address) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t, url, Options{})
			ctx, cancel := context.WithCancel(context.Background())
			gone := make(chan error)
			go func() {
				_, err := store.Members(ctx, "100")
				gone <- err
			}()
			cancel()
			select {
			case err := <-gone:
				if !errors.Is(err, context.Canceled) || errors.Is(err, ErrDown) {
					t.Errorf("got %v, want that whoever asked is gone", err)
				}
			case <-within(t).Done():
				t.Error("it goes on")
			}
		})
	}
}
