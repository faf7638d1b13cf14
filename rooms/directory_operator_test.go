package rooms

import (
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// The operator keeps the room from hearing the host, and nobody else; what one who is in the ante-room would say is none of his affairs.
func TestSilencingOne(t *testing.T) {
	s := newQuietScene(t)
	host, ann := s.joins("host", codec.PCMA), s.joins("ann", codec.PCMA)
	bob := s.comes("bob", codec.PCMA)
	host.p.flags.host = true
	for i, ph := range s.phones {
		ph.speaks(500+200*float64(i), 3000)
	}
	heard := func(hostIs, annIs bool) {
		t.Helper()
		s.ticks(10)
		if host.wasHeard != hostIs || ann.wasHeard != annIs {
			t.Errorf("the host is heard: %t, want %t; Ann: %t, want %t", host.wasHeard, hostIs, ann.wasHeard, annIs)
		}
	}
	heard(true, true)
	if before, ok := s.room.silenceOne(host.p.id, true); !ok || before.silenced {
		t.Errorf("found %t, silenced before %t", ok, before.silenced)
	}
	heard(false, true)
	if before, ok := s.room.silenceOne(host.p.id, false); !ok || !before.silenced {
		t.Errorf("found %t, silenced before %t", ok, before.silenced)
	}
	heard(true, true)
	for _, id := range []string{bob.p.id, "nobody"} {
		if _, ok := s.room.silenceOne(id, true); ok {
			t.Errorf("%s was found inside", id)
		}
	}
}

// Where there is no such room, nobody is in it.
func TestSilencingOneInNoRoom(t *testing.T) {
	d := NewDirectory(Config{})
	defer d.Close()
	if _, _, ok := d.SilenceOne("5234", "a", true); ok {
		t.Error("somebody was found")
	}
}
