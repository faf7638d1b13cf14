package dialout

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// attempt sends one INVITE. It returns a call, or the outcome and, if it did not end here, the failure.
func (j *dial) attempt(ctx context.Context, way route, number string) (Call, Outcome, *Failure) {
	d := j.dialer
	if way.pace.wait(ctx) != nil {
		d.unsent(j, way.trunk)
		return nil, Outcome{State: Cancelled}, nil
	}
	inviting, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	silence := time.AfterFunc(d.config.Response, func() { giveUp(errSilent) })
	defer silence.Stop()
	patience := time.AfterFunc(j.Ring, func() { giveUp(errNoAnswer) })
	defer patience.Stop()

	d.count(way.trunk, &way.attempts)
	var rang atomic.Bool
	j.watch(Change{State: Trying, Number: number, Trunk: way.Name})
	call, err := d.config.Inviter.Invite(inviting, Attempt{
		Trunk: way.Trunk, Number: way.sent, Room: j.Room.Number, Caller: j.Caller, Mark: Mark{d.instance, j.Room.Number, j.Link}.String(),
		Settle: j.Settle, Watch: j.Watch, Replaces: j.Replaces,
	}, func(p Progress) {
		silence.Stop()
		if p.State == Ringing && !rang.Swap(true) {
			patience.Reset(j.Ring) // from now on it rings: what it took to get there was not his
		}
		j.watch(Change{State: p.State, Number: number, Trunk: way.Name, Early: p.Early})
	})
	if call != nil {
		if ctx.Err() != nil { // it has crossed: nobody is there to take it
			call.Hangup(context.Cause(ctx).Error())
			j.settle(call)
			return nil, Outcome{State: Cancelled}, nil
		}
		d.count(way.trunk, &way.answered)
		return call, Outcome{State: Answered}, nil
	}
	return j.failure(ctx, inviting, way, err, rang.Load())
}

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
func (j *dial) failure(ctx, inviting context.Context, way route, err error, rang bool) (Call, Outcome, *Failure) {
	var failure *Failure
	switch cause := context.Cause(inviting); {
	case errors.As(err, &failure): // a response that is there counts, also when we have just given up
	case ctx.Err() != nil:
		return nil, Outcome{State: Cancelled}, nil
	case cause == errNoAnswer:
		return nil, Outcome{State: NoAnswer}, nil
	case cause == errSilent:
		failure = &Failure{Class: OutOfReach, Err: errSilent}
	default:
		failure = &Failure{Class: Other, Err: err}
	}
	j.dialer.learn(way.trunk, failure)
	return nil, failure.outcome(rang), failure
}

// count adds one to a figure of the trunk.
func (d *Dialer) count(t *trunk, figure *uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*figure++
}
