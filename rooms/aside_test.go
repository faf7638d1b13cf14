package rooms

import (
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// Ann steps aside and hears the dial tone; the room goes on without her, and neither hears the other. Then she comes back.
func TestSomebodyAsideHearsOnlyWhatIsPlayedToHim(t *testing.T) {
	s := newQuietScene(t)
	ann, bob, eva := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMU), s.joins("eva", codec.PCMA)
	ann.speaks(500, 6000)
	bob.speaks(700, 6000)
	eva.listens()
	s.ticks(25)

	ann.p.flags.aside, ann.p.own = true, of(DialTone)
	s.ticks(5)
	s.forget()
	s.ticks(150)
	ann.hears(425, tonePeak)
	ann.hearsNo(700)
	bob.hearsNo(500)
	bob.hearsNo(425)
	eva.hears(700, 6000)
	eva.hearsNo(500)

	ann.p.flags.aside, ann.p.own = false, playing{}
	s.ticks(5)
	s.forget()
	s.ticks(25)
	ann.hears(700, 6000)
	ann.hearsNo(425)
	bob.hears(500, 6000)
}

// Ann hears our ringing until there is something to be heard of Bob's exchange: neither that there may be, nor packets of silence end it. When it
// was heard once, it rings no more.
func TestRingingUntilTheOtherExchangeIsHeard(t *testing.T) {
	s := newQuietScene(t)
	ann := s.joins("ann", codec.PCMA)
	ann.p.flags.aside, ann.p.own, ann.p.own.till = true, of(DialTone), true
	rings := func(hz, none float64) {
		t.Helper()
		s.ticks(10)
		s.forget()
		s.ticks(50)
		ann.hears(hz, tonePeak)
		ann.hearsNo(none)
	}
	rings(425, 1000)
	bob := s.comes("bob", codec.PCMA)
	ann.p.mate = bob.p
	rings(425, 1000)
	bob.listens()
	rings(425, 1000)
	bob.speaks(1000, tonePeak)
	rings(1000, 425)
	bob.says = nil
	s.ticks(50)
	ann.p.own, ann.p.own.till = of(DialTone), true
	s.forget()
	s.ticks(50)
	ann.hearsNo(425)
}

// Bob rings: he is in the ante-room, and Ann, who has invited him, is aside and hears his exchange. Nobody else knows of him, until he
// enters; then the two consult, and then Ann comes back to the room with him.
func TestTheInviterHearsTheInvitedBeforeTheRoomDoes(t *testing.T) {
	s := newScene(t)
	ann, eva := s.joins("ann", codec.PCMA), s.joins("eva", codec.PCMA)
	s.ticks(100) // the tones of joining
	bob := s.comes("bob", codec.PCMA)
	bob.speaks(440, 5000)
	ann.speaks(500, 5000)
	eva.listens()
	ann.p.flags.aside, ann.p.mate = true, bob.p
	s.ticks(10)
	s.forget()
	s.ticks(50)
	ann.hears(440, 5000)
	eva.hearsSilence()
	bob.hearsSilence()
	for e, ok := s.events.take(); ok; e, ok = s.events.take() {
		if e.Name == "bob" {
			t.Errorf("somebody is told of bob: %v", e.Kind)
		}
	}

	bob.p.mate = ann.p // they consult
	s.ticks(5)
	s.forget()
	s.ticks(25)
	bob.hears(500, 5000)
	ann.hears(440, 5000)
	eva.hearsSilence()

	s.room.enter(bob.p)
	ann.p.flags.aside, ann.p.mate = false, nil
	s.ticks(100)
	s.forget()
	s.ticks(25)
	eva.hears(440, 5000)
	eva.hears(500, 5000)
	bob.hears(500, 5000)

	bob.leaves("hung up")
	if ann.p.mate != nil {
		t.Error("ann still listens to somebody who has left")
	}
}

// Who gives up while he is in the ante-room has never been there.
func TestWhoLeavesTheAnteRoomWasNeverIn(t *testing.T) {
	s := newScene(t)
	s.joins("ann", codec.PCMA)
	s.ticks(100)
	for _, ok := s.events.take(); ok; _, ok = s.events.take() {
	}
	bob := s.comes("bob", codec.PCMA)
	s.ticks(5)
	bob.leaves("cancelled")
	s.forget()
	s.ticks(100)
	s.phones[0].hearsSilence()
	if e, ok := s.events.take(); ok {
		t.Errorf("told: %v of %s", e.Kind, e.Name)
	}
}

// Words are played to one under the talk of the room, and a key ends them; the room hears an announcement, one after the other.
func TestWordsUnderTheTalk(t *testing.T) {
	s := newQuietScene(t)
	ann, bob := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA)
	ann.listens()
	bob.speaks(700, 5000)
	long := Signal(1000, 2*time.Second, 0)
	long.loop = false
	s.ticks(10)
	ann.p.own = of(long)
	ann.p.own.keys = true
	s.forget()
	s.ticks(50)
	ann.hears(1000, tonePeak)
	ann.hears(700, 5000)
	ann.presses('5')
	s.ticks(5)
	s.forget()
	s.ticks(25)
	ann.hearsNo(1000)
	ann.hears(700, 5000)

	s.room.announce(announcement{sound: long})
	s.forget()
	s.ticks(50)
	ann.hears(1000, tonePeak)
	bob.hears(1000, tonePeak)
	s.ticks(55)
	s.forget()
	s.ticks(25)
	bob.hearsNo(1000)
}

// Each as loud as he wants it, and nobody else notices.
func TestGains(t *testing.T) {
	s := newQuietScene(t)
	ann, bob, eva := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA), s.joins("eva", codec.PCMA)
	ann.speaks(500, 4000)
	bob.listens()
	eva.listens()
	bob.p.gains.hear = turned(0, 2) // +6 dB
	s.ticks(10)
	s.forget()
	s.ticks(25)
	bob.hears(500, 4000*1.995)
	eva.hears(500, 4000)
	ann.p.gains.speak = turned(0, -9) // no more than -12 dB
	s.ticks(5)
	s.forget()
	s.ticks(25)
	bob.hears(500, 4000*1.995*0.251)
	eva.hears(500, 4000*0.251)
}

func TestSounds(t *testing.T) {
	pcm := make([]int16, 8000)
	for i := range pcm {
		pcm[i] = int16(i)
	}
	s := NewSound(pcm[:100], pcm[100:410])
	if len(s.tone) != 3 || s.Length() != 60*time.Millisecond || s.peak != 409 {
		t.Errorf("%d frames, %s, peak %d", len(s.tone), s.Length(), s.peak)
	}
	if got := slices.Concat(s.tone...); !slices.Equal(got[:410], pcm[:410]) || slices.Max(got[410:]) != 0 {
		t.Error("not what was given")
	}
	p := of(NewSound(pcm[:320]).Looped())
	for i := range 9 {
		if f := p.frame(); f == nil || f[0] != int16(160*(i%2)) {
			t.Fatalf("frame %d: %v", i, f[:1])
		}
	}
	for name, s := range map[string]Sound{"dial tone": DialTone, "ringback": Ringback, "busy": BusyTone, "reorder": Reorder} {
		if !s.loop || s.peak > tonePeak || s.peak < tonePeak-40 {
			t.Errorf("%s: looped %t, peak %d", name, s.loop, s.peak)
		}
	}
	if of(Sound{}).tone != nil || NewSound().Length() != 0 {
		t.Error("no sound is one")
	}
}
