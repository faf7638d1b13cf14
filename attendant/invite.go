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
	a.p.Play(rooms.DialTone, true)
	a.hashes = true
	a.doing = doing{task: collecting, until: time.Now().Add(a.office.cfg.First)}
	a.bringIn(ctx)
}

// bringIn is invite from wherever he is.
func (a *attendant) bringIn(ctx context.Context) {
	if a.doing.task == collecting {
		ok := a.collect()
		number := a.doing.number
		if !ok || a.over() {
			a.doing = doing{}
			a.comeBack()
			if number == "" && !a.forgiven {
				a.p.Play(rooms.Refused, true) // the dial tone has ended, and he is heard again
			}
			return
		}
		a.doing = doing{task: calling, number: number}
	}
	defer a.comeBack()
	defer func() { a.doing = doing{} }()
	number := a.doing.number
	var outcome dialout.Outcome
	var g *guest
	switch a.doing.task {
	case calling:
		if a.office.cfg.Dialer == nil { // any more
			a.hush("nobody can be dialled any more")
			outcome = dialout.Outcome{State: dialout.Failed, Cause: dialout.NoTrunk}
			break
		}
		a.log.Debug("invites", "number", number)
		outcome, g = a.dial(ctx)
		a.log.Debug("invited", "number", number, "outcome", outcome.String())
	case asking, consulting:
		outcome, g = a.meetAgain(ctx)
		a.log.Debug("invited", "number", number, "outcome", outcome.String())
	}
	if g != nil {
		a.invited = g
		return
	}
	a.tell(outcome, number)
}

// mostCollected is how many keys of a number are waited for at all.
const mostCollected = 32

// collect collects the number that he dials, ended by # or a pause; * gives it up.  One that is as long as a number may be is waited with like any
// other, for he may not be at its end: somebody's phone would ring whose number begins like the one that he means.  To refuse what is too
// long is the dialler's.
func (a *attendant) collect() (ok bool) {
	d := &a.doing
	for len(d.number) < mostCollected {
		key, pressed := a.key(d.until)
		switch {
		case !pressed || key == '#':
			a.hashes = !pressed
			a.p.StopPlaying()
			return d.number != ""
		case key == '*':
			a.interrupt(key)
			d.number = ""
			return false
		}
		d.number += string(rune(key))
		d.until = time.Now().Add(a.office.cfg.Pause)
	}
	return true
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
	a.doing = doing{task: calling, number: a.doing.number, guest: g}
	switch r.Policy {
	case dialout.Press1:
		a.doing.task = asking
		a.p.Play(rooms.Ringback, false)
	case dialout.Consult:
		a.doing.task = consulting
		a.p.StepAside(g.p)
		g.p.StepAside(a.p)
		a.say(prompts.Consult)
	}
	return a.meet(ctx)
}

// meetAgain is meet with a guest with whom he was when the process before wrote it down.
func (a *attendant) meetAgain(ctx context.Context) (outcome dialout.Outcome, in *guest) {
	g := a.doing.guest
	if g == nil { // he has hung up meanwhile
		return dialout.Outcome{State: dialout.NoAccept}, nil
	}
	outcome = dialout.Outcome{State: dialout.Failed, Cause: dialout.Broken} // as in answered
	defer func() {
		if in == nil {
			g.dismiss(outcome.String())
		}
	}()
	return a.meet(ctx)
}

// meet waits until it is clear whether his guest comes in, and takes him in then.
func (a *attendant) meet(ctx context.Context) (outcome dialout.Outcome, in *guest) {
	g, state := a.doing.guest, dialout.In
	switch a.doing.task {
	case asking:
		state = a.office.ask(ctx, a.works, g, a.number, a)
	case consulting:
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
	for {
		for key, pressed := a.keys.take(); pressed; key, pressed = a.keys.take() {
			switch key {
			case '*':
				return dialout.In
			case '#':
				return dialout.Cancelled
			}
		}
		switch {
		case !g.here():
			return dialout.Declined
		case a.over():
			return dialout.Cancelled
		}
		a.works.rest(func() {
			select {
			case <-a.keys.came:
			case <-g.call.Done():
			case <-a.call.Done():
			}
		})
	}
}
