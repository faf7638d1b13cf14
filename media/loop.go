package media

import (
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
)

// catchUp is how many missed ticks are run at once when a loop is late; more are skipped.
const catchUp = 3

// Bus is what a Loop ticks: a room, with all its legs attached to that loop.
type Bus interface {
	// Tick runs one 20 ms step.  now is the tick's deadline on the monotonic clock, in nanoseconds.
	// It must not allocate, lock, log or block.  A panic in it removes the bus from its loop (Config.Broken).
	Tick(now int64)
}

// FetchAhead is how many buses before its own turn a Fetcher is called first.
const FetchAhead = 5

// Fetcher is a Bus that has the processor bring near what its tick will need, while others are ticked: with a thousand legs it has
// left the cache since the last one.
type Fetcher interface {
	Bus
	// Fetch is called FetchAhead times before a Tick, with how many buses are before it still, itself counted: 5, 4, 3, 2 and 1; for the first ones of
	// a loop, and when others come or go, some of the calls are missing.  What it reads should have been asked for in the call before.  As Tick, it must not
	// allocate, lock, log or block, and a panic removes the bus.
	Fetch(before int)
}

// Loop is one media clock: a goroutine that wakes every 20 ms, ticks its buses and then runs the functions that were
// queued with Do.  It sleeps as long as it has no bus.  All state of its buses and attached legs belongs to it, which is why they need no locks.
//
// It is not locked to a thread.  The poller's thread would have to hand each tick over to the locked one and take it back at the end, by two
// futexes and four switches: 3 of 100 parts of all the CPU that 200 legs took.  It would buy nothing, for a loop needs a P as
// all do.
//
// Do may be called from any goroutine; Add, Join, Remove, Leave, Attach and Detach on the loop only.
type Loop struct {
	number   int
	broken   *breakages
	buses    []Bus        // on the loop only
	joining  []newcomer   // that are to be ticked soon; on the loop only
	at       int          // which bus is being ticked, -1 between ticks; on the loop only
	current  Bus          // that bus, also when it has just removed itself; on the loop only
	fetching Fetcher      // that is being asked to fetch; nil: none is; on the loop only
	spare    []func()     // the mailbox's other slice; on the loop only
	legs     atomic.Int64 // attached
	expected atomic.Int64 // by Expect
	clock    loopClock
	work     scratch // of the attached legs; on the loop only
	crew     *Crew   // nil: not needed yet; on the loop only
	hands    int     // that it will have
	first    int64   // its first deadline, of which all others are whole ticks away
	due      int64   // its next one, as long as it has buses; on the loop only
	ended    chan struct{}

	mu     sync.Mutex
	mail   []func()
	closed bool
	halt   *halt // it is to stand still

	post atomic.Bool   // there is mail, or a pause, or an end: else the tick goes by without the lock
	wake chan struct{} // the same, for a loop that has nothing to tick; holds one
}

// A loop is full with so many legs expected on it, or when its ticks take so long, on a machine that is slower: a quarter of the time that there is. It
// labours when they take three fifths.
const (
	FullLoop = 1024

	fullTick   = int64(frameTime) / 4
	labourTick = int64(frameTime) * 3 / 5
)

// full says whether the next loop is to be begun.  From any goroutine.
func (l *Loop) full() bool { return l.expected.Load() >= FullLoop || l.clock.usual.Load() >= fullTick }

// Labours says whether the loop's ticks take so much of the time that there is that a large bus had better be ticked by its Crew.  From any goroutine.
func (l *Loop) Labours() bool { return l.clock.usual.Load() >= labourTick }

// startLoop starts the loop's goroutine; close ends it and waits.  first is its first deadline; hands is how many help it with a large bus; h
// is the pause in which it begins, or nil.
func startLoop(first int64, hands int, broken *breakages, h *halt) (*Loop, error) {
	alarm, err := newAlarm(first)
	if err != nil {
		return nil, err
	}
	l := &Loop{broken: broken, hands: hands, first: first, due: first, at: -1, halt: h,
		wake: make(chan struct{}, 1), ended: make(chan struct{})}
	l.post.Store(h != nil)
	go l.run(alarm) // ends by close, which waits for ended
	return l, nil
}

// Number tells the loops of an engine apart, from 0 on: Engine.Numbered.
func (l *Loop) Number() int { return l.number }

// Do queues f to run on the loop after the current tick, or at once when it has nothing to tick.  False when the loop is closed: then f never runs.
// Never blocks.  f must not block either: no I/O, no logging, no waiting for whoever called Do.
func (l *Loop) Do(f func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.mail = append(l.mail, f)
	l.ring()
	return true
}

// ring says that there is mail, or an end.
func (l *Loop) ring() {
	l.post.Store(true)
	select {
	case l.wake <- struct{}{}:
	default: // it has been rung for already
	}
}

// Expect says how many more legs, or fewer, there will be on the loop, before they are attached: Engine.Loop goes by that.  From any goroutine.
func (l *Loop) Expect(legs int) { l.expected.Add(int64(legs)) }

// Add puts a bus on the loop, from the next tick on.  On the loop only.
func (l *Loop) Add(b Bus) { l.buses = append(l.buses, b) }

// Remove takes a bus off the loop, and says whether it was on it.  On the loop only, also in a Tick.
func (l *Loop) Remove(b Bus) bool {
	if i := slices.IndexFunc(l.joining, func(n newcomer) bool { return n.bus == b }); i >= 0 {
		l.joining = slices.Delete(l.joining, i, i+1)
		return true
	}
	i := slices.Index(l.buses, b)
	if i < 0 {
		return false
	}
	l.buses = slices.Delete(l.buses, i, i+1)
	if i <= l.at {
		l.at-- // the walk over the buses goes on with the one that moved up
	}
	return true
}

// Leave is Remove for a bus that goes to another loop, which wants to know when it was ticked last: see Join.  On the loop only, not in a Tick.
func (l *Loop) Leave(b Bus) (last int64, there bool) {
	for _, n := range l.joining {
		if n.bus == b { // it has just come
			return n.last, l.Remove(b)
		}
	}
	return l.ticked(), l.Remove(b)
}

// ticked is the deadline of the last tick, in nanoseconds.
func (l *Loop) ticked() int64 { return l.due - int64(frameTime) }

// newcomer is a bus that another loop has ticked last at that deadline.
type newcomer struct {
	bus  Bus
	last int64
}

// from is when its next tick is due here: its deadline is the one nearest to 20 ms after the last, for the loops' deadlines differ by less than
// 10 ms (firstTicks).
func (n newcomer) from() int64 { return n.last + int64(frameTime)/2 }

// Join is Add for a bus that another loop has ticked until then, last at that deadline, so that its ticks go on as evenly as can be: none is early, and
// those that have been here meanwhile are made up for at once, three at most.  On the loop only, not in a Tick.
func (l *Loop) Join(b Bus, last int64) {
	n := newcomer{b, last}
	if l.ticked() < n.from() {
		l.joining = append(l.joining, n)
		return
	}
	l.Add(b)
	missed := min((l.ticked()-n.from())/int64(frameTime), catchUp-1)
	for at := l.ticked() - missed*int64(frameTime); at <= l.ticked() && l.buses[len(l.buses)-1] == b; at += int64(frameTime) {
		l.at = len(l.buses) - 1
		l.tickOn(at)
		l.at, l.current = -1, nil
		if len(l.buses) == 0 {
			return // it has removed itself
		}
	}
}

// receive adds those newcomers whose tick is due.
func (l *Loop) receive(now int64) {
	l.joining = slices.DeleteFunc(l.joining, func(n newcomer) bool {
		due := n.from() <= now
		if due {
			l.Add(n.bus)
		}
		return due
	})
}

// idle says that there is nothing to tick.
func (l *Loop) idle() bool { return len(l.buses) == 0 && len(l.joining) == 0 }

// Attach makes the loop the owner of leg; false when the leg is closed or has another owner.  On the loop only.
func (l *Loop) Attach(leg *Leg) bool { return leg.attach(l) }

// Detach ends the ownership, so that another loop may attach the leg; what comes in meanwhile waits in the socket.
// On the loop only.  To move a leg: Detach here, then other.Do(func() { other.Attach(leg) ... }).
func (l *Loop) Detach(leg *Leg) { leg.detach(l) }

// Crew is for buses of the loop that are large; nil when there is no core to help.  The first call starts its hands, which end with the loop.
// On the loop only, not in a Tick.
func (l *Loop) Crew() *Crew {
	if l.crew == nil && l.hands > 0 {
		l.crew = NewCrew(l.hands)
	}
	return l.crew
}

// close runs what was queued, ends the loop and waits for it.  Safe to call twice.
func (l *Loop) close() {
	l.mu.Lock()
	l.closed = true
	l.ring()
	l.mu.Unlock()
	<-l.ended
}

func (l *Loop) run(alarm *alarm) {
	defer close(l.ended)
	defer alarm.close()
	defer func() {
		if l.crew != nil {
			l.crew.Close()
		}
	}()
	if !l.readMail() { // there is none, but there may be a pause
		return
	}
	for {
		if l.idle() {
			l.clock.rested()
			if !l.rest() {
				return
			}
			l.due = l.soon()
			continue
		}
		deadline := l.due
		if missed := (monotonic() - deadline) / int64(frameTime); missed > catchUp {
			l.clock.skipped.Add(uint64(missed - catchUp))
			deadline += (missed - catchUp) * int64(frameTime)
		}
		alarm.sleepUntil(deadline)
		began := monotonic()
		l.clock.woke(began - deadline)
		readWall()
		l.tick(deadline)
		ended := monotonic()
		l.clock.ran(ended-deadline, ended-began)
		l.due = deadline + int64(frameTime)
		if !l.readMail() {
			return
		}
	}
}

// rest waits until there is something to tick, and runs what is queued meanwhile; false when the loop is closed.
func (l *Loop) rest() bool {
	for l.idle() {
		<-l.wake
		if !l.readMail() {
			return false
		}
	}
	return true
}

// tick ticks every bus once.  A bus that panics is removed, and the others are ticked as if nothing had happened.
func (l *Loop) tick(now int64) {
	if len(l.joining) > 0 {
		l.receive(now)
	}
	l.at = 0
	for l.at < len(l.buses) {
		l.tickOn(now)
	}
	l.at, l.current = -1, nil // Remove outside of a tick has no walk to correct
}

// tickOn ticks the buses from l.at on, up to the end or a panic: one deferred call for all of them, as long as all goes well.
func (l *Loop) tickOn(now int64) {
	defer func() {
		reason := recover()
		switch {
		case reason == nil:
		case l.fetching != nil: // nor has the one been ticked whose turn it is
			bus := l.fetching
			l.fetching = nil
			l.Remove(bus)
			l.broke(bus, reason)
		default:
			l.Remove(l.current)
			l.at++
			l.broke(l.current, reason)
		}
	}()
	for l.at < len(l.buses) {
		l.fetchAhead()
		l.current, l.work.used = l.buses[l.at], 0
		l.current.Tick(now)
		l.at++
	}
}

// fetchAhead has those be brought near that come soon.
func (l *Loop) fetchAhead() {
	for before := min(FetchAhead, len(l.buses)-1-l.at); before > 0; before-- {
		if b, ok := l.buses[l.at+before].(Fetcher); ok {
			l.fetching = b
			b.Fetch(before)
		}
	}
	l.fetching = nil
}

// readMail runs the queued functions in order, and stands still in a pause; false when the loop is closed and there are no more.
func (l *Loop) readMail() bool {
	for l.post.Load() { // nearly never
		l.mu.Lock()
		l.post.Store(false)
		mail, closed, h := l.mail, l.closed, l.halt
		l.mail = l.spare[:0]
		l.mu.Unlock()
		for i, f := range mail {
			l.call(f)
			mail[i] = nil // let go of what f holds
		}
		l.spare = mail
		switch {
		case closed:
			return false
		case h == nil:
			return true
		case !l.idle() && l.due-int64(frameTime) < h.from: // not after this tick, then
			l.post.Store(true)
			return true
		}
		l.stand(h)
		l.post.Store(true) // what was queued meanwhile is run before the next tick
	}
	return true
}

// stand stands still until the pause is over, which another one may follow.
func (l *Loop) stand(h *halt) {
	h.stand(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halt == h {
		l.halt = nil
	}
}

func (l *Loop) call(f func()) {
	defer func() {
		if reason := recover(); reason != nil {
			l.broke(nil, reason)
		}
	}()
	f()
}

func (l *Loop) broke(bus Bus, reason any) {
	l.clock.panics.Add(1)
	b, ok := reason.(*breakage) // in a hand, which knows where
	if !ok {
		b = &breakage{bus, reason, debug.Stack()}
	}
	l.broken.add(*b)
}
