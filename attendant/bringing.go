package attendant

import (
	"context"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// bringing is somebody who is being brought in.
type bringing struct {
	by     string // the ID of who has asked for it; empty: nobody waits for it in another process
	room   dialout.Room
	caller string // the number of who brings him
	giveUp context.CancelCauseFunc
	over   bool // it is given up, for the conference has ended; guarded by Office.mu, and so is what follows

	out   string               // the ID of the INVITE that is out; empty: none is
	call  string               // that of his call, when he has answered
	watch func(dialout.Change) // nil: nobody wants to know

	done    chan struct{} // closed when it has ended; nil: no other process has begun it
	awaited bool          // by somebody who is told the outcome then
	ended   bool          // and here it is
	outcome dialout.Outcome
}

// note notes that somebody is being brought into a conference, whose end gives that up. done forgets it.
func (o *Office) note(b *bringing) (done func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.brings[b] = struct{}{}
	return func() { o.brought(b) }
}

// brought forgets that somebody is being brought in.
func (o *Office) brought(b *bringing) {
	o.mu.Lock()
	delete(o.brings, b)
	o.mu.Unlock()
	b.giveUp(nil)
}

// endBringing gives up those who are being brought into a conference that is over.
func (o *Office) endBringing(room dialout.Room) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for b := range o.brings {
		if b.room == room {
			b.over = true
			b.giveUp(dialout.ErrRoomEnded)
		}
	}
}

// bring dials, and receives who answers, on the goroutine of that worker, who works when it returns.
func (o *Office) bring(ctx context.Context, w *worker, b *bringing, dial func(watch func(dialout.Change)) dialout.Result) dialout.Outcome {
	r := dial(func(c dialout.Change) { o.follow(w, b, c) })
	w.begin()
	call, ok := r.Call.(Call)
	if !ok {
		return r.Outcome
	}
	w.urgent, w.call = false, call
	w.rename(receiving)
	o.mu.Lock()
	b.out, b.call = "", call.ID()
	o.mu.Unlock()
	return dialout.Outcome{State: o.receive(ctx, w, call, dialout.Guest{Caller: b.caller, Result: r})}
}

// follow takes the next step of the dial-out. At its end the worker begins to work: the result is coming.
func (o *Office) follow(w *worker, b *bringing, c dialout.Change) {
	w.begin()
	if c.Over {
		return
	}
	defer w.end()
	o.mu.Lock()
	b.out = c.ID
	watch := b.watch
	o.mu.Unlock()
	if watch != nil {
		watch(c)
	}
}

// restoreBringing has the office itself go on bringing somebody in, from Resume on; who waits for the outcome says so by BringOn. The lock is held.
func (o *Office) restoreBringing(im *BringImage, call func(id string) Call) {
	ctx, giveUp := context.WithCancelCause(context.Background())
	b := &bringing{by: im.By, room: im.Room, caller: im.Caller, giveUp: giveUp, over: im.Over, out: im.Out, call: im.Call,
		done: make(chan struct{}), ended: im.Ended, outcome: im.Outcome}
	if b.over {
		giveUp(dialout.ErrRoomEnded)
	}
	o.brings[b] = struct{}{}
	if b.ended {
		close(b.done)
		o.waits = append(o.waits, func() { o.forgetLater(b) })
		return
	}
	var answered Call // nil: nobody has, or he has hung up
	if b.call != "" {
		answered = call(b.call)
	}
	o.waits = append(o.waits, func() { o.wg.Go(func() { o.bringRestored(ctx, b, answered) }) }) // ends when he is in, or has hung up; Close waits
}

// bringRestored is the goroutine that brings in whom another process has dialled.
func (o *Office) bringRestored(ctx context.Context, b *bringing, call Call) {
	w := o.worker(dialling, nil)
	w.urgent = true // the dial-out waits for this goroutine
	defer w.end()
	outcome := o.goOnBringing(ctx, w, b, call)
	w.begin()
	o.cfg.Log.Info("brought in after an upgrade", "call", b.call, "room", b.room.Number, "outcome", outcome.String())
	o.mu.Lock()
	b.ended, b.outcome = true, outcome
	o.mu.Unlock()
	close(b.done)
	o.forgetLater(b)
}

func (o *Office) goOnBringing(ctx context.Context, w *worker, b *bringing, call Call) dialout.Outcome {
	switch out := b.out; {
	case out != "" && o.cfg.Dialer == nil: // any more
		return dialout.Outcome{State: dialout.Failed, Cause: dialout.NoTrunk}
	case out != "":
		return o.bring(ctx, w, b, func(watch func(dialout.Change)) dialout.Result { return o.cfg.Dialer.Continue(ctx, out, watch) })
	case call == nil:
		return dialout.Outcome{State: dialout.NoAccept}
	}
	w.urgent, w.call = false, call
	w.rename(receiving)
	w.begin()
	return dialout.Outcome{State: o.receive(ctx, w, call, dialout.Guest{Caller: b.caller, Result: dialout.Result{Lease: dialout.Lease{Room: b.room}}})}
}

// forgetLater forgets after a while what nobody waits for.
func (o *Office) forgetLater(b *bringing) {
	time.AfterFunc(lateService, func() {
		o.mu.Lock()
		awaited := b.awaited
		o.mu.Unlock()
		if !awaited {
			o.brought(b)
		}
	})
}
