package attendant

import (
	"cmp"
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// guest is somebody who was dialled.  Until he is taken in he belongs to the goroutine that dialled.
type guest struct {
	call   *line
	number string
	seat   *rooms.Seat
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
	g := &guest{number: number, seat: seat, p: seat.Wait(call)}
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
	g.keys.outside = false
	o.wg.Add(1)
	go func() { // ends with the call; Close waits
		defer o.wg.Done()
		defer func() { g.leave(cmp.Or(g.call.Reason(), "internal error")) }() // of a panic: the call has not ended yet
		defer func() { o.survived(recover(), "guest", g.keys.log.now.Load(), g.call) }()
		g.keys.serve(during(ctx, g.call))
	}()
	return dialout.In
}

// drain forgets the keys that he pressed before he was in: they were no commands.
func (a *attendant) drain() {
	for len(a.keys) > 0 {
		<-a.keys
	}
}

// ask asks a guest to press 1, again and again, in his language.  inviter, unless it is nil, waits for that, and may give up.
func (o *Office) ask(ctx context.Context, g *guest, by string, inviter *attendant) dialout.State {
	var gives <-chan byte
	var leaves <-chan struct{}
	if inviter != nil {
		gives, leaves = inviter.keys, inviter.call.Done()
	}
	sound := o.sound(g.keys.lang, prompts.Invitation(g.seat.Room(), by), prompts.PressOne, prompts.Pause(2*time.Second))
	g.p.Play(sound.Looped(), false)
	late := time.NewTimer(o.cfg.Accept)
	defer late.Stop()
	for {
		select {
		case key := <-g.keys.keys:
			if key == '1' {
				return dialout.In
			}
		case key := <-gives:
			if inviter.givesUp(key) {
				return dialout.Cancelled
			}
		case <-leaves:
			return dialout.Cancelled
		case <-late.C:
			return dialout.NoAccept
		case <-g.call.Done():
			return dialout.NoAccept
		case <-ctx.Done():
			return dialout.Cancelled
		}
	}
}

// Receive is what a member of a group meets who has answered, for dialout.GroupsConfig.
func (o *Office) Receive(ctx context.Context, who dialout.Guest) (state dialout.State) {
	call, ok := who.Call.(Call)
	if !ok {
		return dialout.Failed
	}
	var g *guest
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
	if g = o.welcome(call, who.Lease.Room, who.Result); g == nil {
		call.Hangup("no seat in the room")
		return dialout.Failed
	}
	if who.Policy != dialout.Straight {
		if asked := o.ask(ctx, g, who.Caller, nil); asked != dialout.In {
			return asked
		}
	}
	return o.takeIn(ctx, g)
}
