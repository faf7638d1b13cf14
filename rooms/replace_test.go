package rooms

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// takesOver puts somebody's call into the place of another's.
func (ph *phone) takesOver(old *phone) {
	ph.scene.room.take(old.p, "call-"+ph.name, ph.leg)
	ph.p, old.p = old.p, &Participant{phase: gone}
}

// Bob is in the room with Ann and Eva, and takes it over to his mobile: both of his phones speak all the while. In each tick one of the two is in the
// mix, and not the other; nobody hears a tone; and what he hears goes to one phone only.
func TestAnotherCallTakesThePlace(t *testing.T) {
	for _, c := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		s := newScene(t)
		ann, desk, eva := s.joins("ann", codec.PCMA), s.joins("desk", codec.PCMU), s.joins("eva", codec.PCMA)
		ann.speaks(500, 5000)
		desk.speaks(770, 5000)
		eva.listens()
		s.ticks(200) // the tones of joining are over
		mobile := s.calls("mobile", c)
		mobile.speaks(1100, 5000)
		s.happened()
		s.forget()

		mobile.takesOver(desk)
		gap := 0
		for ; gap < 20 && !mobile.wasHeard; gap++ {
			s.ticks(1)
			if desk.packets > 0 || desk.wasHeard {
				t.Fatal("the desk phone is still there")
			}
		}
		if gap == 20 {
			t.Fatal("the mobile is not heard")
		}
		s.expect("quiet call-desk", "on another call now call-mobile")
		s.forget()
		s.ticks(100)
		ann.hears(1100, 5000)
		ann.hearsNo(770)
		eva.hears(1100, 5000)
		eva.hears(500, 5000)
		eva.hearsNo(770)
		mobile.hears(500, 5000)
		mobile.hearsNo(1100)
		if desk.packets > 0 {
			t.Errorf("the desk phone gets %d packets", desk.packets)
		}
		tones := *s.room.tones
		for _, hz := range tonePitches(tones) {
			eva.hearsNo(hz)
		}
		s.expect("talking call-mobile")
		mobile.leaves("hung up")
		s.expect("quiet call-mobile", "left call-mobile hung up")
	}
}

// tonePitches are those of the room's tones for joining and leaving, of which none is one of the voices in these tests.
func tonePitches(t tones) (all []float64) {
	for _, tone := range []tone{t.joined, t.left} {
		var sound []int16
		for _, frame := range tone {
			sound = append(sound, frame...)
		}
		for hz := 300.0; hz < 3400; hz += 10 {
			if power(sound, hz) > 1e5 {
				all = append(all, hz)
			}
		}
	}
	return all
}

// What the host has decided about him, and he himself, is still so; what was played to the one who was there is not played to the other.
func TestWhoTakesThePlaceIsAsTheOther(t *testing.T) {
	s := newQuietScene(t)
	ann, desk, eva := s.joins("ann", codec.PCMA), s.joins("desk", codec.PCMA), s.joins("eva", codec.PCMA)
	ann.speaks(500, 4000)
	eva.listens()
	desk.presses('7')
	s.ticks(10)
	p := desk.p
	p.name, p.number = "Bob", "102"
	p.flags = flags{muted: true, silenced: true, host: true}
	p.gains = gains{hear: -2, speak: 1}
	p.own = of(Ringback)
	before := p.snapshot()

	mobile := s.calls("mobile", codec.PCMA)
	mobile.speaks(1100, 4000)
	s.ticks(1)
	mobile.takesOver(desk)
	s.ticks(5)
	s.forget()
	s.ticks(50)
	eva.hearsNo(1100)
	mobile.hears(500, 4000*0.501) // two steps of 3 dB softer
	mobile.hearsNo(425)

	if i := 1; s.room.members[i] != p {
		t.Error("he is not where he was in the roster")
	}
	after := p.snapshot()
	if after.ID != "call-mobile" || after.Name != "Bob" || after.Number != "102" || after.Since != before.Since || after.Digits != "7" ||
		!after.Muted || !after.Silenced || !after.Host || p.gains != (gains{hear: -2, speak: 1}) {
		t.Errorf("before %+v, after %+v", before, after)
	}
	p.flags = flags{}
	s.ticks(5)
	s.forget()
	s.ticks(50)
	eva.hears(1100, 4000*1.413) // he speaks a step louder
}

// Two who are aside with each other stay so, and the room hears neither.
func TestWhoTakesThePlaceIsAsideWithTheSame(t *testing.T) {
	s := newQuietScene(t)
	ann, desk, eva := s.joins("ann", codec.PCMA), s.joins("desk", codec.PCMA), s.joins("eva", codec.PCMA)
	ann.speaks(500, 4000)
	eva.speaks(1500, 4000)
	ann.p.flags.aside, ann.p.mate = true, desk.p
	desk.p.flags.aside, desk.p.mate = true, ann.p
	mobile := s.calls("mobile", codec.PCMU)
	mobile.speaks(1100, 4000)
	s.ticks(5)
	mobile.takesOver(desk)
	s.ticks(10)
	s.forget()
	s.ticks(50)
	ann.hears(1100, 4000)
	mobile.hears(500, 4000)
	mobile.hearsNo(1500)
	eva.hearsSilence()
}

// Music that the one call played is not held against the other; nor is it told that nothing comes of somebody who has just come.
func TestWhoTakesThePlaceBeginsWithACleanRecord(t *testing.T) {
	s := newQuietScene(t)
	s.joins("ann", codec.PCMA).listens()
	desk := s.joins("desk", codec.PCMA)
	s.ticks(patience - 2)
	desk.p.music = true
	s.happened()
	mobile := s.calls("mobile", codec.PCMA)
	mobile.takesOver(desk)
	s.expect("music is over: heard again call-desk", "on another call now call-mobile")
	s.ticks(patience - 1)
	s.expect()
	s.ticks(1)
	s.expect("no sound comes from the caller call-mobile")
}

// Who takes the place is told that the room is recorded, although the other one knew.
func TestWhoTakesThePlaceIsToldOfTheRecording(t *testing.T) {
	s := newQuietScene(t)
	s.joins("ann", codec.PCMA).listens()
	desk := s.joins("desk", codec.PCMA)
	notices := &Notices{On: NewSound(toneOf(1000, 20)...), Off: NewSound(toneOf(2000, 20)...)}
	desk.p.notice = notice{said: notices, knows: true}
	s.room.taped = true
	s.ticks(20)
	mobile := s.calls("mobile", codec.PCMA)
	mobile.takesOver(desk)
	s.forget()
	s.ticks(20)
	mobile.hears(1000, 4000)
	if !mobile.p.notice.knows {
		t.Error("he has heard it to its end, and does not know")
	}
}

// toneOf is a sound of so many frames.
func toneOf(hz float64, frames int) [][]int16 {
	ph := &phone{codec: codec.PCMA}
	ph.speaks(hz, 4000)
	sound := make([][]int16, frames)
	for f := range sound {
		sound[f] = make([]int16, 160)
		for i := range sound[f] {
			sound[f][i] = ph.says(160*f + i)
		}
	}
	return sound
}

func TestReplaceInARealRoom(t *testing.T) {
	h := newHouse(t, Config{Tones: true, MaxLegs: 3})
	alice, bob := h.calls("alice"), h.calls("bob")
	h.seat("5234").Join(alice)
	p := h.seat("5234").Join(bob)
	h.seat("5234") // no place is needed for who takes another's
	h.Look("5234") // they are in
	for i := range 5 {
		next := h.calls(fmt.Sprint("bob", i))
		if !p.Replace(next) {
			t.Fatal("he is not replaced")
		}
		p.LeaveWith(bob.id, "hung up")
		bob.leg.Close() // as the handler of the call that is over does
		bob = next
	}
	shot, _ := h.Look("5234")
	if len(shot.Participants) != 2 || shot.Participants[1].ID != "bob4" || shot.Participants[1].Name != "Name of bob" {
		t.Errorf("in the room: %+v", shot.Participants)
	}
	if again := h.Dismiss("5234", "bob", "x"); again || bob.hungUp.Load() != nil {
		t.Error("a call that is over was hung up")
	}
	h.Dismiss("5234", "bob4", "removed")
	if why := bob.hungUp.Load(); why == nil || *why != "removed" {
		t.Error("his call is not hung up")
	}
	late := h.calls("late")
	if p.Replace(late) || late.hungUp.Load() != nil {
		t.Error("he is replaced while he is being hung up")
	}
	p.LeaveWith("bob4", "hung up")
	p.LeaveWith("bob4", "again")
	new(Participant).LeaveWith("bob", "never in")
	if p.Replace(late) {
		t.Error("he is replaced although he has left")
	}
	h.Directory.Close()
	if n, m := h.told(Replaced), h.told(Joined); n != 5 || m != 2 {
		t.Errorf("told of %d replaced and %d joined, want 5 and 2", n, m)
	}
	late.leg.Close()
	alice.leg.Close()
	bob.leg.Close()
}

func TestReplaceThatCannotBe(t *testing.T) {
	h := newHouse(t, Config{})
	alice, bob, shut := h.calls("alice"), h.calls("bob"), h.calls("shut")
	p := h.seat("5234").Join(alice)
	shut.leg.Close()
	if p.Replace(shut) {
		t.Error("a closed leg takes the place")
	}
	waits := h.seat("5234").Wait(bob)
	other := h.calls("other")
	if waits.Replace(other) {
		t.Error("he is not in the room yet")
	}
	if new(Participant).Replace(other) {
		t.Error("he was never in")
	}
	shot, _ := h.Look("5234")
	if len(shot.Participants) != 2 || shot.Participants[0].ID != "alice" || shot.Participants[1].ID != "bob" {
		t.Errorf("in the room: %+v", shot.Participants)
	}
	h.engine.Close()
	begin := time.Now()
	if p.Replace(other) || time.Since(begin) > loopTime/2 {
		t.Error("nobody is there to do it")
	}
	for _, c := range []*call{alice, bob, other} {
		c.leg.Close()
	}
}
