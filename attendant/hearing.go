package attendant

import (
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
)

// hearing is what an inviter hears until somebody answers: the sound of the other exchange while there is any, whose end is his guest already, else a
// tone of ours. A dial-out may go from trunk to trunk and from number to number; what he hears is always of the one that is under way.
type hearing struct {
	of    way  // what he hears
	rings bool // he hears our ringing, until there is any sound of that
}

// way is one of those that a dial-out tries.
type way struct{ number, trunk string }

// follow takes the next step of the dial-out.
func (a *attendant) follow(c dialout.Change) {
	d := &a.doing
	call, sounds := c.Early.(Call)
	if next := (way{c.Number, c.Trunk}); next != d.hears.of || sounds && d.guest != nil && d.guest.call.ID() != call.ID() {
		a.hush("another way is tried")
		d.hears.of = next
	}
	d.out = c.ID
	if sounds && d.guest == nil {
		if d.guest = a.office.welcome(call, a.conference(), dialout.Result{Number: c.Number}); d.guest != nil {
			a.p.StepAside(d.guest.p)
		}
	}
	unseated := sounds && d.guest == nil                            // there is sound, and no place left for whom it comes from
	if (c.State == dialout.Ringing || unseated) && !d.hears.rings { // RFC 3960 section 3.2: after a 180, as long as no sound comes, whatever its SDP promises
		d.hears.rings = true
		a.p.PlayTillSound(rooms.Ringback)
	}
}

// goneIsWhomHeHears is closed when that one is not there any more: the next way may take a while.
func (a *attendant) goneIsWhomHeHears() <-chan struct{} {
	if a.doing.guest == nil {
		return nil
	}
	return a.doing.guest.call.Done()
}

// hush ends what he hears.
func (a *attendant) hush(why string) {
	d := &a.doing
	if d.guest == nil && !d.hears.rings {
		return
	}
	d.guest.leave(why)
	d.guest, d.hears.rings = nil, false
	a.p.StepAside(nil)
	a.p.StopPlaying()
}
