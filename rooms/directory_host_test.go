package rooms

import (
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// A host silences all: they are not heard, whatever they do with their own mute; she is. Carl, who comes in later, is silenced too, and
// Eva is not, who is a host. Then she opens, and who has muted himself stays so.
func TestSilencing(t *testing.T) {
	s := newQuietScene(t)
	host, ann, bob := s.joins("host", codec.PCMA), s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA)
	host.p.flags.host = true
	for i, ph := range []*phone{host, ann, bob} {
		ph.speaks(500+200*float64(i), 3000)
	}
	heard := func(want ...*phone) {
		t.Helper()
		s.ticks(5)
		for _, ph := range s.phones {
			is := false
			for _, w := range want {
				is = is || w == ph
			}
			if ph.wasHeard != is {
				t.Errorf("%s is heard: %t", ph.name, ph.wasHeard)
			}
		}
	}
	s.ticks(10)
	heard(host, ann, bob)
	s.room.silence(true)
	heard(host)
	ann.p.flags.muted = true
	heard(host)
	ann.p.flags.muted = false
	heard(host)
	carl, eva := s.comes("carl", codec.PCMA), s.comes("eva", codec.PCMA)
	eva.p.flags.host = true
	carl.speaks(1100, 3000)
	eva.speaks(1300, 3000)
	for _, ph := range []*phone{carl, eva} {
		s.room.enter(ph.p)
	}
	heard(host, eva)
	bob.p.flags.muted = true
	s.room.silence(false)
	heard(host, ann, carl, eva)
	bob.p.flags.muted = false
	heard(host, ann, bob, carl, eva)
}

// Two who are aside are no affair of the room: they hear each other although a host has silenced all.
func TestTheSilencedTalkAside(t *testing.T) {
	s := newQuietScene(t)
	ann, bob, eva := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA), s.joins("eva", codec.PCMA)
	ann.speaks(500, 5000)
	bob.listens()
	eva.listens()
	s.room.silence(true)
	ann.p.flags.aside, ann.p.mate = true, bob.p
	bob.p.flags.aside, bob.p.mate = true, ann.p
	s.ticks(10)
	s.forget()
	s.ticks(25)
	bob.hears(500, 5000)
	eva.hearsSilence()
	ann.p.flags.muted = true // but his own mute goes for all
	s.ticks(5)
	s.forget()
	s.ticks(10)
	bob.hearsSilence()
}

// Who enters from the ante-room has joined when he enters, not when he began to wait.
func TestWhoEntersIsTheLast(t *testing.T) {
	s := newQuietScene(t)
	s.joins("ann", codec.PCMA)
	bob := s.comes("bob", codec.PCMA)
	s.joins("carl", codec.PCMA)
	s.room.enter(bob.p)
	var order []string
	for _, p := range s.room.members {
		order = append(order, p.name)
	}
	if got := order[0] + " " + order[1] + " " + order[2]; got != "ann carl bob" {
		t.Error(got)
	}
}

// From outside: what a roster shows of the two mutes, and what is said of them; and whoever is dismissed is, once.
func TestHostsDecide(t *testing.T) {
	h := newHouse(t, Config{})
	boss, ann := h.calls("boss"), h.calls("ann")
	pb := h.seat("5234").Join(boss)
	pb.SetHost(true)
	pa := h.seat("5234").Join(ann)
	h.Silence("5234", true, Refused)
	h.Silence("1", true, Refused) // there is none
	look := func(muted, silenced bool) {
		t.Helper()
		shot, _ := h.Look("5234")
		if b := shot.Participants[0]; !b.Host || b.Muted || b.Silenced {
			t.Errorf("boss: %+v", b)
		}
		if a := shot.Participants[1]; a.Host || a.Muted != muted || a.Silenced != silenced || shot.Silenced != silenced {
			t.Errorf("ann: %+v; room: %t", a, shot.Silenced)
		}
	}
	look(false, true)
	if muted, silenced := pa.ToggleMute(); !muted || !silenced {
		t.Errorf("muted %t, silenced %t", muted, silenced)
	}
	look(true, true)
	pa.Unmute()
	look(false, true)
	if !pa.Silenced() || pb.Silenced() {
		t.Error("who is silenced?")
	}
	h.Silence("5234", false, Refused)
	look(false, false)
	h.Silence("5234", true, Refused)
	pa.SetHost(true)
	if pa.Silenced() {
		t.Error("a host is silenced")
	}
	pa.SetHost(false)
	if !pa.Silenced() {
		t.Error("who is no host any more is heard")
	}

	if h.Dismiss("5234", "ann", "removed") || *ann.hungUp.Load() != "removed" {
		t.Error("she was not dismissed")
	}
	if !h.Dismiss("5234", "ann", "again") || *ann.hungUp.Load() != "removed" {
		t.Error("she was dismissed twice")
	}
	pa.Leave("removed")
	if h.Dismiss("5234", "ann", "again") || h.Dismiss("1", "ann", "again") || boss.hungUp.Load() != nil {
		t.Error("somebody else was dismissed")
	}
	if muted, silenced := pa.ToggleMute(); muted || silenced {
		t.Error("who has left is muted")
	}
	pb.Leave("hung up")
}
