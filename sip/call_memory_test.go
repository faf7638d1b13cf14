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
func TestIdleCallIsSmall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
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
		w.phone().calls() // makes what is made once
		goroutines, heap := idle()
		for _, p := range phones {
			p.calls()
		}
		goroutinesThen, heapThen := idle()
		if n := goroutinesThen - goroutines; n != len(phones) {
			t.Errorf("%d idle calls have %d goroutines, want one each", len(phones), n)
		}
		if per := (heapThen - heap) / len(phones); per > 18<<10 {
			t.Errorf("an idle call has %d bytes on the heap, want 18 KiB at most", per)
		}
		runtime.KeepAlive(phones)
	})
}
