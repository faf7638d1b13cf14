package rooms

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQueueIsAQueue holds it against a slice, with any order of puts and takes.
func TestQueueIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 4
		q := newQueue(size)
		var want []time.Duration
		dropped, n := uint64(0), time.Duration(0)
		for _, put := range rapid.SliceOf(rapid.Bool()).Draw(t, "puts") {
			if put {
				n++
				if q.put(Event{Duration: n}); len(want) < size {
					want = append(want, n)
				} else {
					dropped++
				}
				continue
			}
			e, ok := q.take()
			if ok != (len(want) > 0) || ok && e.Duration != want[0] {
				t.Fatalf("took %d, %v; want %v", e.Duration, ok, want)
			}
			if ok {
				want = want[1:]
			}
		}
		if got := q.dropped.Load(); got != dropped {
			t.Fatalf("%d dropped, want %d", got, dropped)
		}
	})
}

func TestQueueWithManyWriters(t *testing.T) {
	const writers, each = 8, 2000
	q := newQueue(64)
	var w sync.WaitGroup
	for i := range writers {
		w.Go(func() {
			for n := range each {
				q.put(Event{Digit: byte(i), Duration: time.Duration(n + 1)})
			}
		})
	}
	done := make(chan struct{})
	go func() { w.Wait(); close(done) }()
	taken, last := uint64(0), [writers]time.Duration{}
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		for e, ok := q.take(); ok; e, ok = q.take() {
			if taken++; e.Duration <= last[e.Digit] {
				t.Fatalf("writer %d: event %d after %d", e.Digit, e.Duration, last[e.Digit])
			}
			last[e.Digit] = e.Duration
		}
	}
	if got := taken + q.dropped.Load(); got != writers*each {
		t.Errorf("%d taken and %d dropped of %d", taken, q.dropped.Load(), writers*each)
	}
}

func TestTakenEventsAreLetGo(t *testing.T) {
	q := newQueue(2)
	q.put(Event{Room: "5234"})
	q.take()
	if q.slots[0].event != (Event{}) {
		t.Errorf("the queue still holds %+v", q.slots[0].event)
	}
}

func TestPutAllocatesNothing(t *testing.T) {
	q := newQueue(64)
	e := Event{Kind: Joined, Room: "5234", Call: "a"}
	if n := testing.AllocsPerRun(100, func() { q.put(e); q.take() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
