package dialout

import (
	"context"
	"errors"
	"time"
)

// attempt is one INVITE, from the moment when it is to be sent until what it has come to is known.
type attempt struct {
	way    route
	number string          // as dialled
	wanted context.Context // until it is given up
	giveUp context.CancelCauseFunc
	again  bool // another process has sent it

	news chan struct{} // holds one while there is some
	done chan struct{} // closed when over is set

	// Guarded by the Dialer's lock.
	id    string // of its INVITE; empty: that is not out yet, and the attempt cannot be written down
	state State
	heard bool       // anything, of the far side
	rang  bool       //
	limit time.Time  // until when something has to be heard
	until time.Time  // until when it has to be answered
	queue []Progress // that the dial-out has not seen yet
	call  Call       // that has come of it
	err   error      // or why none has
}

func newAttempt(way route, number string) *attempt {
	a := &attempt{way: way, number: number, state: Trying, news: make(chan struct{}, 1), done: make(chan struct{})}
	a.wanted, a.giveUp = context.WithCancelCause(context.Background())
	return a
}

// attempt sends one INVITE. It returns a call, or the outcome and, if it did not end here, the failure.
func (j *dial) attempt(ctx context.Context, way route, number string) (Call, Outcome, *Failure) {
	d := j.dialer
	if way.pace.wait(ctx, func() error { return d.depart(ctx, j.sends) }) != nil {
		d.unsent(j, way.trunk)
		return nil, Outcome{State: Cancelled}, nil
	}
	d.count(way.trunk, &way.attempts)
	a := newAttempt(way, number)
	now := time.Now()
	a.limit, a.until = now.Add(d.config.Response), now.Add(j.Ring)
	return j.await(ctx, a)
}

// await waits for what an attempt comes to. What the dial-out does then, and what it tells, waits for the end of a pause; what it has learnt is noted at
// once, so that it can be written down.
func (j *dial) await(ctx context.Context, a *attempt) (Call, Outcome, *Failure) {
	d := j.dialer
	defer a.giveUp(nil)
	j.has(a)
	defer j.has(nil)
	go j.invite(a) // ends with a.done, which is waited for here
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	given := ctx.Done()
	for over := false; !over; {
		alarm.Reset(j.patience(a))
		select {
		case <-a.done:
			over = true
			j.stirs()
		case <-a.news:
			j.stirs()
		case <-given:
			j.stirs()
			a.giveUp(context.Cause(ctx))
			given = nil
		case <-alarm.C:
			j.stirs()
			j.look(a)
		}
		if out := j.hear(a); out && !over {
			d.waits(j)
		}
	}
	if a.call == nil {
		return j.failure(ctx, a)
	}
	return j.answered(ctx, a)
}

// invite is the goroutine "INVITE".
func (j *dial) invite(a *attempt) {
	defer close(a.done)
	d := j.dialer
	if a.call != nil || a.err != nil { // that was so in the process before
		return
	}
	var call Call
	err := errPanic
	d.guard("attempt", func() {
		to := Attempt{
			Trunk: a.way.Trunk, Number: a.way.sent, Room: j.Room.Number, Caller: j.Caller, Mark: Mark{d.instance, j.Room.Number, j.Link}.String(),
			Settle: j.Settle, Watch: j.Watch, Replaces: j.Replaces,
		}
		progress := func(p Progress) { j.notes(a, p) }
		if a.again {
			call, err = d.config.Inviter.Continue(a.wanted, a.id, to, progress)
		} else {
			call, err = d.config.Inviter.Invite(a.wanted, to, progress)
		}
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	a.call, a.err = call, err
}

// notes takes note of a provisional response, for hear.
func (j *dial) notes(a *attempt, p Progress) {
	d := j.dialer
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.id == "" {
		a.id = p.ID
	}
	a.queue = append(a.queue, p)
	a.state = max(p.State, Trying)
	a.heard = a.heard || p.State != NotCalled
	if p.State == Ringing && !a.rang {
		a.rang = true
		a.until = time.Now().Add(j.Ring) // from now on it rings: what it took to get there was not his
	}
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// has notes which attempt is under way; nil: none is.
func (j *dial) has(a *attempt) {
	j.dialer.mu.Lock()
	defer j.dialer.mu.Unlock()
	j.out = a
}

// hear tells of what was noted. out says whether the INVITE is.
func (j *dial) hear(a *attempt) (out bool) {
	j.dialer.mu.Lock()
	queue, id := a.queue, a.id
	a.queue = nil
	j.dialer.mu.Unlock()
	for _, p := range queue {
		j.watch(Change{State: max(p.State, Trying), Number: a.number, Trunk: a.way.Name, Early: p.Early, ID: id})
	}
	return id != ""
}

// patience is how long an attempt may still take before somebody has to look.
func (j *dial) patience(a *attempt) time.Duration {
	if a.wanted.Err() != nil {
		return time.Hour // it is given up
	}
	j.dialer.mu.Lock()
	defer j.dialer.mu.Unlock()
	if !a.heard && a.limit.Before(a.until) {
		return time.Until(a.limit)
	}
	return time.Until(a.until)
}

// look gives an attempt up that has taken too long.
func (j *dial) look(a *attempt) {
	j.dialer.mu.Lock()
	defer j.dialer.mu.Unlock()
	switch now := time.Now(); {
	case !now.Before(a.until):
		a.giveUp(errNoAnswer)
	case !a.heard && !now.Before(a.limit):
		a.giveUp(errSilent)
	}
}

// answered is an attempt that has come to a call.
func (j *dial) answered(ctx context.Context, a *attempt) (Call, Outcome, *Failure) {
	why := Outcome{State: Cancelled}
	if ctx.Err() == nil {
		why = failed(Broken)
		j.dialer.guard("keeping a seat", func() { why = j.sit() }) // he has one, unless this process has not found him one any more
	}
	if why == (Outcome{}) {
		j.dialer.count(a.way.trunk, &a.way.answered)
		return a.call, Outcome{State: Answered}, nil
	}
	reason := why.String()
	if ctx.Err() != nil { // it has crossed: nobody is there to take it
		reason = context.Cause(ctx).Error()
	}
	a.call.Hangup(reason)
	j.settle(a.call)
	return nil, why, nil
}

// sends notes that an INVITE goes out over its line. The Dialer's lock is held.
func (j *dial) sends() { j.moves, j.unused = true, nil }

// mostSettling is how long the far side of a call that was hung up is waited for: as long as a SIP
// transaction lasts.
const mostSettling = 32 * time.Second

// settle waits, with Settle, until a call that was hung up is gone for the far side, too.
func (j *dial) settle(call Call) {
	if !j.Settle {
		return
	}
	timer := time.NewTimer(mostSettling)
	defer timer.Stop()
	select {
	case <-call.Gone():
	case <-timer.C:
	case <-j.dialer.stopped:
	}
}

// failure names what Invite returned for a call that nobody answered.
func (j *dial) failure(ctx context.Context, a *attempt) (Call, Outcome, *Failure) {
	var failure *Failure
	switch cause := context.Cause(a.wanted); {
	case errors.As(a.err, &failure): // a response that is there counts, also when we have just given up
	case ctx.Err() != nil:
		return nil, Outcome{State: Cancelled}, nil
	case cause == errNoAnswer:
		return nil, Outcome{State: NoAnswer}, nil
	case cause == errSilent:
		failure = &Failure{Class: OutOfReach, Err: errSilent}
	case errors.Is(a.err, ErrInterrupted):
		return nil, failed(Interrupted), nil
	default:
		failure = &Failure{Class: Other, Err: a.err}
	}
	j.dialer.learn(a.way.trunk, failure)
	return nil, failure.outcome(a.rang), failure
}

// count adds one to a figure of the trunk.
func (d *Dialer) count(t *trunk, figure *uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*figure++
}
