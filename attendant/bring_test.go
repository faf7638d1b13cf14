package attendant

import (
	"context"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Somebody is brought in for whom nobody waits on the telephone: straight, or when he has pressed 1, or not at all. Where a call is, is known
// meanwhile.
func TestBring(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	bob, carl, dora := h.newCall("102"), h.newCall("103"), h.newCall("104")
	room := h.conference("5234")
	for _, c := range []struct {
		call   *call
		policy dialout.Policy
		press  byte
		want   dialout.State
	}{
		{bob, dialout.Straight, 0, dialout.In},
		{carl, dialout.Press1, '1', dialout.In},
		{dora, dialout.Consult, 0, dialout.NoAccept}, // nobody is there to talk to him, so that he is asked
		{nil, dialout.Straight, 0, dialout.Busy},
	} {
		number := "105"
		if c.call != nil {
			number = c.call.number
			h.answering(c.policy, c.call)
		}
		brought := make(chan dialout.Outcome)
		go func() {
			brought <- h.office.Bring(t.Context(), dialout.Request{Room: room, Caller: "101", Number: number}, Asker{})
		}()
		switch {
		case c.press != 0:
			h.await("he waits", func() bool { return h.waits(c.call) })
			c.call.leg.Press(c.press)
		case c.want == dialout.NoAccept:
			h.await("he waits", func() bool { return h.waits(c.call) })
			c.call.Hangup("")
		}
		if got := <-brought; got.State != c.want {
			t.Errorf("%s: %v, want %v", number, got, c.want)
		}
	}
	h.wantInside("5234", "101", "102", "103")
	for call, dialled := range map[*call]string{ann: "", bob: "102", carl: "103"} {
		if where, by, ok := h.office.Whereabouts(call.id); where != room || by != dialled || !ok {
			t.Errorf("%s is in %+v, dialled as %q, %v", call.number, where, by, ok)
		}
	}
	if _, _, ok := h.office.Whereabouts(dora.id); ok {
		t.Error("somebody is still there who has hung up")
	}

	// He is in for good: the end of what has brought him changes nothing.
	erik := h.newCall("106")
	h.answering(dialout.Straight, erik)
	ctx, end := context.WithCancel(t.Context())
	if got := h.office.Bring(ctx, dialout.Request{Room: room, Caller: "101", Number: "106"}, Asker{}); got.State != dialout.In {
		t.Errorf("%v", got)
	}
	end()
	erik.presses("*2")
	h.wantInside("5234", "101", "102", "103", "106!")
}

// Without a dialler, and when the conference is over, nobody is brought in.
func TestBringNobody(t *testing.T) {
	h := newHouse(t, func(cfg *Config) { cfg.Dialer = nil })
	if got := h.office.Bring(t.Context(), dialout.Request{Number: "102"}, Asker{}); got.State != dialout.Failed || got.Cause != dialout.NoTrunk {
		t.Errorf("without a dialler: %v", got)
	}
	h = newHouse(t, nil)
	ann, bob := h.comes("101", "5234", ""), h.newCall("102")
	room := h.conference("5234")
	ann.Hangup("")
	h.await("nobody is there", func() bool { return h.rooms.Stats().Rooms == 0 })
	h.answering(dialout.Straight, bob)
	if got := h.office.Bring(t.Context(), dialout.Request{Room: room, Number: "102"}, Asker{}); got.State == dialout.In {
		t.Errorf("into a room that has ended: %v", got)
	}
	<-bob.Done()
}

// Who is asked to press 1 is let go when the conference is over, and not only when his time is.
func TestBringEndsWithTheRoom(t *testing.T) {
	h := newHouse(t, func(cfg *Config) { cfg.Accept = time.Hour })
	ann, bob := h.comes("101", "5234", ""), h.newCall("102")
	h.answering(dialout.Press1, bob)
	brought := make(chan dialout.Outcome)
	room := h.conference("5234")
	go func() {
		brought <- h.office.Bring(t.Context(), dialout.Request{Room: room, Caller: "101", Number: "102"}, Asker{})
	}()
	h.await("he waits", func() bool { return h.waits(bob) })
	ann.Hangup("")
	select {
	case got := <-brought:
		if got.State != dialout.Cancelled {
			t.Errorf("%v", got)
		}
	case <-time.After(5 * time.Second):
		bob.Hangup("")
		t.Fatal("he is asked on")
	}
	<-bob.Done()
}

// waits says whether a call is in an ante-room.
func (h *house) waits(c *call) bool {
	shot, _ := h.rooms.Look("5234")
	for _, p := range shot.Participants {
		if p.ID == c.id {
			return p.Waiting
		}
	}
	return false
}
