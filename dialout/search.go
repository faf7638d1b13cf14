package dialout

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// search is the search for one member: his numbers, until he is in, says no, or none is left. It does not change once it has begun, but for
// what is said below.
type search struct {
	*Groups
	call   *groupCall
	member *member
	press  *press
	order  uint64          // in which they were begun
	wanted context.Context // until he is given up

	in    map[Key]bool              // who was in the room when the key was pressed
	older map[Key][]<-chan struct{} // what the conferences before held then: see Dialer.older

	after <-chan struct{} // closed when it is his turn: the list's order is that of who matters
	next  func()          // gives the turn to the next one in the list; may be called again

	left  []way   // his numbers that are still to be dialled; guarded by Groups.mu, and so are out and guest
	out   *tally  // the round that is on; nil: none is
	guest *Result // the call on which he is being received; nil: he is not

	again bool // he was sought in the process before
	stirs bool // it is under way, for Dialer.Pause; its own goroutine's
}

// newSearch makes the search for a member, who is under way from now on. The lock is held.
func newSearch(g *Groups, c *groupCall, m *member, p *press) *search {
	g.begun++
	s := &search{Groups: g, call: c, member: m, press: p, order: g.begun}
	s.wanted, m.stop = context.WithCancelCause(p.wanted)
	p.left++
	g.sought[s] = struct{}{}
	return s
}

// nobodyBefore is the turn of the first one in the list.
func nobodyBefore() <-chan struct{} {
	turn := make(chan struct{})
	close(turn)
	return turn
}

// queue gives him his place in the list, and returns the turn of the next one.
func (s *search) queue(turn <-chan struct{}) <-chan struct{} {
	next := make(chan struct{})
	s.after, s.next = turn, sync.OnceFunc(func() { close(next) })
	return next
}

// start starts the search. The lock is held, or nobody closes the Groups.
func (s *search) start() { s.running.Go(s.run) } // ends with the member's outcome; Close waits

// run is the goroutine "member": it ends with his outcome.
func (s *search) run() {
	defer s.next()
	ctx := s.wanted
	outcome, number := failed(Broken), ""
	s.dialer.guard("member", func() {
		if !s.again {
			s.tell(Change{State: Queued})
		}
		if s.guest == nil && !s.rang() { // else he has had his turn in the process before
			s.letEnd(ctx)
			select {
			case <-s.after:
			case <-ctx.Done():
			}
		}
		outcome, number = s.seek(ctx)
	})
	s.settle(outcome, number)
	s.rest()
}

// rang reports whether an INVITE for him is out, in a search of the process before.
func (s *search) rang() bool {
	return s.out != nil && slices.ContainsFunc(s.out.far, func(c Change) bool { return c.ID != "" })
}

// stir says that the search goes a step; it came to know what ends a wait. rest says that it waits again, or is over.
func (s *search) stir() {
	if !s.stirs {
		s.stirs = true
		s.dialer.stirs()
	}
}

func (s *search) rest() {
	if s.stirs {
		s.stirs = false
		s.dialer.noted()
	}
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
	if r := s.guest; r != nil {
		s.next()
		outcome, number = s.receive(ctx, *r), r.Number
		if outcome.State == In || ctx.Err() != nil {
			return outcome, number
		}
	}
	for s.out != nil || len(s.left) > 0 {
		r := s.round(ctx)
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
// It goes on with that of the process before, if there is one.
func (s *search) round(ctx context.Context) (r Result) {
	ringing, cancel := context.WithCancelCause(ctx)
	defer cancel(ErrElsewhere)
	t := s.begins()
	defer s.clear(t)
	out := 0
	for i := range t.begun() {
		s.dial(ringing, t, i)
		out++
	}
	full := false                         // there is no place for his other numbers either
	for wait := out > 0; ; wait = false { // those of the process before have their time
		if !wait && !full && s.another(t) {
			s.dial(ringing, t, t.begun()-1)
			out++
		}
		var due <-chan time.Time
		if at := t.next; !at.IsZero() && t.more() && !full {
			due = time.After(max(time.Until(at), time.Nanosecond))
		}
		s.rest()
		select {
		case <-due:
			continue
		case e := <-t.ended:
			s.stirs = true // as the ending was
			r = e.Result
			s.ended(t, e.way)
		}
		out--
		full = full || r.Cause == RoomFull
		if r.Call != nil || final(r.Outcome) || out == 0 && (full || !t.more()) {
			break
		}
	}
	s.close(t)
	for r.Call == nil && t.answered.Swap(true) {
		r = (<-t.ended).Result // another number was answered at the same moment
		s.dialer.noted()
	}
	return r
}

// begins begins a round, or finds that which has begun.
func (s *search) begins() *tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		s.out = newTally(s.left)
	}
	return s.out
}

// another takes one more number into a round, if there is one.
func (s *search) another(t *tally) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.more() {
		return false
	}
	t.far = append(t.far, Change{})
	t.gone = append(t.gone, false)
	s.left = t.ways[t.begun():]
	if t.next = (time.Time{}); s.config.NextAfter > 0 {
		t.next = time.Now().Add(s.config.NextAfter)
	}
	return true
}

// ended notes that a number of a round is not being dialled any more.
func (s *search) ended(t *tally, i int) {
	s.mu.Lock()
	t.gone[i], t.next = true, time.Time{}
	s.mu.Unlock()
	s.progress(t, i, Change{})
}

// final reports whether his other numbers are left alone: he was reached and does not want to, somebody
// sees to him already, or nobody wants him any more.
func final(o Outcome) bool {
	return o.State == Declined || o.State == Cancelled || o.Cause == AlreadyIn || o.Cause == AlreadyCalled
}

// ending is how dialling one number has ended. It is under way until somebody takes note of it.
type ending struct {
	Result
	way int
}

// dial dials one number on a goroutine, which ends with it, or goes on with one that the process before has dialled. If another number was answered
// first, this one is hung up.
func (s *search) dial(ctx context.Context, t *tally, i int) {
	w, before := t.ways[i], t.far[i].ID
	s.running.Go(func() { // Close waits
		r := Result{Outcome: failed(Broken), Number: w.number}
		watch := func(c Change) { s.progress(t, i, c) }
		whole := s.dialer.guard("member's number", func() {
			if before != "" {
				s.next()
				r = s.dialer.goOn(ctx, before, watch)
				r.Number = cmp.Or(r.Number, w.number)
				return
			}
			in := s.in
			if i > 0 {
				in = s.dialer.inRoom(s.call.room, s.press.number) // some time has passed
			}
			r = s.dialer.invite(ctx, Request{
				Room: s.call.room, Caller: s.press.number, Number: w.number, Policy: w.policy, Ring: s.config.Ring, Wait: s.config.Wait,
			}, in, watch, s.next)
		})
		if r.Call != nil && t.answered.Swap(true) {
			r.Call.Hangup(ErrElsewhere.Error())
			r = Result{Outcome: Outcome{State: Cancelled}, Number: r.Number, Trunk: r.Trunk}
		}
		if !whole {
			s.dialer.stirs() // as a dial-out does that has ended
		}
		s.end(t, ending{r, i})
	})
}

// end tells the round of an ending, unless it is over and the ending is none that it waits for.
func (s *search) end(t *tally, e ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.over && e.Call == nil {
		s.dialer.noted()
		return
	}
	t.ended <- e // there is room for one of each number
}

// clear takes note of the endings that nobody has waited for. Who answers now comes too late.
func (s *search) clear(t *tally) {
	s.close(t)
	s.mu.Lock()
	s.out = nil
	s.mu.Unlock()
	t.answered.Store(true)
	for len(t.ended) > 0 {
		<-t.ended
		s.dialer.noted()
	}
}

// receive takes in him who has answered.
func (s *search) receive(ctx context.Context, r Result) Outcome {
	switch {
	case r.Call == nil: // it has ended between the processes
		s.receives(nil)
		return failed(Interrupted)
	case ctx.Err() != nil:
		r.Call.Hangup(context.Cause(ctx).Error())
		return Outcome{State: Cancelled}
	}
	who := s.receives(&r)
	s.tell(Change{State: Answered, Number: r.Number})
	s.rest()
	outcome := failed(Broken)
	s.dialer.guard("receiving a member", func() {
		outcome = Outcome{State: s.config.Receive(ctx, Guest{Group: s.call.group, Caller: s.press.number, Member: who, Result: r})}
	})
	s.stir()
	s.receives(nil)
	if outcome.State != In {
		r.Call.Hangup(outcome.State.String())
	}
	return outcome
}

// receives notes the call on which he is being received, or that he is not any more, and says who he is.
func (s *search) receives(guest *Result) Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guest = guest
	return s.member.state.Member
}

// tally is how far the numbers are that ring together.
type tally struct {
	ways     []way       // that may be dialled, in their order; never changes
	answered atomic.Bool // by one of them, who has won
	ended    chan ending

	// Guarded by Groups.mu. All but far and over the search's goroutine alone changes.
	far  []Change  // of those that were dialled
	gone []bool    // which of them are not being dialled any more
	next time.Time // when the next one is dialled if none of these has ended; zero: then only
	over bool
}

func newTally(ways []way) *tally { return &tally{ways: ways, ended: make(chan ending, len(ways))} }

// begun is how many have been dialled.
func (t *tally) begun() int { return len(t.gone) }

// more reports whether there are others.
func (t *tally) more() bool { return len(t.gone) < len(t.ways) }

// progress takes note of how far one number is. He is as far as the best of them.
func (s *search) progress(t *tally, i int, c Change) {
	if c.Over {
		return // its ending comes to the round
	}
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
	delete(s.sought, s)
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
