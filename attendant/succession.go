package attendant

import (
	"context"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms/menu"
)

// A call may take the place of another in its room: a phone takes over what another one has, or its owner has passed it on to somebody else. Whoever is
// served goes on being served, with his guest, his mate and his rights, if he is the same person; what he was just doing, as to dial
// somebody, is given up, as if he had hung up.
//
// Two goroutines have to do with that: the one that serves the old call, and the one that has the new one. The attendant is the former's until it has
// dismissed him, and then the latter's.

// Succession is the right to take the place of a call, which one has at a time. Its methods are for one goroutine.
type Succession struct {
	of       *attendant // whom it will serve
	decided  chan struct{}
	released bool
	moved    bool          // it has taken the place; guarded by Office.mu until decided
	free     chan struct{} // closed when the attendant is its own
}

// Succeed asks for the right to take the place of the call of that ID. False: nobody is served on that call, or not yet, or another is
// about to take its place. Release gives the right back; until then the call's participant stays in the room, even if it is hung up.
func (o *Office) Succeed(id string) (*Succession, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.serves[id]
	if a == nil || !a.served || a.heir != nil {
		return nil, false
	}
	a.heir = &Succession{of: a, decided: make(chan struct{}), free: make(chan struct{})}
	return a.heir, true
}

// Room is the number of the room.
func (s *Succession) Room() string { return s.of.room }

// Incarnation says which conference under that number it is.
func (s *Succession) Incarnation() uint64 { return s.of.p.Incarnation() }

// Release gives the right back, if it was not made use of. Safe to call twice.
func (s *Succession) Release() {
	o := s.of.office
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.released || s.moved {
		return
	}
	s.released, s.of.heir = true, nil
	close(s.decided)
}

// Serve puts the call, which is answered, in the place of the other, hangs that one up, and serves until the call is over; then the participant
// has left. False: it could not take the place, and is the caller's to hang up; the other one goes on.
func (s *Succession) Serve(ctx context.Context, call Call) bool {
	a := s.of
	o := a.office
	old := a.call.call()
	w := o.worker(replacing, old)
	w.begin()
	defer w.end()
	if !a.p.Replace(call) {
		s.Release()
		return false
	}
	defer func() { a.p.LeaveWith(call.ID(), call.Reason()) }() // also of a panic
	s.move(old.ID(), call.ID())
	if o.cfg.Groups != nil {
		o.cfg.Groups.CallerMoved(old.ID(), call.ID())
	}
	old.Hangup("another call has taken its place")
	<-s.free
	defer o.dismiss(a)
	a.works = w
	a.succeed(call)
	w.rename(serving)
	w.call = call
	a.serve(ctx)
	return true
}

// move has all that is about the old call be about the new one.
func (s *Succession) move(old, to string) {
	o := s.of.office
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.serves, old)
	o.serves[to] = s.of
	for w, last := range o.wishes {
		if last.call == old {
			o.wishes[w] = wished{to, last.at}
		}
	}
	s.moved = true
	close(s.decided)
}

// succeed has the attendant serve another call. It may be somebody else's.
func (a *attendant) succeed(call Call) {
	a.log.open(a.office.cfg.Log, call, a.room)
	a.call.take(call)
	a.office.mu.Lock()
	a.heir, a.ours = nil, false
	a.office.mu.Unlock()
	a.drain()
	a.typed, a.forgiven = menu.State{}, false
	name, number := call.Caller()
	if number != a.number {
		a.log.Info("somebody else is on the call", "number", number, "before", a.number)
		a.p.Rename(name, number)
	}
	a.judge(number)
}

// handOver ends the service of a call that is over, if another has taken its place; false: none has. While one is about to, it waits
// for that.
func (o *Office) handOver(a *attendant) bool {
	o.mu.Lock()
	a.served = false
	s := a.heir
	if s == nil {
		delete(o.serves, a.call.ID())
	}
	o.mu.Unlock()
	if s == nil {
		return false
	}
	a.works.as(replacing, func() { <-s.decided }) // the new call is answered, or is not: half a minute at most
	if s.moved {
		close(s.free)
		return true
	}
	o.mu.Lock()
	delete(o.serves, a.call.ID())
	o.mu.Unlock()
	return false
}

// dismiss ends the service of a call that is over. moved: another has taken its place, so that the participant stays.
func (o *Office) dismiss(a *attendant) (moved bool) {
	if o.handOver(a) {
		return true
	}
	a.forsake(prompts.Left(a.number))
	return false
}
