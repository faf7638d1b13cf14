package rooms

import (
	"slices"
	"sync"
	"time"

	"github.com/sipconf/sipconf/media"
)

// loopTime is how long anybody waits for a loop to run a function: fifty ticks. A loop that takes
// longer has failed, and a call that waited for it for ever would fail with it.
const loopTime = time.Second

// mailbox is the way to a room's loop while that may change.
type mailbox struct {
	mu     sync.Mutex
	moving bool     // the room is on its way from one loop to another
	held   []func() // what came meanwhile
}

// do runs f on the room's loop after what was to run there before, between two ticks; it does not wait for that. False when
// the loop is closed: then f never runs, as when it is closed while the room is on its way.
func (r *Room) do(f func()) bool {
	r.mailbox.mu.Lock()
	defer r.mailbox.mu.Unlock()
	if r.mailbox.moving {
		r.mailbox.held = append(r.mailbox.held, f)
		return true
	}
	return r.loop.Do(f)
}

// wait is do, and waits. False when the loop is closed or does not get to it in loopTime; f may still run later then.
func (r *Room) wait(f func()) bool {
	done := make(chan struct{})
	if !r.do(func() { defer close(done); f() }) {
		return false
	}
	late := time.NewTimer(loopTime)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}

// move takes the room to another loop, whose work that is, and calls arrived when it is there, a tick or so later. What do was given before runs on the
// loop before, all else on the next one. False: it is on its way already, or its loop is closed.
func (r *Room) move(to *media.Loop, work *work, arrived func()) bool {
	r.mailbox.mu.Lock()
	defer r.mailbox.mu.Unlock()
	if r.mailbox.moving || !r.loop.Do(func() { r.depart(to, work, arrived) }) {
		return false
	}
	r.mailbox.moving = true
	return true
}

// depart is the first half of move, on the loop that the room leaves.
func (r *Room) depart(to *media.Loop, work *work, arrived func()) {
	last, ticks := r.loop.Leave(r)
	arrive := func() {
		defer r.settle(arrived)
		r.loop, r.work = to, work
		r.attach()
		if ticks {
			to.Join(r, last)
		}
	}
	defer func() { // whatever becomes of the legs
		if !to.Do(arrive) { // the server ends
			to, work = r.loop, r.work
			arrive()
		}
	}()
	r.large = large{shared: r.large.shared} // the crew is this loop's
	for _, p := range r.members {
		r.loop.Detach(p.leg)
	}
}

// attach takes the legs of all members to the room's loop. Who has closed his meanwhile is out.
func (r *Room) attach() {
	for _, p := range slices.Clone(r.members) {
		if !r.loop.Attach(p.leg) {
			r.exit(slices.Index(r.members, p), "its call is over")
		}
	}
	r.resize()
}

// settle ends a move: what has waited runs on this loop.
func (r *Room) settle(arrived func()) {
	r.mailbox.mu.Lock()
	defer r.mailbox.mu.Unlock()
	for _, f := range r.mailbox.held {
		r.loop.Do(f) // if it is closed, so is the server
	}
	r.mailbox.moving, r.mailbox.held = false, nil
	arrived()
}

// relieve moves the room away from its loop if that is full and another one has less to do: rooms are made while they are small, and grow. One
// that fills a loop by itself, and has the help of other cores, stays. Directory.mu is held.
func (d *Directory) relieve(r *Room) {
	if len(r.seats) >= sharedFrom {
		return
	}
	to := d.config.Engine.Relief(r.home, r.expected)
	if to == nil || d.moves.tryEnter() != nil {
		return
	}
	if !r.move(to, d.workOn(to), d.moves.leave) {
		d.moves.leave()
		return
	}
	r.expectOn(to)
}
