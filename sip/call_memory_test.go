package sip

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestIdleCallIsSmall: a call to which nothing happens is one goroutine, its handler's, and 18 KiB, of which its leg has 12 (it is 15 to 16; it was
// 23). Neither the INVITE nor what we keep of its transaction is there any more.
//
// One that we have made has no handler, and so no goroutine of ours.
func TestIdleCallIsSmall(t *testing.T) {
	t.Run("taken", func(t *testing.T) {
		wantSmall(t, 1, func(w *world, p *phone) { p.calls() })
	})
	t.Run("made", func(t *testing.T) {
		wantSmall(t, 0, func(w *world, p *phone) {
			a := w.dials(p)
			c := p.rung()
			c.says(180, "")
			c.picksUp(a)
		})
	})
	t.Run("made, with a password and PRACK", func(t *testing.T) {
		wantSmall(t, 0, func(w *world, p *phone) {
			a := w.dials(p, alice)
			p.rung().refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
			c := p.rung()
			c.ringsReliably(180, 1, "")
			c.wantsPRACK(1, 200)
			c.picksUp(a)
		})
	})
}

// wantSmall measures idle calls.
func wantSmall(t *testing.T, goroutinesEach int, makes func(w *world, p *phone)) {
	t.Helper()
	inWorld(t, nil, func(w *world) {
		w.t = t
		idle := func() (goroutines, heap int) {
			time.Sleep(time.Minute) // fake: sipgo's transactions of 32 s end
			synctest.Wait()
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			for stack := range strings.SplitSeq(string(stacks), "\n\n") {
				if strings.Contains(stack, "sip.(*Call)") {
					goroutines++
				}
			}
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return goroutines, int(m.HeapAlloc)
		}
		phones := make([]*phone, 50)
		for i := range phones {
			phones[i] = w.phone()
		}
		makes(w, w.phone()) // makes what is made once
		goroutines, heap := idle()
		for _, p := range phones {
			makes(w, p)
		}
		goroutinesThen, heapThen := idle()
		if n := goroutinesThen - goroutines; n != goroutinesEach*len(phones) {
			t.Errorf("%d idle calls have %d goroutines, want %d each", len(phones), n, goroutinesEach)
		}
		per := (heapThen - heap) / len(phones)
		t.Logf("an idle call has %d bytes on the heap", per)
		if per > 18<<10 {
			t.Errorf("an idle call has %d bytes on the heap, want 18 KiB at most", per)
		}
		runtime.KeepAlive(phones)
	})
}
