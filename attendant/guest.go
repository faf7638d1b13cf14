package attendant

import (
	"cmp"
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// guest is somebody who was dialled.  Until he is taken in he belongs to the goroutine that brings him in.
type guest struct {
	call   *line
	number string
	p      *rooms.Participant
	keys   *attendant // hears his keys
}

// welcome takes a call that was dialled, with that result, into the ante-room, on the seat that was kept for it, or if none was on another; nil when there is
// no seat.
func (o *Office) welcome(call Call, room dialout.Room, r dialout.Result) *guest {
	number := r.Number
	seat, ok := r.Seat.(*rooms.Seat)
	if !ok {
		var err error
		if seat, err = o.cfg.Rooms.ReserveInvited(room.Number, room.Incarnation); err != nil {
			o.cfg.Log.Info("no seat for somebody invited", "room", room.Number, "number", number, "err", err)
			return nil
		}
	}
	g := &guest{number: number, p: seat.Wait(call)}
	whole := false
	defer func() {
		if !whole { // a panic: nobody else knows that he is here
			g.p.Leave("internal error")
		}
	}()
	g.keys = o.hire(call, g.p, room.Number, number)
	g.keys.known = knownBy(call, r)
	g.call = g.keys.call
	o.enrol(g.keys)
	whole = true
	return g
}

// here says whether he has not hung up.
func (g *guest) here() bool {
	select {
	case <-g.call.Done():
		return false
	default:
		return true
	}
}

// leave takes him out of the ante-room; a nil guest has never come.
func (g *guest) leave(reason string) {
	if g != nil && !g.keys.office.dismiss(g.keys) {
		g.p.Leave(reason)
	}
}

// dismiss hangs him up.
func (g *guest) dismiss(reason string) {
	g.call.Hangup(reason)
	g.leave(reason)
}

// takeIn brings the guest into the room and serves him from now on: In.  Anything else: the conference is over, or the office is closed; then he is
// the caller's to hang up.
func (o *Office) takeIn(ctx context.Context, g *guest) dialout.State {
	_, g.keys.first = g.call.Caller() // he who has answered
	g.keys.judge(g.keys.first)
	g.keys.drain()
	if !g.p.Enter() {
		return dialout.Cancelled
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return dialout.Cancelled
	}
	g.keys.outside, g.keys.ours = false, true
	o.accompany(g, func() { g.keys.serve(during(ctx, g.call)) })
	return dialout.In
}

// accompany serves a guest who is in, on a goroutine of its own.
func (o *Office) accompany(g *guest, serve func()) {
	o.wg.Go(func() { // ends with the call; Close waits
		defer g.keys.begin(o.worker(serving, g.call.call()))()
		defer func() { g.leave(cmp.Or(g.call.Reason(), "internal error")) }() // of a panic: the call has not ended yet
		defer func() { o.survived(recover(), "guest", g.keys.log.now.Load(), g.call) }()
		serve()
	})
}

// drain forgets the keys that he pressed before he was in: they were no commands.
func (a *attendant) drain() { a.keys.drain() }

// ask asks a guest to press 1, again and again, in his language, on the goroutine of that worker.  inviter, unless it is nil, waits for that, and may
// give up.  Who was being asked by another process goes on hearing it.
func (o *Office) ask(ctx context.Context, w *worker, g *guest, by string, inviter *attendant) dialout.State {
	a := g.keys
	if a.doing.task != asked {
		a.doing = doing{task: asked, until: time.Now().Add(o.cfg.Accept)}
		sound := o.sound(a.lang, prompts.Invitation(a.room, by), prompts.PressOne, prompts.Pause(2*time.Second))
		g.p.Play(sound.Looped(), false)
	}
	defer func() { a.doing = doing{} }()
	late := time.NewTimer(time.Until(a.doing.until))
	defer late.Stop()
	var gives <-chan struct{}
	var leaves <-chan struct{}
	if inviter != nil {
		gives, leaves = inviter.keys.came, inviter.call.Done()
	}
	for tooLate := false; ; {
		if state := answer(ctx, g, inviter, tooLate); state != dialout.Answered {
			return state
		}
		w.rest(func() {
			select {
			case <-a.keys.came:
			case <-gives:
			case <-leaves:
			case <-g.call.Done():
			case <-ctx.Done():
			case <-late.C:
				tooLate = true
			}
		})
	}
}

// answer is what has become of asking; Answered: it is not over yet.
func answer(ctx context.Context, g *guest, inviter *attendant, late bool) dialout.State {
	if !g.here() {
		return dialout.NoAccept
	}
	for key, pressed := g.keys.keys.take(); pressed; key, pressed = g.keys.keys.take() {
		if key == '1' {
			return dialout.In
		}
	}
	if inviter != nil {
		for key, pressed := inviter.keys.take(); pressed; key, pressed = inviter.keys.take() {
			if inviter.givesUp(key) {
				return dialout.Cancelled
			}
		}
	}
	switch {
	case ctx.Err() != nil, inviter != nil && inviter.over():
		return dialout.Cancelled
	case late:
		return dialout.NoAccept
	}
	return dialout.Answered
}

// Receive is what a member of a group meets who has answered, for dialout.GroupsConfig.  Somebody whom another process has begun to receive, and who was
// restored (Restore), goes on from there.
func (o *Office) Receive(ctx context.Context, who dialout.Guest) dialout.State {
	call, ok := who.Call.(Call)
	if !ok {
		return dialout.Failed
	}
	w := o.worker(receiving, call)
	w.begin()
	defer w.end()
	return o.receive(ctx, w, call, who)
}

// receive is Receive, on the goroutine of that worker.
func (o *Office) receive(ctx context.Context, w *worker, call Call, who dialout.Guest) (state dialout.State) {
	g, in := o.known(call.ID())
	if in {
		return dialout.In
	}
	state = dialout.Failed // which is what a panic leaves of it
	defer func() {
		if state != dialout.In {
			call.Hangup(state.String())
			g.leave(state.String())
		}
	}()
	defer func() {
		o.survived(recover(), "receiving", o.cfg.Log.With("call", call.ID(), "room", who.Lease.Room.Number), call)
	}()
	if g == nil {
		if g = o.welcome(call, who.Lease.Room, who.Result); g == nil {
			call.Hangup("no seat in the room")
			return dialout.Failed
		}
	}
	if who.Policy != dialout.Straight {
		if said := o.ask(ctx, w, g, who.Caller, nil); said != dialout.In {
			return said
		}
	}
	return o.takeIn(ctx, g)
}

// known is somebody who was dialled, and whether he is in the room already; nil: he is not here yet.
func (o *Office) known(call string) (g *guest, in bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.serves[call]
	if a == nil || a.dialled == "" {
		return nil, false
	}
	a.waited = false
	return guestOf(a), !a.outside
}

// guestOf is the guest whom that attendant serves.
func guestOf(a *attendant) *guest { return &guest{call: a.call, number: a.dialled, p: a.p, keys: a} }
