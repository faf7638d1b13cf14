package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Asker is who wants somebody to be brought in. The zero value is nobody in particular.
type Asker struct {
	ID    string                // by which another process goes on with it (BringOn); no two have the same at a time
	Watch func(dialout.Change)  // hears how far it has come, as with Dialer; does not block; nil: nobody wants to know
	Told  func(dialout.Outcome) // hears how it has ended, before there can be a pause; nil: nobody wants to know
}

func (a *Asker) told(outcome dialout.Outcome) dialout.Outcome {
	if a.Told != nil {
		a.Told(outcome)
	}
	return outcome
}

// Bring brings somebody into a conference for whom nobody waits on the telephone: he is dialled, and who answers meets what his policy says,
// as a member of a group does. The outcome is In, or what is in the way.
//
// The end of ctx gives it up, and so does that of the conference; once he is in, they mean nothing any more.
func (o *Office) Bring(ctx context.Context, req dialout.Request, by Asker) dialout.Outcome {
	if o.cfg.Dialer == nil {
		return by.told(dialout.Outcome{State: dialout.Failed, Cause: dialout.NoTrunk})
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	b := &bringing{by: by.ID, room: req.Room, caller: req.Caller, giveUp: giveUp, watch: by.Watch}
	defer o.note(b)()
	w := o.worker(dialling, nil)
	w.urgent = true // the dial-out waits for this goroutine
	defer w.end()
	return by.told(o.bring(ctx, w, b, func(watch func(dialout.Change)) dialout.Result { return o.cfg.Dialer.Dial(ctx, req, watch) }))
}

// BringOn is Bring for what another process has begun for the one of that ID, and this one has gone on with since Resume. False: there is nothing; it
// had not dialled yet, for one.
func (o *Office) BringOn(ctx context.Context, by Asker) (outcome dialout.Outcome, begun bool) {
	b := o.begunFor(by)
	if b == nil {
		return dialout.Outcome{}, false
	}
	select {
	case <-b.done:
	case <-ctx.Done():
		b.giveUp(context.Cause(ctx))
		<-b.done
	}
	w := o.worker(receiving, nil)
	w.begin()
	defer w.end()
	defer o.brought(b)
	return by.told(b.outcome), true
}

// begunFor finds what another process has begun for somebody, who waits for it from now on; nil: nothing.
func (o *Office) begunFor(by Asker) *bringing {
	o.mu.Lock()
	defer o.mu.Unlock()
	for b := range o.brings {
		if by.ID != "" && b.by == by.ID && b.done != nil && !b.awaited {
			b.awaited, b.watch = true, by.Watch
			return b
		}
	}
	return nil
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
	ended := make(chan struct{})
	if e, there := o.expected[call]; there { // restored: somebody may be waiting for him already
		ended = e.over
	}
	o.expected[call] = expectation{at, ended}
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
