package rooms

import (
	"math"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

func TestTheFirstHearsThatHeIsAlone(t *testing.T) {
	room := newScene(t)
	alice := room.joins("alice", codec.PCMA)
	room.ticks(100)
	if got := alice.hearsTone(room.room.tones.alone); !slices.Equal(got, []int{0}) {
		t.Errorf("alice hears the tone of the first at %v, want once at 0", got)
	}
	alice.heard = alice.heard[len(room.room.tones.alone)*alice.codec.FrameSize():]
	alice.hearsSilence()
}

func TestJoiningAndLeavingAreHeard(t *testing.T) {
	room := newScene(t)
	tones := room.room.tones
	alice := room.joins("alice", codec.PCMA)
	room.ticks(100)

	bob := room.joins("bob", codec.PCMU)
	room.forget()
	room.ticks(100)
	if got := alice.hearsTone(tones.joined); !slices.Equal(got, []int{0}) {
		t.Errorf("bob joins: alice hears the room's tone at %v, want once at 0", got)
	}
	if got := bob.hearsTone(tones.welcome); !slices.Equal(got, []int{0}) {
		t.Errorf("bob joins: he hears his own tone at %v, want once at 0", got)
	}
	for _, ph := range room.phones {
		ph.heard = ph.heard[len(tones.welcome)*ph.codec.FrameSize():]
		ph.hearsSilence()
	}

	bob.leaves("hung up")
	room.forget()
	room.ticks(100)
	if got := alice.hearsTone(tones.left); !slices.Equal(got, []int{0}) {
		t.Errorf("bob leaves: alice hears the room's tone at %v, want once at 0", got)
	}
}

func TestSeveralJoinsAtOnceMakeOneTone(t *testing.T) {
	room := newScene(t)
	tones := room.room.tones
	alice := room.joins("alice", codec.PCMA)
	room.ticks(100)
	room.forget()
	for _, name := range []string{"bob", "carol", "dave"} {
		room.joins(name, codec.PCMU)
	}
	room.ticks(5)
	late := room.joins("erin", codec.PCMU)
	room.ticks(5)
	later := room.joins("frank", codec.PCMU)
	room.ticks(200)

	again := len(tones.joined) + chimeRest
	if got := alice.hearsTone(tones.joined); !slices.Equal(got, []int{0, again}) {
		t.Errorf("alice hears the room's tone at %v, want at 0 and, for the two who came late, at %d", got, again)
	}
	for _, ph := range room.phones[1:4] {
		if got := ph.hearsTone(tones.joined); !slices.Equal(got, []int{again}) {
			t.Errorf("%s hears the room's tone at %v, want the second one only, at %d", ph.name, got, again)
		}
		if got := ph.hearsTone(tones.welcome); !slices.Equal(got, []int{0}) {
			t.Errorf("%s hears his own tone at %v", ph.name, got)
		}
	}
	for _, ph := range []*phone{late, later} {
		if got := ph.hearsTone(tones.welcome); !slices.Equal(got, []int{0}) {
			t.Errorf("%s hears his own tone at %v", ph.name, got)
		}
		ph.heard = ph.heard[len(tones.welcome)*ph.codec.FrameSize():]
		ph.hearsSilence() // and not the one that announces him
	}
}

// TestTonesGoUnderSpeech: a tone is added to the talk, it does not replace it.
func TestTonesGoUnderSpeech(t *testing.T) {
	room := newScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	alice.speaks(1700, 6000)
	room.ticks(150)

	carol := room.joins("carol", codec.PCMU)
	room.forget()
	room.ticks(5) // the first note
	bob.hears(1700, 6000)
	if level := bob.dB(low); math.Abs(level+20) > 3 { // its edges are soft, so it is a little less
		t.Errorf("bob hears the first note at %.1f dBFS, want about -20", level)
	}
	if level := alice.dB(low); math.Abs(level+20) > 3 {
		t.Errorf("alice, who talks, hears the first note at %.1f dBFS, want about -20", level)
	}
	alice.hearsNo(1700)
	room.ticks(4) // carol's jitter is none of it: she hears alice from the first tick
	carol.hears(1700, 6000)
}

func TestTonesCanBeOff(t *testing.T) {
	room := newQuietScene(t)
	alice := room.joins("alice", codec.PCMA)
	room.ticks(20)
	bob := room.joins("bob", codec.PCMU)
	room.ticks(20)
	bob.leaves("hung up")
	room.ticks(20)
	alice.hearsSilence()
	bob.hearsSilence()
}

// TestTheLastOneIsNotToldOfHimself: he came while the room had peace, and everybody else left before
// his tone was due.
func TestTheLastOneIsNotToldOfHimself(t *testing.T) {
	room := newScene(t)
	alice := room.joins("alice", codec.PCMA)
	bob := room.joins("bob", codec.PCMU)
	room.ticks(20)
	carol := room.joins("carol", codec.PCMU)
	room.ticks(15)
	alice.leaves("hung up")
	bob.leaves("hung up")
	room.forget()
	room.ticks(200)
	if got := carol.hearsTone(room.room.tones.joined); got != nil {
		t.Errorf("carol, alone, hears that somebody joined, at %v", got)
	}
	if got := carol.hearsTone(room.room.tones.left); len(got) != 1 {
		t.Errorf("carol hears that somebody left at %v, want once", got)
	}
}

func TestTheDeafHearNoTones(t *testing.T) {
	room := newScene(t)
	alice := room.joins("alice", codec.PCMA)
	alice.p.flags.deaf = true
	room.ticks(50)
	bob := room.joins("bob", codec.PCMU)
	bob.p.flags.deaf = true
	room.ticks(50)
	alice.hearsSilence()
	bob.hearsSilence()
}
