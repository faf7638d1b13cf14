package rooms

import (
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// What all are told of a recording, and what one is told by himself.
var (
	allOn, allOff = NewSound(melody(mixRate, 4, low, low)...), NewSound(melody(mixRate, 4, middle, low)...)
	told          = &Notices{On: NewSound(melody(mixRate, 4, high, low)...), Off: NewSound(melody(mixRate, 4, high, high)...)}
)

// hearsTimes fails unless he has heard the sound since he forgot from these frames on, and at no others.
func (ph *phone) hearsTimes(s Sound, frames ...int) {
	ph.scene.Helper()
	if got := ph.hearsTone(s.tone); !slices.Equal(got, frames) {
		ph.scene.Errorf("%s hears it at the frames %v, want %v", ph.name, got, frames)
	}
}

// taping is a silent room of three who have their notices.
func taping(t *testing.T) (s *scene, ann, bob, carl *phone) {
	s = newQuietScene(t)
	ann, bob, carl = s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMU), s.joins("carl", codec.PCMA)
	for _, ph := range s.phones {
		ph.p.notice.said = told
		ph.listens()
	}
	s.ticks(10)
	s.forget()
	return s, ann, bob, carl
}

// All hear that it is recorded. Bob is aside, Carl is on hold: each is told when he is back, once, and from its beginning; and so
// is Dora, who comes in.
func TestWhoWasAwayIsToldOfTheRecording(t *testing.T) {
	s, ann, bob, carl := taping(t)
	bob.p.flags.aside = true
	carl.renegotiates(func(m *media.Session) { m.Held = true })
	s.room.announceTape(true, allOn)
	s.ticks(50)
	ann.hearsTimes(allOn, 0)
	for _, ph := range []*phone{bob, carl} {
		ph.hearsTimes(allOn)
		ph.hearsTimes(told.On)
	}
	s.forget()
	bob.p.flags.aside = false
	carl.renegotiates(func(m *media.Session) { m.Held = false })
	s.ticks(100)
	bob.hearsTimes(told.On, 0)
	carl.hearsTimes(told.On, 0)
	ann.hearsSilence()

	dora := s.comes("dora", codec.PCMA)
	dora.p.notice.said = told
	s.ticks(10)
	dora.hearsSilence() // she is in the ante-room, and nobody records her
	s.room.enter(dora.p)
	s.forget()
	s.ticks(100)
	dora.hearsTimes(told.On, 0)

	bob.p.flags.aside = true
	s.room.announceTape(false, allOff)
	s.ticks(50)
	dora.hearsTimes(allOff, 100)
	bob.p.flags.aside = false
	eva := s.joins("eva", codec.PCMA)
	eva.p.notice.said = told
	s.forget()
	s.ticks(50)
	bob.hearsTimes(told.Off, 0)
	eva.hearsSilence() // she has come when it was over
}

// Bob comes in, and steps aside before he has been told to the end; then he presses keys and asks for something to be said; and then
// Ann does so while all are told. Whatever they do, each hears it whole; and what they have asked for after it.
func TestNothingKeepsThemFromBeingTold(t *testing.T) {
	s, ann, _, _ := taping(t)
	asked := NewSound(melody(mixRate, 4, middle)...)
	ann.p.own, ann.p.own.keys = of(asked), true
	s.room.announceTape(true, allOn)
	s.ticks(50)
	ann.hearsTimes(allOn, 0)
	ann.hearsTimes(asked, len(allOn.tone))

	dora := s.comes("dora", codec.PCMA)
	dora.p.notice.said = told
	dora.listens()
	s.room.enter(dora.p)
	s.ticks(5)
	dora.hearsTimes(told.On)
	dora.p.flags.aside = true
	s.ticks(20)
	dora.hearsTimes(told.On)
	dora.p.flags.aside, dora.p.own = false, playing{}
	s.ticks(5)
	dora.presses('*')
	s.ticks(1)
	dora.p.own, dora.p.own.keys = of(asked), true
	s.ticks(50)
	dora.hearsTimes(told.On, 25)
	dora.hearsTimes(asked, 25+len(told.On.tone))
}

// While another announcement is being made, the one of the recording waits, and nobody is told twice; and who is told by himself that it
// is on, while it is switched off, is not told the rest of it.
func TestTheTapeIsSwitchedWhileTheyAreTold(t *testing.T) {
	s, ann, bob, _ := taping(t)
	s.room.announce(beep(Door, 1000, 200*time.Millisecond))
	s.ticks(5)
	s.room.announceTape(true, allOn)
	s.ticks(50)
	ann.hearsTimes(allOn, 10)
	ann.hearsTimes(told.On)

	dora := s.joins("dora", codec.PCMA)
	dora.p.notice.said = told
	s.ticks(4)
	s.room.announceTape(false, allOff)
	s.ticks(50)
	dora.hearsTimes(told.On)
	dora.hearsTimes(allOff, 4)
	dora.hearsTimes(told.Off)
	bob.leaves("hung up")
}
