package dialout

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// Request asks for one person by one number. Number and Room are required.
type Request struct {
	Room   Room          // into which he is invited
	Caller string        // the number of who invites; counts against his limits
	Number string        // as dialled, or as it stands in a list
	Trunk  string        // the one trunk to take; empty: those that take the number, in their order
	Policy Policy        // what he meets who answers; Unsaid: see [Rulebook.Policy]
	Ring   time.Duration // how long it rings; 0: Config.Ring
	Wait   time.Duration // how long to wait for a line; 0: not at all
	Link   bool          // it is a link's: the mark says so, only the trunk's limits are its, and its seat is that of a link

	Settle bool          // Dial returns without a call only when the far side has none any more, either; see [Inviter]
	Watch  time.Duration // how long nothing may be heard of him before the call counts as lost; 0: as with all calls

	Absent bool // who invites is not in the room himself, so that he may have himself called
	Moves  bool // who invites will leave when he who is invited is in, and so needs no place beside his

	// Replaces is the value of a Replaces header (RFC 3891): he is on a call with somebody, and that call becomes one with the room. The
	// number says only whither the INVITE goes; it may be that of somebody who is in the room. Empty: he is called.
	Replaces string
}

// Change is how far a dial-out has come: Queued, Trying or Ringing. It may be trying again after it
// rang, on another trunk or at another number.
type Change struct {
	State  State
	Number string // that is dialled, without what only makes it readable
	Trunk  string // over which; empty while it is queued
	Early  Call   // the early call that the inviter may hear; nil: none
	ID     string // of the INVITE that is out, by which another process can go on with the dial-out: see [Dialer.Continue]; empty: none is

	// Over says that an INVITE was out, none will be any more, and Dial is about to return: State is that of the outcome. What rests while it rings
	// has to be under way when it has heard that, because the Dialer is not any more when Dial has returned.
	Over bool
}

// Result is how a dial-out ended. Outcome.State is Answered if there is a call, and otherwise what is
// in the way.
type Result struct {
	Outcome
	Call   Call   // that was answered, and is now the caller's to end; nil: there is none
	Number string // that answered, or that was dialled last
	Trunk  string // over which; empty: none was tried
	Policy Policy // what he meets; of an answered call
	Lease  Lease  // what the call holds while it lasts; of an answered call
	Taken  bool   // his call with somebody else was taken over: the number says nothing of who he is
	Seat   Seat   // that was kept for him; given back when the call ends, if nobody has taken it; nil: Config.Reserve is

	Over <-chan struct{} // closed when what the call has held is given back, so that the number may be dialled again; not after Close
}

// Lease is what an answered call holds until it ends: a line, its place in the counts, and the numbers
// that are not dialled again meanwhile. Plain data.
type Lease struct {
	Room   Room
	Caller Key
	Trunk  string
	Link   bool // it has no place in the room's counts, nor in the caller's
	Keys   []Key
}

// dial is one dial-out that is not over. Everything but the lease's keys is its own goroutine's; those
// are guarded by the Dialer's lock. While its INVITE is out, and in a pause, whoever holds the lock may read it all.
type dial struct {
	Request
	dialer *Dialer
	watch  func(Change)
	stands func()          // is called when it has a line and a seat, or stands in a queue for them; again perhaps
	wanted context.Context // until it is given up
	giveUp context.CancelCauseFunc
	lease  Lease
	seat   Seat // nil: none is kept yet

	counted bool     // it has had a line, and counts for Limits.RoomAtOnce and CallerAtOnce; guarded by the Dialer's lock, and so is spent
	spent   bool     // and over a trunk that is not internal: for RoomDaily and CallerDaily
	last    spending // guarded by the Dialer's lock, and so are unused, out and moves
	unused  *trunk   // whose line it has, over which it has not sent anything yet; nil: none
	out     *attempt // that is under way; nil: none
	moves   bool     // it is between two steps: its INVITE is being sent, or what has come of that is seen to

	order   uint64  // in which they were begun; never changes
	calling Calling // how far it has come; guarded by the Dialer's lock

	asked      Policy   // was said of the number that is dialled now; it was of that which was asked for, not of wherever that leads
	ways       []route  // to that number, that were not tried
	ahead      []string // numbers that are dialled after it
	tried      []Key    // and those that were dialled, or will be
	redirected int      // how many numbers of 302s were dialled
	sounded    bool     // an INVITE of it was out

	began    time.Time
	deadline time.Time // until which it waits for lines
}

// spending is what the line that a dial-out was granted last has counted of the day, besides itself.
type spending struct {
	day string
	own bool // one of the room's and of the caller's calls too
}

// Dial invites one person and returns when he has answered or when it is clear that he will not.
// Cancelling ctx cancels what rings; its cause (see [ErrElsewhere]) is what the phone is told. watch
// hears how far it has come, one change at a time, and not the outcome; it does not block; nil: nobody does.
//
// The next trunk is tried after a time-out, a 5xx or when the trunk does not take our credentials, never
// when he is busy or has declined. A 302 is followed to numbers that the rules allow, one after the other.
// A number that is in the room, or is being called into it, is not dialled.
func (d *Dialer) Dial(ctx context.Context, req Request, watch func(Change)) Result {
	beside := req.Caller
	if req.Absent {
		beside = ""
	}
	r := d.invite(ctx, req, d.inRoom(req.Room, beside), watch, func() {})
	d.noted()
	return r
}

// invite is Dial, where it is known who is in the room. stands is for those who are called in an order. The result is under way until noted.
func (d *Dialer) invite(ctx context.Context, req Request, in map[Key]bool, watch func(Change), stands func()) Result {
	number, cause := d.rules.Check(req.Number)
	key := d.rules.Key(number)
	if req.Replaces != "" {
		key = Key("replaces " + req.Replaces) // nobody is in for that, and it is asked for once
	}
	if cause == "" && in[key] {
		cause = AlreadyIn
	}
	if cause != "" {
		return d.note(req, Result{Outcome: failed(cause), Number: cmp.Or(number, req.Number)}, 0)
	}
	began := time.Now()
	req.Number = number
	j := &dial{Request: req, dialer: d, stands: stands, asked: req.Policy, began: began, deadline: began.Add(req.Wait)}
	j.wanted, j.giveUp = context.WithCancelCause(ctx)
	defer j.giveUp(nil)
	j.tellsTo(watch)
	j.Ring = cmp.Or(req.Ring, d.config.Ring)
	if cause := d.begin(j, key); cause != "" {
		return d.note(req, Result{Outcome: failed(cause), Number: number}, 0)
	}
	j.ahead, j.tried = []string{number}, []Key{d.rules.Key(number)}
	return j.seeThrough()
}

// tellsTo has watch hear of its changes; nil: nobody does.
func (j *dial) tellsTo(watch func(Change)) {
	d := j.dialer
	j.watch = func(c Change) {
		j.sounded = j.sounded || c.ID != ""
		if !c.Over {
			j.advance(c.Number, Outcome{State: c.State})
		}
		if watch != nil {
			d.guard("watching a dial-out", func() { watch(c) })
		}
	}
}

// seeThrough is the rest of a dial-out that has begun. The result is under way until noted.
func (j *dial) seeThrough() Result {
	d := j.dialer
	defer d.running.Done()
	defer d.waits(j) // what has become of it is under way instead
	r := Result{Outcome: failed(Broken), Number: j.Number}
	d.guard("dial-out", func() { r = j.run(j.wanted) })
	r.Taken = j.Replaces != ""
	d.end(j, &r)
	j.advance(r.Number, r.Outcome)
	r = d.note(j.Request, r, time.Since(j.began))
	if j.sounded {
		j.watch(Change{State: r.State, Number: r.Number, Trunk: r.Trunk, Over: true})
	}
	return r
}

// inRoom is the numbers that need not be dialled because they are in the room already: the inviter is,
// or is about to be.
func (d *Dialer) inRoom(room Room, caller string) map[Key]bool {
	in := map[Key]bool{d.rules.Key(caller): true}
	for _, number := range d.config.Present(room.Number) {
		in[d.rules.Key(number)] = true
	}
	delete(in, "") // who has no number is nobody in particular
	return in
}

// place takes a line, and keeps a seat, and waits for both until the deadline. Without them the outcome says why.
func (j *dial) place(ctx context.Context, ways []route) (way route, why Outcome) {
	d := j.dialer
	for {
		if way, why = d.line(ctx, j, ways, max(0, time.Until(j.deadline))); way.trunk == nil {
			return way, why
		}
		why = failed(Broken)
		d.guard("keeping a seat", func() { why = j.sit() })
		j.stands()
		if why == (Outcome{}) {
			return way, why
		}
		d.takeBack(j, way.trunk)
		if why.Cause != RoomFull || j.Link || !j.lookLater(ctx) { // links have a wait of their own, and share a line meanwhile
			return route{}, why
		}
	}
}

// seatPause is after what time somebody looks again whether there is a seat; nobody says that one is free.
const seatPause = time.Second

// lookLater lets that time pass; false when the deadline has come before.
func (j *dial) lookLater(ctx context.Context) bool {
	left := time.Until(j.deadline)
	if left <= 0 {
		return false
	}
	timer := time.NewTimer(min(left, seatPause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return true
}

// Sitter is for whom a seat is kept.
type Sitter uint8

const (
	Person    Sitter = iota
	Line             // the far side of a link
	Successor        // he in whose favour another one will leave
)

func (r *Request) sitter() Sitter {
	switch {
	case r.Link:
		return Line
	case r.Moves:
		return Successor
	}
	return Person
}

// sit keeps a seat for him, so that nobody answers for whom there is none. The outcome is why not; zero: he has one.
func (j *dial) sit() Outcome {
	if j.seat != nil || j.dialer.config.Reserve == nil {
		return Outcome{}
	}
	seat, err := j.dialer.config.Reserve(j.Room, j.sitter())
	switch {
	case errors.Is(err, ErrRoomEnded):
		return Outcome{State: Cancelled}
	case err != nil:
		return failed(RoomFull)
	}
	j.seat = seat
	return Outcome{}
}

// run tries the number, and where it is redirected to, until somebody answers or says no. If its INVITE is out already, it waits for that first.
func (j *dial) run(ctx context.Context) (r Result) {
	for j.out != nil || len(j.ahead) > 0 {
		var targets []string
		if r, targets = j.reach(ctx); r.State == Answered || r.State == Declined || r.State == Cancelled {
			return r
		}
		if len(targets) == 0 {
			continue
		}
		j.asked = Unsaid
		next, cause := j.follow(targets)
		j.ahead = append(next, j.ahead...)
		r.Outcome = Outcome{State: Failed, Cause: cause, Code: r.Code}
	}
	return r
}

// follow says which targets of a redirection are dialled next; the cause is why the last of the others is not.
func (j *dial) follow(targets []string) (numbers []string, cause Cause) {
	d := j.dialer
	in := d.inRoom(j.Room, j.Caller)
	cause = Redirects // also if all of them were tried before: a circle
	for _, target := range targets {
		number, wrong := d.rules.Check(target)
		key := d.rules.Key(number)
		switch {
		case wrong != "":
			cause = wrong
		case slices.Contains(j.tried, key):
		case j.redirected >= d.config.Redirects:
			cause = Redirects
		case in[key]:
			cause = AlreadyIn
		case !d.claim(&j.lease, key):
			cause = AlreadyCalled
		default:
			j.redirected++
			j.tried = append(j.tried, key)
			numbers = append(numbers, number)
		}
	}
	return numbers, cause
}

// reach tries the next number over the trunks that take it. targets are where it was redirected to.
func (j *dial) reach(ctx context.Context) (r Result, targets []string) {
	d := j.dialer
	if j.out != nil {
		over := false
		if r, targets, over = j.try(ctx, j.out.way, j.out.number); over {
			return r, targets
		}
	} else {
		var cause Cause
		number := j.ahead[0]
		j.ahead = j.ahead[1:]
		j.ways, cause = d.routes(number, j.Trunk)
		r = Result{Outcome: failed(cause), Number: number}
	}
	for over := false; len(j.ways) > 0 && !over; {
		j.watch(Change{State: Queued, Number: r.Number})
		d.waits(j)
		way, why := j.place(ctx, j.ways)
		if way.trunk == nil {
			if r.Trunk == "" || why.State == Cancelled { // else the attempt before says more
				r.Outcome = why
			}
			return r, nil
		}
		r, targets, over = j.try(ctx, way, r.Number)
	}
	return r, targets
}

// try tries a number over one trunk, whose line it has. over says that no other trunk would help.
func (j *dial) try(ctx context.Context, way route, number string) (r Result, targets []string, over bool) {
	d := j.dialer
	j.ways = slices.DeleteFunc(slices.Clone(j.ways), func(w route) bool { return w.trunk == way.trunk })
	var call Call
	var failure *Failure
	outcome := failed(Broken)
	d.guard("attempt", func() {
		if j.out != nil {
			call, outcome, failure = j.await(ctx, j.out)
		} else {
			call, outcome, failure = j.attempt(ctx, way, number)
		}
	})
	r = Result{Outcome: outcome, Number: number, Trunk: way.Name, Call: call}
	if call != nil {
		r.Policy = d.rules.Policy(j.asked, number, &way.Trunk)
		return r, nil, true // the line is its lease's
	}
	d.release(way.trunk)
	if failure == nil || !failure.Class.failsOver() || outcome.State == NoAnswer {
		if failure != nil && failure.Class == Redirect {
			targets = failure.Targets
		}
		return r, targets, true
	}
	return r, nil, false
}
