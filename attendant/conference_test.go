package attendant

import (
	"context"
	"testing"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
)

// Ann has called a group, and a voicemail that has answered is being asked to press 1 when she leaves: she was the last one inside, so
// her conference is over, no member is called into it any more, and the voicemail does not enter it whatever it says.
func TestAConferenceEndsWithTheLastOneInside(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "100")
	conference := h.conference("5234")
	voicemail := h.newCall("102")
	receiving, cancel := context.WithCancel(t.Context())
	defer cancel()
	received := make(chan dialout.State, 1)
	h.serves.Go(func() { // ends with the wait below
		received <- h.office.Receive(receiving, dialout.Guest{Group: "100", Caller: "101",
			Result: dialout.Result{Call: voicemail, Number: "102", Policy: dialout.Press1, Lease: dialout.Lease{Room: conference}}})
	})
	h.wantInside("5234", "101", "(102)")
	ann.Hangup("gone")
	h.await("the conference is told to be over", func() bool { return h.groups.hasEnded(conference) })
	if _, err := h.rooms.ReserveInvited("5234", conference.Incarnation); err != rooms.ErrDeserted {
		t.Errorf("somebody else may still be invited: %v", err)
	}
	voicemail.presses("1")
	<-voicemail.Done()
	cancel()
	<-received
	h.wantInside("5234")
}

// hasEnded says whether it was told that the conference is over.
func (g *groups) hasEnded(room dialout.Room) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ended := range g.ended {
		if ended == room {
			return true
		}
	}
	return false
}

// A seat was kept for the member before he was dialled: he takes that and no other.  It is the same with whom Ann dials; when she has heard
// him before he answered, he has a seat already, and the kept one is free again.
func TestTheSeatThatWasKeptIsTaken(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	keep := func() *rooms.Seat {
		t.Helper()
		seat, err := h.rooms.ReserveInvited("5234", h.conference("5234").Incarnation)
		if err != nil {
			t.Fatal(err)
		}
		return seat
	}
	member := dialout.Result{Call: h.newCall("102"), Number: "102", Policy: dialout.Straight, Lease: dialout.Lease{Room: h.conference("5234")}, Seat: keep()}
	if got := h.office.Receive(t.Context(), dialout.Guest{Group: "100", Caller: "101", Result: member}); got != dialout.In {
		t.Error(got)
	}
	h.wantInside("5234", "101", "102")
	h.wantSeats(2)
	for i, number := range []string{"103", "104"} {
		call := h.newCall(number)
		h.script = func(_ context.Context, _ dialout.Request, watch func(dialout.Change)) dialout.Result {
			seat := keep()
			if number == "104" {
				watch(dialout.Change{State: dialout.Ringing, Number: number, Early: call})
			}
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: call, Number: number, Policy: dialout.Straight, Seat: seat}
		}
		ann.presses("*1" + number + "#")
		h.wantInside("5234", []string{"101", "102", "103", "104"}[:4-1+i]...)
		h.wantSeats(3 + i)
	}
}

func (h *house) wantSeats(n int) {
	h.Helper()
	h.await("so many seats", func() bool { return h.rooms.Stats().Seats == n })
}

// Today's limits let nobody of the group be called: the boss is told so, and not that the list cannot be read.
func TestTheLimitIsSaid(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.err = dialout.ErrLimit
	boss := h.comes("101", "5234", "100")
	h.hears(boss, "[call-limit]")
}
