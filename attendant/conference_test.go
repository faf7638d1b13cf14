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
