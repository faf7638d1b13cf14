package rooms

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// journalPause is how often the journal looks for events. Looking is cheaper than being woken: the
// tick would have to take a lock to do that. Nothing is decided by events, so 50 ms is early enough.
const journalPause = 50 * time.Millisecond

// journal reports the events of all rooms: to the log, and to whoever asked for them.
type journal struct {
	queue   *queue
	log     *slog.Logger
	onEvent func(Event) // nil: nobody asked
	broken  func(Event) // is told of an event of which onEvent has made a panic

	asked   chan flush
	stop    chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	told    atomic.Uint64 // up to this position all events have been told
	dropped uint64        // how many drops have been logged; the goroutine's own
	panics  atomic.Uint64
}

// flush asks for all events up to a position of the queue.
type flush struct {
	upTo uint64
	done chan struct{} // closed when they have been told
}

// newJournal starts the goroutine "journal"; close ends it.
func newJournal(q *queue, log *slog.Logger, onEvent, broken func(Event)) *journal {
	j := &journal{queue: q, log: log, onEvent: onEvent, broken: broken, asked: make(chan flush), stop: make(chan struct{})}
	j.done.Go(j.run)
	return j
}

// run reports until the journal is closed, and then what is still there.
func (j *journal) run() {
	ticker := time.NewTicker(journalPause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			j.report()
		case f := <-j.asked:
			j.reportUpTo(f.upTo)
			close(f.done)
		case <-j.stop:
			j.report()
			return
		}
	}
}

// report empties the queue.
func (j *journal) report() {
	for {
		e, ok := j.queue.take()
		if !ok {
			break
		}
		j.tell(e)
	}
	j.told.Store(j.queue.read)
	if n := j.queue.dropped.Load(); n != j.dropped {
		j.log.Warn("room events dropped, the log or its reader is too slow", "events", n-j.dropped)
		j.dropped = n
	}
}

// reportUpTo is report, and more if an event before that position is just being written.
func (j *journal) reportUpTo(position uint64) {
	for j.report(); j.queue.read < position; j.report() {
		runtime.Gosched()
	}
}

// flush waits until the events are told that were put before. Those of a journal that is closed have been.
func (j *journal) flush() {
	f := flush{upTo: j.queue.written.Load(), done: make(chan struct{})}
	if j.told.Load() >= f.upTo { // the goroutine need not be woken to say so: an upgrade has no time for that
		return
	}
	select {
	case j.asked <- f:
		<-f.done
	case <-j.stop:
		j.done.Wait()
	}
}

// tell logs one event and tells whoever asked for it. A panic of his, which is our own bug, is survived: the journal is that of all rooms.
func (j *journal) tell(e Event) {
	defer func() {
		if r := recover(); r != nil {
			j.panics.Add(1)
			j.log.Error("panic while an event was told: please report it", "event", e.Kind.String(), "room", e.Room, "call", e.Call,
				"err", r, "stack", string(debug.Stack()))
			j.broken(e)
		}
	}()
	j.log.LogAttrs(context.Background(), e.level(), e.Kind.String(), e.attrs()...)
	if j.onEvent != nil {
		j.onEvent(e)
	}
}

// close ends the journal after the events that have been put before, and waits for it.
func (j *journal) close() {
	j.once.Do(func() { close(j.stop) })
	j.done.Wait()
}
