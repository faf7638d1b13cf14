package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// invite lets him dial, and brings in who answers.  He is out of the talk meanwhile, and the room goes on.
func (a *attendant) invite(ctx context.Context) {
	if a.office.cfg.Dialer == nil {
		a.say(prompts.NotAllowed)
		return
	}
	a.goAway()
	number, ok := a.collect()
	if !ok || a.over() {
		a.comeBack()
		if number == "" && !a.forgiven {
			a.p.Play(rooms.Refused, true) // the dial tone has ended, and he is heard again
		}
		return
	}
	defer a.comeBack()
	a.log.Debug("invites", "number", number)
	outcome, g := a.dial(ctx, number)
	a.log.Debug("invited", "number", number, "outcome", outcome.String())
	if g != nil {
		a.invited = g
		return
	}
	a.tell(outcome, number)
}

// mostCollected is how many keys of a number are waited for at all.
const mostCollected = 32

// collect is the number that he dials, ended by # or a pause; * gives it up.  One that is as long as a number may be is waited with like any
// other, for he may not be at its end: somebody's phone would ring whose number begins like the one that he means.  To refuse what is too
// long is the dialler's.
func (a *attendant) collect() (number string, ok bool) {
	a.p.Play(rooms.DialTone, true)
	a.hashes = true
	for wait := a.office.cfg.First; len(number) < mostCollected; wait = a.office.cfg.Pause {
		key, pressed := a.key(wait)
		switch {
		case !pressed || key == '#':
			a.hashes = !pressed
			a.p.StopPlaying()
			return number, number != ""
		case key == '*':
			a.interrupt(key)
			return "", false
		}
		number += string(rune(key))
	}
	return number, true
}

// givesUp says whether a key means that he waits no longer, as any does; but not the # after a number that he ends slowly, or that is as
// long as a number may be.
func (a *attendant) givesUp(key byte) bool {
	if key == '#' && a.hashes {
		a.hashes = false
		return false
	}
	a.interrupt(key)
	return true
}

// dial dials, and lets him hear what becomes of it.  The guest is nil if nobody has come in.
func (a *attendant) dial(ctx context.Context, number string) (dialout.Outcome, *guest) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	changes, results := make(chan dialout.Change, 16), make(chan dialout.Result, 1)
	go func() { // ends with Dial; results is waited for below
		r := dialout.Result{Outcome: dialout.Outcome{State: dialout.Failed, Cause: dialout.Broken}, Number: number} // of a panic
		defer func() { results <- r }()
		defer func() { a.office.survived(recover(), "dial-out", a.log.now.Load(), nil) }()
		r = a.office.cfg.Dialer.Dial(ctx, dialout.Request{Room: a.conference(), Caller: a.number, Number: number}, func(c dialout.Change) {
			select {
			case changes <- c:
			default: // he is told of the next one
			}
		})
	}()
	hears := hearing{attendant: a}
	waits := true
	defer func() {
		if waits { // a panic, which goes on: nobody else knows whom he was bringing in
			giveUp(dialout.ErrGivenUp)
			letGo(<-results, "internal error", hears.early)
		}
	}()
	for {
		select {
		case c := <-changes:
			hears.follow(c)
			continue
		case <-hears.gone():
			hears.hush("he is not there any more")
			continue
		case key := <-a.keys:
			if !a.givesUp(key) {
				continue
			}
		case <-a.call.Done():
		case r := <-results:
			waits = false
			return a.answered(ctx, r, hears.early)
		}
		waits = false
		giveUp(dialout.ErrGivenUp)
		a.release(<-results, hears.early) // what he presses meanwhile is for what comes then
		return dialout.Outcome{State: dialout.Cancelled}, nil
	}
}

// release ends what nobody waits for any more.
func (a *attendant) release(r dialout.Result, early *guest) {
	why := "the inviter has given up"
	if a.over() {
		why = "the inviter has left"
	}
	letGo(r, why, early)
}

// letGo hangs up who was dialled, and those leave the ante-room who have come for it; each of them may be nil, or may have left.
func letGo(r dialout.Result, why string, guests ...*guest) {
	if r.Call != nil {
		r.Call.Hangup(why)
	}
	for _, g := range guests {
		g.leave(why)
	}
}

// answered brings in who has answered, as the policy has it.
func (a *attendant) answered(ctx context.Context, r dialout.Result, early *guest) (outcome dialout.Outcome, in *guest) {
	g := early
	outcome = dialout.Outcome{State: dialout.Failed, Cause: dialout.Broken} // of a panic, which goes on: nobody else knows who is here
	defer func() {
		if in == nil {
			letGo(r, outcome.String(), early, g)
		}
	}()
	if a.over() {
		a.release(r, early)
		return dialout.Outcome{State: dialout.Cancelled}, nil
	}
	call, ok := r.Call.(Call)
	if !ok {
		if early != nil && r.Cause == dialout.Broken {
			early.call.Hangup("internal error") // perhaps nobody else does
		}
		return r.Outcome, nil
	}
	if g != nil && g.call.ID() == call.ID() && r.Seat != nil {
		r.Seat.Release() // he sits already
	}
	if g == nil || g.call.ID() != call.ID() {
		early.leave("another phone has answered")
		if g = a.office.welcome(call, a.conference(), r); g == nil {
			call.Hangup("no seat in the room")
			return dialout.Outcome{State: dialout.Failed, Cause: dialout.RoomFull}, nil
		}
	}
	g.call.take(call)
	state := dialout.In
	switch r.Policy {
	case dialout.Press1:
		a.p.Play(rooms.Ringback, false)
		state = a.office.ask(ctx, g, a.number, a)
	case dialout.Consult:
		state = a.consult(g)
	}
	if state == dialout.In {
		state = a.office.takeIn(ctx, g)
	}
	if state != dialout.In {
		return dialout.Outcome{State: state}, nil
	}
	return dialout.Outcome{State: dialout.In}, g
}

// consult lets him talk to the guest before anybody else hears him: * takes him in, # does not.
func (a *attendant) consult(g *guest) dialout.State {
	a.p.StepAside(g.p)
	g.p.StepAside(a.p)
	a.say(prompts.Consult)
	for {
		select {
		case key := <-a.keys:
			switch key {
			case '*':
				return dialout.In
			case '#':
				return dialout.Cancelled
			}
		case <-g.call.Done():
			return dialout.Declined
		case <-a.call.Done():
			return dialout.Cancelled
		}
	}
}

// toneTime is how long a busy tone is heard.
const toneTime = 2 * time.Second

// tell lets him hear why nobody has come: by a tone and in words.  A key ends it.
func (a *attendant) tell(o dialout.Outcome, number string) {
	tone, name := rooms.Reorder, prompts.Failed
	switch o.State {
	case dialout.Cancelled:
		return
	case dialout.Busy:
		tone, name = rooms.BusyTone, prompts.Busy
	case dialout.Declined:
		tone, name = rooms.BusyTone, prompts.Declined
	case dialout.NoAnswer:
		name = prompts.NoAnswer
	case dialout.NoAccept:
		name = prompts.NoAccept
	case dialout.Unreachable:
		name = prompts.Unreachable
	case dialout.Failed:
		name = whyFailed(o.Cause)
	}
	a.p.StepAside(nil)
	if o.Cause != dialout.AlreadyIn && o.Cause != dialout.AlreadyCalled { // there is nothing wrong with it
		a.p.Play(tone, true)
		if !a.heardOut(toneTime) {
			return
		}
	}
	a.heardOut(a.say(prompts.Digits(number), name))
}

// whyFailed is what is said of the causes that somebody can do something about.
func whyFailed(cause dialout.Cause) prompts.Name {
	switch cause {
	case dialout.BadNumber, dialout.TooLong:
		return prompts.WrongNumber
	case dialout.NotAllowed, dialout.Loop, dialout.NoTrunk:
		return prompts.NotAllowed
	case dialout.RoomAtOnce, dialout.CallerAtOnce, dialout.RoomDaily, dialout.CallerDaily, dialout.TrunkDaily:
		return prompts.CallLimit
	case dialout.NoLine:
		return prompts.NoLine
	case dialout.AlreadyIn:
		return prompts.AlreadyIn
	case dialout.AlreadyCalled:
		return prompts.AlreadyRung
	case dialout.RoomFull:
		return prompts.Full
	}
	return prompts.Failed
}
