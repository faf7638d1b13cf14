package rooms

import "sync/atomic"

// queue carries events from the loops to the one goroutine that reports them. It is bounded, and
// writing to it neither waits, locks nor allocates, because that happens on the tick: when the
// reader falls behind, the newest events are dropped and counted. It is Dmitry Vyukov's bounded
// queue: each slot has a turn that says whose it is, the writer's of position n (turn == n) or the
// reader's (turn == n+1).
//
// put may be called by any number of goroutines, take by one.
type queue struct {
	slots   []slot
	written atomic.Uint64 // position of the next event written
	read    uint64        // position of the next event read; the reader's own
	dropped atomic.Uint64
}

type slot struct {
	turn  atomic.Uint64
	event Event
}

// newQueue makes a queue of the size, which is a power of two.
func newQueue(size int) *queue {
	q := &queue{slots: make([]slot, size)}
	for i := range q.slots {
		q.slots[i].turn.Store(uint64(i))
	}
	return q
}

// put adds an event, or drops and counts it when the queue is full.
func (q *queue) put(e Event) {
	for {
		position := q.written.Load()
		s := &q.slots[position%uint64(len(q.slots))]
		switch turn := s.turn.Load(); {
		case turn == position:
			if q.written.CompareAndSwap(position, position+1) {
				s.event = e
				s.turn.Store(position + 1)
				return
			}
		case turn < position: // the reader has not freed it since the last round
			q.dropped.Add(1)
			return
		}
		// Another writer was faster; look again.
	}
}

// take removes the oldest event.
func (q *queue) take() (Event, bool) {
	s := &q.slots[q.read%uint64(len(q.slots))]
	if s.turn.Load() != q.read+1 {
		return Event{}, false
	}
	e := s.event
	s.event = Event{} // lets go of the strings
	s.turn.Store(q.read + uint64(len(q.slots)))
	q.read++
	return e, true
}
