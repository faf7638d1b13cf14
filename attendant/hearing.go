package attendant

import (
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
)

// hearing is what an inviter hears until somebody answers: the sound of the other exchange while there is any, else a tone of ours. A
// dial-out may go from trunk to trunk and from number to number; what he hears is always of the one that is under way. It belongs to
// the goroutine of its attendant.
type hearing struct {
	*attendant
	early *guest // whose sound he hears; nil: nobody's
	of    way    // what he hears
	rings bool   // he hears our ringing, until there is any sound of that
}

// way is one of those that a dial-out tries.
type way struct{ number, trunk string }

// follow takes the next step of the dial-out.
func (h *hearing) follow(c dialout.Change) {
	call, sounds := c.Early.(Call)
	if next := (way{c.Number, c.Trunk}); next != h.of || sounds && h.early != nil && h.early.call.ID() != call.ID() {
		h.hush("another way is tried")
		h.of = next
	}
	if sounds && h.early == nil {
		if h.early = h.office.welcome(call, h.conference(), dialout.Result{Number: c.Number}); h.early != nil {
			h.p.StepAside(h.early.p)
		}
	}
	unseated := sounds && h.early == nil                      // there is sound, and no place left for whom it comes from
	if (c.State == dialout.Ringing || unseated) && !h.rings { // RFC 3960 section 3.2: after a 180, as long as no sound comes, whatever its SDP promises
		h.rings = true
		h.p.PlayTillSound(rooms.Ringback)
	}
}

// gone is closed when whom he hears is not there any more: the next way may take a while.
func (h *hearing) gone() <-chan struct{} {
	if h.early == nil {
		return nil
	}
	return h.early.call.Done()
}

// hush ends what he hears.
func (h *hearing) hush(why string) {
	if h.early == nil && !h.rings {
		return
	}
	h.early.leave(why)
	h.early, h.rings = nil, false
	h.p.StepAside(nil)
	h.p.StopPlaying()
}
