package rooms

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// beep is an announcement of that pitch and length.
func beep(about Topic, hz float64, length time.Duration, except ...string) announcement {
	s := Signal(hz, length, 0)
	s.loop = false
	return announcement{about: about, sound: s, except: except}
}

// The room is locked, opened and locked again while it is told that somebody has joined: it hears one announcement after the other, and
// of the lock only what is true in the end.
func TestAnnouncementsFollowEachOther(t *testing.T) {
	s := newQuietScene(t)
	ann, bob := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA)
	ann.speaks(700, 5000)
	bob.listens()
	s.ticks(10)
	s.room.announce(beep(Comings, 1000, time.Second))
	s.ticks(10)
	s.room.announce(beep(Door, 1200, time.Second))
	s.room.announce(beep(Voices, 1400, time.Second))
	s.room.announce(beep(Door, 1600, time.Second))
	for _, hz := range []float64{1000, 1600, 1400, 0} {
		s.ticks(2) // the edge
		s.forget()
		s.ticks(30)
		for _, pitch := range []float64{1000, 1200, 1400, 1600} {
			if pitch == hz {
				bob.hears(pitch, tonePeak)
				ann.hears(pitch, tonePeak)
			} else {
				bob.hearsNo(pitch)
			}
		}
		bob.hears(700, 5000)
		if hz == 1000 {
			s.ticks(8)
		} else {
			s.ticks(18)
		}
	}
}

// Carl has just joined and need not be told that; what the others say meanwhile he hears, and so what is announced next.
func TestSomebodyIsSparedAnAnnouncement(t *testing.T) {
	s := newQuietScene(t)
	ann, bob, carl := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA), s.joins("carl", codec.PCMU)
	ann.speaks(700, 5000)
	bob.listens()
	carl.listens()
	s.ticks(10)
	s.room.announce(beep(Comings, 1000, time.Second, "call-carl", "call-dora"))
	s.room.announce(beep(Door, 1200, time.Second))
	s.forget()
	s.ticks(50)
	bob.hears(1000, tonePeak)
	carl.hearsNo(1000)
	carl.hears(700, 5000)
	s.forget()
	s.ticks(50)
	bob.hears(1200, tonePeak)
	carl.hears(1200, tonePeak)
	bob.leaves("hung up")
	ann.leaves("hung up")
	s.forget()
	s.ticks(10)
	s.room.announce(beep(Comings, 1000, time.Second, "call-carl"))
	s.ticks(10)
	carl.hearsSilence() // also when he is alone
}

// A sound without an end ends all the same, and what waits is bounded.
func TestAnnouncementsEnd(t *testing.T) {
	var w words
	for range 10 {
		for about := range topics {
			w.add(announcement{about: about, sound: Refused.Looped()})
		}
	}
	begun, frames := 0, 0
	for range 1000 {
		if _, ok := w.begin(); ok {
			begun++
		}
		if w.now.frame() != nil {
			frames++
		}
	}
	if begun != int(topics) || frames != int(topics)*len(Refused.tone) {
		t.Errorf("%d announcements of %d frames", begun, frames)
	}
}
