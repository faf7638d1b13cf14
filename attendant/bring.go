package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Bring brings somebody into a conference for whom nobody waits on the telephone: he is dialled, and who answers meets what his policy says,
// as a member of a group does. The outcome is In, or what is in the way. watch hears how far it has come, as with Dialer.
//
// The end of ctx gives it up, and so does that of the conference; once he is in, they mean nothing any more.
func (o *Office) Bring(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Outcome {
	if o.cfg.Dialer == nil {
		return dialout.Outcome{State: dialout.Failed, Cause: dialout.NoTrunk}
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer o.bringing(req.Room, giveUp)()
	r := o.cfg.Dialer.Dial(ctx, req, watch)
	if r.Call == nil {
		return r.Outcome
	}
	return dialout.Outcome{State: o.Receive(ctx, dialout.Guest{Caller: req.Caller, Result: r})}
}

// bringing notes that somebody is being brought into a conference, whose end gives that up. done forgets it.
func (o *Office) bringing(room dialout.Room, giveUp context.CancelCauseFunc) (done func()) {
	b := &bringing{room, giveUp}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.brings[b] = struct{}{}
	return func() {
		o.mu.Lock()
		delete(o.brings, b)
		o.mu.Unlock()
		giveUp(nil)
	}
}

// bringing is somebody who is being brought in.
type bringing struct {
	room   dialout.Room
	giveUp context.CancelCauseFunc
}

// endBringing gives up those who are being brought into a conference that is over.
func (o *Office) endBringing(room dialout.Room) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for b := range o.brings {
		if b.room == room {
			b.giveUp(dialout.ErrRoomEnded)
		}
	}
}

// Outside says whether a call is that of somebody whom we have dialled and who has not been let into the room yet.
func (o *Office) Outside(call string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.serves[call]
	return a != nil && a.outside
}

// Place is where somebody will be when his call is answered; *rooms.Seat and *Succession are such.
type Place interface {
	Room() string
	Incarnation() uint64
}

// Expect says, before a call is answered, where it will be: who is on it may ask for something the moment that it is, before he is served. To be
// ended by over.
func (o *Office) Expect(call string, at Place) (over func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.expected[call] = expectation{at, make(chan struct{})}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.arrived(call)
	}
}

// expectation is somebody who is not served yet.
type expectation struct {
	Place
	over chan struct{} // closed when he is, or will not be
}

// arrived ends the expectation of a call, if there is one. The lock is held.
func (o *Office) arrived(call string) {
	if e, there := o.expected[call]; there {
		delete(o.expected, call)
		close(e.over)
	}
}

// lateService is how long somebody is waited for who is expected: his ACK is on its way.
const lateService = 2 * time.Second

// Await waits until a call that is expected is served, but not for long.
func (o *Office) Await(ctx context.Context, call string) {
	o.mu.Lock()
	e, there := o.expected[call]
	o.mu.Unlock()
	if !there {
		return
	}
	late := time.NewTimer(lateService)
	defer late.Stop()
	select {
	case <-e.over:
	case <-late.C:
	case <-ctx.Done():
	}
}

// Whereabouts says in which conference a call is, or will be in a moment, or the ante-room of which; false: in none. dialled is the number by which it
// was brought in; empty: he has called.
func (o *Office) Whereabouts(call string) (room dialout.Room, dialled string, ok bool) {
	o.mu.Lock()
	a := o.serves[call]
	at, expected := o.expected[call]
	o.mu.Unlock()
	switch {
	case a != nil:
		return a.conference(), a.dialled, true
	case expected:
		return dialout.Room{Number: at.Room(), Incarnation: at.Incarnation()}, "", true
	}
	return dialout.Room{}, "", false
}
