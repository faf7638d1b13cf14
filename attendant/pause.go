package attendant

import (
	"context"

	"github.com/sipconf/sipconf/rooms"
)

// Pause has the office stand still: nobody is in the middle of a key, and nothing is being sent. Whoever waits, also in the middle of a number, is written
// down by Save, also while a telephone rings for him. What happens in the rooms may still be told (Hear), and waits. The dialler is to be paused before,
// so that it tells nobody anything. The error says who still works when ctx is over, or that it stands still already; then it goes on as before.
func (o *Office) Pause(ctx context.Context) error { return o.still.pause(ctx, o.settled) }

// settled says that nobody is about to leave: whose call is over has been dismissed.
func (o *Office) settled() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.serves {
		if a.over() {
			return false
		}
	}
	for _, f := range o.far {
		if f.over(context.Background()) != nil {
			return false
		}
	}
	return true
}

// Resume ends a pause: whoever was waiting goes on, and what has come meanwhile is served. An office that is not paused is left alone.
func (o *Office) Resume() {
	o.mu.Lock()
	waits := o.waits
	o.waits = nil
	if o.closed {
		waits = nil
	}
	o.mu.Unlock()
	for _, begin := range waits {
		begin()
	}
	o.crier.rouse()
	o.still.resume()
}

// Continue is Serve for a call that was being served by another process, from where it was; it returns when the call is over, or another has taken its
// place. False, at once: it was not being served. p is its participant.
func (o *Office) Continue(ctx context.Context, call Call, p *rooms.Participant) (served bool) {
	o.mu.Lock()
	a := o.serves[call.ID()]
	called := a != nil && (a.outside || a.ours)
	o.mu.Unlock()
	if a == nil || a.p != p {
		return false
	}
	if called { // and he has answered by calling us
		<-call.Done()
		return true
	}
	defer a.begin(o.worker(serving, call))()
	defer o.dismiss(a)
	a.carryOn(ctx)
	return true
}

// carryOn is serve for somebody who was restored.
func (a *attendant) carryOn(ctx context.Context) {
	a.renamed() // if somebody else is on the call since, of whom nobody has heard yet
	a.goOn(ctx)
	a.office.mu.Lock()
	served := a.served
	a.office.mu.Unlock()
	if !served {
		a.serve(ctx)
		return
	}
	a.listen(ctx)
}
