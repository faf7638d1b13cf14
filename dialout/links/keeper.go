package links

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// keeper keeps one link. All of it is its goroutine's, but for what is guarded by Links.mu.
type keeper struct {
	links  *Links
	link   Link
	script Script
	key    dialout.Key // the number of the far side
	line   *line       // nil: it shares none
	wake   chan struct{}
	log    *slog.Logger

	// Guarded by Links.mu.
	status  Status
	room    dialout.Room            // the conference with which it was to be connected last
	waits   ladder                  // how far its waits have grown
	met     Incoming                // the call of the far side; nil: it has not called, or that call is over
	giveUp  context.CancelCauseFunc // of the dial that is under way; nil: none is
	invite  string                  // the ID of its INVITE that is out; empty: none is
	crossed bool                    // the far side has called while we were dialling, and was refused
	ending  end                     // why the call ends, or has ended, of which the far side has not said its last word; of Ending
	moves   bool                    // it is under way, for Links.Pause
	before  *former                 // what it did in the process before; nil: nothing, or it has gone on from there
}

func newKeeper(l *Links, link Link, shared *line) *keeper {
	script, _ := ParseScript(link.DTMF) // Check has seen it
	return &keeper{
		links: l, link: link, script: script, key: l.cfg.Dialer.Rules().Key(link.Number), line: shared, wake: make(chan struct{}, 1),
		log:    l.cfg.Log.With("room", link.Room, "number", link.Number),
		status: Status{Room: link.Room, Number: link.Number, Trunk: link.Trunk, Line: link.Line, Since: time.Now()},
	}
}

// end is how a call of a link has ended, or why there was none.
type end struct {
	cause      string
	up         time.Duration // how long the far side was connected
	deliberate bool          // it has hung up, and meant to
	yielded    bool          // it has called by itself
	crossed    bool          // it has, and was refused because we were dialling; perhaps it refuses us for the same reason
}

// run keeps the link until ctx is done.
func (k *keeper) run(ctx context.Context) {
	for ctx.Err() == nil {
		k.move()
		n := k.needed()
		if f := k.former(n); f != nil {
			k.letGo(f)
			continue
		}
		if n == nil {
			k.rests()
			select {
			case <-k.wake:
			case <-ctx.Done():
			}
			continue
		}
		needed, leave := context.WithCancelCause(n.ctx)
		stop := context.AfterFunc(ctx, func() { leave(context.Cause(ctx)) })
		k.keep(needed, n.room)
		stop()
		leave(nil)
		k.become(Status{State: Idle})
	}
}

// needed is the people in the room; nil: there are none.
func (k *keeper) needed() *need {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	return k.links.needs[k.link.Room]
}

// rouse has the keeper look again. It does not block.
func (k *keeper) rouse() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// keep keeps the far side connected with the room until ctx is done.
func (k *keeper) keep(ctx context.Context, room dialout.Room) {
	if f := k.former(nil); f != nil {
		k.goOn(ctx, room, f)
	} else {
		k.start(room)
	}
	for ctx.Err() == nil {
		if met := k.metBy(); met != nil {
			k.become(Status{State: Met})
			k.links.cfg.Tell(room, Connected)
			k.backOff(ctx, k.sitOut(ctx, room, met, time.Now()))
			continue
		}
		taken := k.line.take(ctx, func() {
			k.become(Status{State: WaitingForLine})
			k.rests()
		})
		k.move()
		if !taken {
			return
		}
		e := end{cause: "internal error"}
		k.guard("keeping a link", func() { e = k.hold(ctx, room, "") })
		k.line.give()
		k.backOff(ctx, e)
	}
}

// start begins to keep the link for a conference.
func (k *keeper) start(room dialout.Room) {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	k.room, k.waits = room, ladder{}
}

// sitOut waits for the end of the call by which the far side has called by itself.
func (k *keeper) sitOut(ctx context.Context, room dialout.Room, met <-chan struct{}, began time.Time) end {
	k.rests()
	select {
	case <-ctx.Done():
	case <-met:
	}
	k.move()
	if ctx.Err() == nil {
		k.lost(room)
	}
	return end{cause: "the far side has ended its call", up: time.Since(began), deliberate: true}
}

// backOff waits after an end before the link is dialled again, unless there is nothing to wait for: nobody needs it any more, or the far side has called.
func (k *keeper) backOff(ctx context.Context, e end) {
	if ctx.Err() != nil || e.yielded {
		return
	}
	luck := k.links.cfg.Luck()
	k.links.mu.Lock()
	until := time.Now().Add(k.waits.next(&k.link, e, luck))
	k.turn(Status{State: BackingOff, Until: until, Cause: e.cause})
	k.links.mu.Unlock()
	k.rest(ctx, until)
}

// rest waits until then, or until the far side calls.
func (k *keeper) rest(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	for over := false; !over && ctx.Err() == nil && k.metBy() == nil; {
		k.rests()
		select {
		case <-timer.C:
			over = true
		case <-ctx.Done():
		case <-k.wake:
		}
		k.move()
	}
}

// hold dials, or goes on with the INVITE of that ID, which the process before has sent, and serves the call until it ends or ctx is done. When it returns
// the far side knows that there is no call any more.
func (k *keeper) hold(ctx context.Context, room dialout.Room, invite string) (e end) {
	dialling, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	defer k.dialled(nil) // whatever happens
	if !k.begin(giveUp, invite) {
		return end{yielded: true}
	}
	r := k.dial(dialling, room, invite)
	k.move() // it was not if it was not dialled
	crossed := k.dialled(r.Call)
	yielded := context.Cause(dialling) == errYield // perhaps at the last moment
	if r.Call == nil {
		return end{cause: r.Outcome.String(), yielded: yielded, crossed: crossed}
	}
	call := r.Call.(Call)
	e = end{cause: "internal error"} // which is what a panic leaves of it
	defer func() { k.finish(ctx, call, r.Over, e) }()
	if dialling.Err() != nil {
		return end{yielded: yielded}
	}
	return k.serve(ctx, room, call, r.Seat)
}

// dial dials, or goes on with an INVITE.
func (k *keeper) dial(ctx context.Context, room dialout.Room, invite string) dialout.Result {
	if invite != "" {
		return k.links.cfg.Dialer.Continue(ctx, invite, k.follow)
	}
	return k.links.cfg.Dialer.Dial(ctx, dialout.Request{
		Room: room, Number: k.link.Number, Trunk: k.link.Trunk, Policy: dialout.Straight, Wait: patience, Link: true, Settle: true, Watch: k.link.Lost,
	}, k.follow)
}

// patience is how long a link waits for a line of the trunk before it tries another way.
const patience = time.Hour

// serve connects the far side with the room, and waits for the end.
func (k *keeper) serve(ctx context.Context, room dialout.Room, call Call, seat dialout.Seat) end {
	connecting, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if err := k.links.cfg.Connect(connecting, Answer{Link: &k.link, Script: k.script, Room: room, Call: call, Seat: seat}); err != nil {
		if over(call) && call.Reason() != "" {
			err = errors.New(call.Reason())
		}
		return end{cause: err.Error()}
	}
	k.become(Status{State: Up, Call: call.ID()})
	k.links.cfg.Tell(room, Connected)
	return k.attend(ctx, room, call, time.Now())
}

// attend waits for the end of a call that is connected since began.
func (k *keeper) attend(ctx context.Context, room dialout.Room, call Call, began time.Time) end {
	k.rests()
	select {
	case <-ctx.Done():
	case <-call.Done():
	}
	k.move()
	if ctx.Err() != nil {
		return end{up: time.Since(began)}
	}
	k.lost(room)
	cause := call.Reason()
	if call.HungUp() {
		cause = "the far side has hung up"
	}
	return end{cause: cause, up: time.Since(began), deliberate: call.HungUp()}
}

// finish hangs up, and waits until the far side knows, so that it never has two calls of ours. Only at our own end there is no time for that.
func (k *keeper) finish(ctx context.Context, call Call, over <-chan struct{}, e end) {
	k.ends(e, call.ID())
	why := "the far side could not be connected" // if the call is not over
	switch context.Cause(ctx) {
	case nil:
	case dialout.ErrClosed:
		why = dialout.ErrClosed.Error()
	default:
		why = "nobody is in the room any more"
	}
	call.Hangup(why)
	k.rests()
	for _, awaited := range []<-chan struct{}{call.Gone(), over} {
		select {
		case <-awaited:
		case <-k.links.closing:
		}
	}
	k.move()
}

// ends notes why the call ends, and that the far side is being told.
func (k *keeper) ends(e end, call string) {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	k.ending = e
	k.turn(Status{State: Ending, Call: call})
}

func over(call Call) bool {
	select {
	case <-call.Done():
		return true
	default:
		return false
	}
}

// guard runs f. A panic is our own bug, and costs this attempt.
func (k *keeper) guard(in string, f func()) {
	defer func() {
		if reason := recover(); reason != nil {
			k.links.panics.Add(1)
			k.log.Error("panic in a link: please report it", "in", in, "err", reason, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// begin notes that the link is about to be dialled, or that it goes on with an INVITE; false: the far side has called.
func (k *keeper) begin(giveUp context.CancelCauseFunc, invite string) bool {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	if invite != "" {
		k.giveUp = giveUp
		if k.meets() {
			giveUp(errYield)
		}
		return true
	}
	if k.meets() {
		return false
	}
	k.giveUp, k.crossed = giveUp, false
	k.status.Attempts++
	k.turn(Status{State: Dialling})
	return true
}

// dialled notes that it is not being dialled any more, and what has come of it: nil if there is no call.
func (k *keeper) dialled(call dialout.Call) (crossed bool) {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	crossed, k.crossed = k.crossed, false
	k.giveUp, k.invite = nil, ""
	if call != nil {
		k.turn(Status{State: SendingDigits, Call: call.ID()})
	}
	return crossed
}

// follow takes the next step of the dial. While its INVITE is out it waits, and until that is sent, also for the end of the dialler's pause.
func (k *keeper) follow(c dialout.Change) {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	if c.Over {
		k.moves = true // what follows is
		return
	}
	k.invite = c.ID
	switch c.State {
	case dialout.Queued:
		k.turn(Status{State: WaitingForLine})
	case dialout.Ringing:
		k.turn(Status{State: Ringing})
	default:
		k.turn(Status{State: Dialling})
	}
	k.settle()
}

// become notes what the link does now.
func (k *keeper) become(s Status) {
	k.links.mu.Lock()
	defer k.links.mu.Unlock()
	k.turn(s)
}

// turn is become. The lock is held.
func (k *keeper) turn(to Status) {
	s := &k.status
	if s.State == to.State && s.Until.Equal(to.Until) {
		return
	}
	was := s.State
	s.State, s.Since, s.Until, s.Call = to.State, time.Now(), to.Until, to.Call
	level := slog.LevelDebug
	attrs := []slog.Attr{slog.String("state", to.State.String()), slog.String("before", was.String())}
	switch to.State {
	case Met:
		s.Connected++
		level = slog.LevelInfo
	case Up:
		s.Connected++
		level, attrs = slog.LevelInfo, append(attrs, slog.String("call", to.Call))
	case BackingOff:
		s.Cause = to.Cause
		level = slog.LevelWarn
		attrs = append(attrs, slog.String("cause", to.Cause), slog.Duration("for", time.Until(to.Until).Round(time.Millisecond)), slog.Uint64("attempts", s.Attempts))
	case Idle:
		level = slog.LevelInfo
	}
	k.log.LogAttrs(context.Background(), level, "link", attrs...)
}

// lost counts, and tells, that the far side is gone although there are people.
func (k *keeper) lost(room dialout.Room) {
	k.links.mu.Lock()
	k.status.Lost++
	k.links.mu.Unlock()
	k.links.cfg.Tell(room, Lost)
}
