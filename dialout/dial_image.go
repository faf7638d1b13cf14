package dialout

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// DialImage is a dial-out whose INVITE is out. Plain data, for encoding/gob.
type DialImage struct {
	ID      string // of the INVITE
	Request Request
	Keys    []Key // that it has claimed
	Counted bool  // for Limits.RoomAtOnce and CallerAtOnce
	Spent   bool  // for RoomDaily and CallerDaily

	Number     string   // that is dialled now
	Asked      Policy   // what was said of it
	Trunk      string   // over which it is dialled
	Untried    []string // the trunks that are left for it
	Ahead      []string // the numbers that are dialled after it
	Tried      []Key    // and those that were dialled, or will be
	Redirected int      // how many there were
	Began      time.Time
	Deadline   time.Time // until which it waits for lines

	State   State // Trying or Ringing
	Heard   bool  // anything was, of the far side
	Rang    bool
	Limit   time.Time    // until when something has to be heard
	Until   time.Time    // until when it has to be answered
	GivenUp string       // why nobody wants it any more; empty: it is wanted
	Call    string       // the ID of the call that has come of it, which nobody has seen to yet; empty: none
	Failure FailureImage // why none has come; zero: it is not over
}

// FailureImage is how an INVITE ended. Plain data, for encoding/gob.
type FailureImage struct {
	Over       bool
	Refused    bool // by a Failure; else Err is all that there is
	Class      Class
	Code       int
	RetryAfter time.Duration
	Targets    []string
	Err        string
}

// saveDials writes the dial-outs down whose INVITE is out, and returns the calls that have come of some of them. The lock is held.
func (d *Dialer) saveDials(s *Saved) (answers map[int]Call) {
	answers = make(map[int]Call)
	for _, j := range slices.SortedFunc(maps.Keys(d.dials), func(a, b *dial) int { return cmp.Compare(a.order, b.order) }) {
		if j.out == nil || j.out.id == "" {
			continue
		}
		if j.out.call != nil {
			answers[len(s.Dials)] = j.out.call
		}
		s.Dials = append(s.Dials, j.save())
	}
	return answers
}

// save writes a dial-out down, but for its call. The lock is held.
func (j *dial) save() DialImage {
	a := j.out
	im := DialImage{
		ID: a.id, Request: j.Request, Keys: j.lease.Keys, Counted: j.counted, Spent: j.spent,
		Number: a.number, Asked: j.asked, Trunk: a.way.Name, Ahead: j.ahead, Tried: j.tried, Redirected: j.redirected,
		Began: j.began, Deadline: j.deadline,
		State: a.state, Heard: a.heard, Rang: a.rang, Limit: a.limit, Until: a.until, Failure: saveFailure(a.err),
	}
	for _, w := range j.ways {
		im.Untried = append(im.Untried, w.Name)
	}
	for _, ctx := range []context.Context{a.wanted, j.wanted} {
		if why := context.Cause(ctx); why != nil && im.GivenUp == "" {
			im.GivenUp = why.Error()
		}
	}
	return im
}

func saveFailure(err error) (im FailureImage) {
	if err == nil {
		return im
	}
	im.Over = true
	var f *Failure
	if !errors.As(err, &f) {
		im.Err = err.Error()
		return im
	}
	im.Refused = true
	im.Class, im.Code, im.RetryAfter, im.Targets = f.Class, f.Code, f.RetryAfter, f.Targets
	if f.Err != nil {
		im.Err = f.Err.Error()
	}
	return im
}

// restore makes the error again.
func (im *FailureImage) restore() error {
	switch {
	case !im.Over:
		return nil
	case !im.Refused:
		return reason(im.Err)
	}
	f := &Failure{Class: im.Class, Code: im.Code, RetryAfter: im.RetryAfter, Targets: im.Targets}
	if im.Err != "" {
		f.Err = reason(im.Err)
	}
	return f
}

// restoreDial takes up a dial-out of another process: it holds what it held there, also if that is more than the limits are now. The lock is held.
func (d *Dialer) restoreDial(im *DialImage) {
	j := &dial{
		Request: im.Request, dialer: d, stands: func() {}, counted: im.Counted, spent: im.Spent,
		asked: im.Asked, ahead: im.Ahead, tried: im.Tried, redirected: im.Redirected, sounded: true, began: im.Began, deadline: im.Deadline,
	}
	j.wanted, j.giveUp = context.WithCancelCause(context.Background())
	j.lease = Lease{Room: j.Room, Caller: d.rules.Key(j.Caller), Link: j.Link}
	for _, key := range im.Keys {
		if _, claimed := d.claims[place{j.Room, key}]; !claimed {
			d.hold(&j.lease, key)
		}
	}
	if j.counted {
		d.usage.begin(j.Room.Number, j.lease.Caller) // for now, not for today
	}
	ways, _ := d.routes(im.Number, j.Trunk)
	for _, w := range ways {
		if slices.Contains(im.Untried, w.Name) {
			j.ways = append(j.ways, w)
		}
	}
	t := trunkNamed(d.trunks, im.Trunk)
	if t == nil { // it is not configured any more
		t = newTrunk(Trunk{Name: im.Trunk}, nil)
	}
	t.calls++
	j.out = newAttempt(route{trunk: t}, im.Number)
	j.out.restore(im, d.restored)
	if im.GivenUp != "" {
		why := reason(im.GivenUp)
		j.out.giveUp(why)
		if why != errNoAnswer && why != errSilent {
			j.giveUp(why)
		}
	}
	d.begun++
	j.order, j.calling = d.begun, Calling{Room: j.Room, Number: im.Number, Outcome: Outcome{State: im.State}}
	d.dials[j] = struct{}{}
	d.left[im.ID] = j
	d.running.Add(1) // Done in seeThrough
}

// restore makes the attempt again. call finds the call that has come of it.
func (a *attempt) restore(im *DialImage, call func(id string) Call) {
	a.id, a.again, a.state, a.heard, a.rang, a.limit, a.until = im.ID, true, im.State, im.Heard, im.Rang, im.Limit, im.Until
	a.err = im.Failure.restore()
	if im.Call != "" {
		if a.call = call(im.Call); a.call == nil {
			a.err = ErrInterrupted // it has ended between the processes
		}
	}
}

// ownersPatience is how long whoever wants a dial-out of the process before has to say so.
const ownersPatience = 2 * time.Second

// Continue is Dial for a dial-out of Config.Saved whose INVITE is out, from where it was: as long as it would have rung, and with the
// trunks and numbers after that. watch hears first how far it is. The outcome is Interrupted if there is none of that ID. Whom nobody
// continues before two seconds after Resume is given up.
func (d *Dialer) Continue(ctx context.Context, id string, watch func(Change)) Result {
	r := d.goOn(ctx, id, watch)
	d.noted()
	return r
}

// goOn is Continue. The result is under way until noted.
func (d *Dialer) goOn(ctx context.Context, id string, watch func(Change)) Result {
	d.mu.Lock()
	j := d.left[id]
	delete(d.left, id)
	if j == nil {
		d.underWay++
	}
	d.mu.Unlock()
	if j == nil {
		return Result{Outcome: failed(Interrupted)}
	}
	stop := context.AfterFunc(ctx, func() { j.giveUp(context.Cause(ctx)) })
	defer stop()
	defer j.giveUp(nil)
	j.tellsTo(watch)
	return j.seeThrough()
}

// seatAgain keeps the seats of those who are being called since the process before.
func (d *Dialer) seatAgain() {
	d.mu.Lock()
	left := slices.SortedFunc(maps.Values(d.left), func(a, b *dial) int { return cmp.Compare(a.order, b.order) })
	d.mu.Unlock()
	for _, j := range left {
		d.guard("keeping a seat", func() {
			if j.sit().State == Cancelled {
				j.giveUp(ErrRoomEnded)
			}
		})
	}
}

// awaitOwners gives those up whom nobody continues in time. The lock is held.
func (d *Dialer) awaitOwners() {
	if len(d.left) > 0 {
		time.AfterFunc(ownersPatience, func() { d.abandon(ErrGivenUp) })
	}
}

// abandon gives those up whom nobody continues, and does not wait for that. In a pause it does nothing: they are written down once more.
func (d *Dialer) abandon(why error) {
	gone, leave := context.WithCancelCause(context.Background())
	leave(why)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resumed != nil {
		return
	}
	for id := range d.left {
		d.running.Go(func() { // ends soon; Close waits
			if r := d.goOn(gone, id, nil); r.Call != nil {
				r.Call.Hangup(why.Error())
			}
			d.noted()
		})
	}
}
