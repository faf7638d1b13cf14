package dialout

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// search is the search for one member: his numbers, until he is in, says no, or none is left. Immutable.
type search struct {
	*Groups
	call   *groupCall
	member *member
	press  *press
	caller string
	in     map[Key]bool // who was in the room when the key was pressed

	older map[Key][]<-chan struct{} // what the conferences before held when the key was pressed: see Dialer.older

	after <-chan struct{} // closed when it is his turn: the list's order is that of who matters
	next  func()          // gives the turn to the next one in the list; may be called again
}

// run is the goroutine "member": it ends with his outcome.
func (s *search) run(ctx context.Context) {
	defer s.next()
	outcome, number := failed(Broken), ""
	s.dialer.guard("member", func() {
		s.tell(Change{State: Queued})
		s.letEnd(ctx)
		select {
		case <-s.after:
		case <-ctx.Done():
		}
		outcome, number = s.seek(ctx)
	})
	s.settle(outcome, number)
}

// olderPatience is how long what was given up for the conference before may take to end. A CANCEL takes a few
// milliseconds; one that nobody answers takes half a minute, and nobody waits for that.
const olderPatience = 2 * time.Second

// letEnd waits until none of his phones is called, or talks, for a conference that was before under this number: endOlder does not wait for
// what it gives up, and a phone that still rings for that is busy for this one. All members wait at once, so the list's order stays.
func (s *search) letEnd(ctx context.Context) {
	if len(s.older) == 0 {
		return
	}
	ctx, enough := context.WithTimeout(ctx, olderPatience)
	defer enough()
	for _, key := range s.member.keys {
		for _, dropped := range s.older[key] {
			select {
			case <-dropped:
			case <-ctx.Done():
				return
			}
		}
	}
}

// seek dials until he is in or there is nothing left to dial.
func (s *search) seek(ctx context.Context) (outcome Outcome, number string) {
	for rest := s.member.ways; len(rest) > 0; {
		r, begun := s.round(ctx, rest)
		rest = rest[begun:]
		if r.Call == nil {
			if context.Cause(ctx) == ErrElsewhere {
				return Outcome{State: In}, "" // he came by himself: see Arrived
			}
			return r.Outcome, r.Number
		}
		outcome, number = s.receive(ctx, r), r.Number
		if outcome.State == In || ctx.Err() != nil {
			break
		}
	}
	return outcome, number
}

// round dials numbers, each when one before has ended without him, or has rung for NextAfter. It ends with
// the first that is answered, and then cancels those that still ring; or with his no; or with the last; or, when the room is full, with the last that is dialled by then.
// begun is how many it has dialled.
func (s *search) round(ctx context.Context, ways []way) (r Result, begun int) {
	ringing, cancel := context.WithCancelCause(ctx)
	defer cancel(ErrElsewhere)
	t := &tally{far: make([]Change, len(ways))}
	ended := make(chan ending, len(ways))
	full := false // there is no place for his other numbers either
	for out := 0; ; {
		var due <-chan time.Time
		if begun < len(ways) && !full {
			s.dial(ringing, t, begun, ways[begun], ended)
			begun++
			out++
			if s.config.NextAfter > 0 {
				due = time.After(s.config.NextAfter)
			}
		}
		select {
		case <-due:
			continue
		case e := <-ended:
			r = e.Result
			s.progress(t, e.way, Change{})
		}
		out--
		full = full || r.Cause == RoomFull
		if r.Call != nil || final(r.Outcome) || out == 0 && (full || begun == len(ways)) {
			break
		}
	}
	s.close(t)
	for r.Call == nil && t.answered.Swap(true) {
		r = (<-ended).Result // another number was answered at the same moment
	}
	return r, begun
}

// final reports whether his other numbers are left alone: he was reached and does not want to, somebody
// sees to him already, or nobody wants him any more.
func final(o Outcome) bool {
	return o.State == Declined || o.State == Cancelled || o.Cause == AlreadyIn || o.Cause == AlreadyCalled
}

// ending is how dialling one number has ended.
type ending struct {
	Result
	way int
}

// dial dials one number on a goroutine, which ends with it. If another number was answered first, this
// one is hung up.
func (s *search) dial(ctx context.Context, t *tally, i int, w way, ended chan<- ending) {
	s.running.Go(func() { // Close waits
		r := Result{Outcome: failed(Broken), Number: w.number}
		s.dialer.guard("member's number", func() {
			in := s.in
			if i > 0 {
				in = s.dialer.inRoom(s.call.room, s.caller) // some time has passed
			}
			r = s.dialer.invite(ctx, Request{
				Room: s.call.room, Caller: s.caller, Number: w.number, Policy: w.policy, Ring: s.config.Ring, Wait: s.config.Wait,
			}, in, func(c Change) { s.progress(t, i, c) }, s.next)
		})
		if r.Call != nil && t.answered.Swap(true) {
			r.Call.Hangup(ErrElsewhere.Error())
			r = Result{Outcome: Outcome{State: Cancelled}, Number: r.Number, Trunk: r.Trunk}
		}
		ended <- ending{r, i}
	})
}

// receive takes in him who has answered.
func (s *search) receive(ctx context.Context, r Result) Outcome {
	if ctx.Err() != nil {
		r.Call.Hangup(context.Cause(ctx).Error())
		return Outcome{State: Cancelled}
	}
	s.tell(Change{State: Answered, Number: r.Number})
	s.mu.Lock()
	who := s.member.state.Member
	s.mu.Unlock()
	outcome := failed(Broken)
	s.dialer.guard("receiving a member", func() {
		outcome = Outcome{State: s.config.Receive(ctx, Guest{Group: s.call.group, Caller: s.caller, Member: who, Result: r})}
	})
	if outcome.State != In {
		r.Call.Hangup(outcome.State.String())
	}
	return outcome
}

// tally is how far the numbers are that ring together.
type tally struct {
	answered atomic.Bool // by one of them, who has won

	far  []Change // guarded by Groups.mu, and so is over
	over bool
}

// progress takes note of how far one number is. He is as far as the best of them.
func (s *search) progress(t *tally, i int, c Change) {
	s.mu.Lock()
	t.far[i] = c
	best := slices.MaxFunc(t.far, func(a, b Change) int { return int(a.State) - int(b.State) })
	if t.over || best.State == NotCalled {
		s.mu.Unlock()
		return
	}
	change := s.become(Outcome{State: best.State}, best.Number)
	s.mu.Unlock()
	s.config.OnChange(change)
}

// close stops what is still heard from a round that is over.
func (s *search) close(t *tally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.over = true
}

// tell notes and tells how far he is.
func (s *search) tell(c Change) {
	s.mu.Lock()
	change := s.become(Outcome{State: c.State}, c.Number)
	s.mu.Unlock()
	s.config.OnChange(change)
}

// settle notes and tells his outcome: he is not under way any more.
func (s *search) settle(o Outcome, number string) {
	s.mu.Lock()
	change := s.become(o, number)
	s.member.stop(nil)
	s.member.stop = nil
	s.press.left--
	if s.press.left == 0 {
		s.press.giveUp(nil)
		delete(s.presses, s.press)
	}
	s.mu.Unlock()
	s.config.OnChange(change)
}

// become gives the member a new state. The lock is held.
func (s *search) become(o Outcome, number string) GroupChange {
	state := &s.member.state
	if state.Outcome != o || state.Number != number {
		state.Outcome, state.Number, state.Since = o, number, time.Now()
	}
	return GroupChange{s.call.room, s.call.group, *state}
}
