package rooms

import (
	"fmt"
	"math"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/mixer"
)

// fullScale is the loudest that G.711 has, in either law.
const fullScale = 32000

// distortion is the power of all that is none of the pitches, in dB below them. The pitches must have
// whole periods in the sound.
func distortion(sound []int16, rate int, pitches []float64) float64 {
	var all, tones float64
	for _, s := range sound {
		all += float64(s) * float64(s) / float64(len(sound))
	}
	for _, hz := range pitches {
		var re, im float64
		for i, s := range sound {
			sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
			re, im = re+float64(s)*cos, im+float64(s)*sin
		}
		tones += 2 * (re*re + im*im) / float64(len(sound)) / float64(len(sound))
	}
	return 10 * math.Log10((all-tones)/tones)
}

// cutting keeps what a listener would hear if the sum were cut.
func (s *scene) cutting(ticks int) (sound []int16) {
	sum, out := make([]int32, mixRate/50), make([]int16, mixRate/50)
	for range ticks {
		s.ticks(1)
		mixer.Zero(sum)
		for _, ph := range s.phones {
			if ph.wasHeard {
				mixer.Add(sum, ph.pulled)
			}
		}
		mixer.Saturate(out, sum)
		sound = append(sound, out...)
	}
	return sound
}

// TestShoutersDoNotCrackle: all talk at full scale at once, and who listens gets all of them, softer
// and undistorted. G.711 itself distorts by -38 dB.
func TestShoutersDoNotCrackle(t *testing.T) {
	for _, n := range []int{2, 10} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			room := newQuietScene(t)
			var pitches []float64
			for i := range n {
				pitches = append(pitches, float64(210+310*i))
				room.joins(fmt.Sprint(i), []*codec.Codec{codec.PCMA, codec.PCMU}[i%2]).speaks(pitches[i], fullScale)
			}
			lena := room.joins("lena", codec.PCMU)
			room.ticks(settle)
			for range 3 {
				room.forget()
				cut := room.cutting(50)
				got, before := distortion(lena.heard, mixRate, pitches), distortion(cut, mixRate, pitches)
				t.Logf("a second of %d at full scale: distortion %.1f dB, cut %.1f dB, gain %.1f dB", n, got, before, 20*math.Log10(float64(1-room.room.limiter.Cut)))
				if got > -30 || before < -20 {
					t.Errorf("distortion %.1f dB, cut %.1f dB; want -30 at most, and far more when cut", got, before)
				}
			}
			for i, ph := range room.phones[:n] {
				ph.hearsNo(pitches[i])
				ph.hears(pitches[(i+1)%n], fullScale*float64(1-room.room.limiter.Cut))
			}
		})
	}
}

// TestTwoShoutersAloneAreNotSoftened: each hears the other only, who fits.
func TestTwoShoutersAloneAreNotSoftened(t *testing.T) {
	room := newQuietScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	alice.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	room.ticks(settle)
	room.forget()
	for range 50 {
		room.ticks(1)
		room.checkExact(t, false)
	}
	alice.hears(1000, fullScale)
	bob.hears(400, fullScale)

	carol := room.joins("carol", codec.PCMU) // who hears both, so both are softened, for all
	room.ticks(settle)
	room.forget()
	room.ticks(50)
	carol.hears(400, fullScale/2)
	carol.hears(1000, fullScale/2)
	alice.hears(1000, fullScale/2)
	alice.hearsNo(400)
}

// TestThreeShoutAtOnce: what each hears is the sum of the others, with one gain for all, taken after
// one's own is out. Asterisk's softmix cuts first; a talker then hears his own voice in the others'.
func TestThreeShoutAtOnce(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol := room.joins("alice", codec.PCMU), room.joins("bob", codec.PCMU), room.joins("carol", codec.PCMU)
	room.joins("dave", codec.PCMA)
	alice.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	carol.says = func(i int) int16 { return fullScale * int16(1-2*(i/8%2)) } // a square wave
	room.ticks(settle)
	if !room.shouted() {
		t.Fatal("everything fits: this shows nothing")
	}
	for range 20 {
		room.ticks(1)
		room.checkExact(t, true)
	}
}

// TestAfterTheShoutingAllIsAsBefore: the gain comes back, to exactly 1.
func TestAfterTheShoutingAllIsAsBefore(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU), room.joins("carol", codec.PCMU)
	alice.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	room.ticks(50)
	alice.speaks(400, 6000)
	bob.speaks(1000, 5000)
	ticks := 0
	for room.room.work.limited || ticks < 5 {
		if room.ticks(1); ticks > 100 {
			t.Fatalf("the limiter acts 2 s after the shouting: %+v", room.room.limiter)
		}
		room.checkExact(t, true)
		ticks++
	}
	t.Logf("recovered after %d ms", 20*ticks)
	room.forget()
	for range 50 {
		room.ticks(1)
		room.checkExact(t, false)
	}
	carol.hears(400, 6000)
	carol.hears(1000, 5000)
}

// TestToneOverShouting: somebody joins while two shout; the tones are part of what has to fit.
func TestToneOverShouting(t *testing.T) {
	room := newScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	alice.speaks(400, fullScale)
	bob.speaks(1000, fullScale)
	room.ticks(50)
	carol := room.joins("carol", codec.PCMU)
	w, tones, loudest := room.room.work, 0, 0
	for range 60 {
		heard := w.sum
		if carol.p.own.active() {
			heard, tones = w.personal, tones+1
		}
		room.ticks(1)
		for i, sample := range heard {
			if w.limited {
				sample = int32(float32(sample) * w.gain[i])
			}
			loudest = max(loudest, int(sample), -int(sample))
		}
	}
	if loudest > math.MaxInt16+1 || loudest < 32000 || tones == 0 {
		t.Errorf("the loudest sample that carol was sent is %d before it is cut, want 32000 to 32767; %d frames of tone", loudest, tones)
	}
}

func TestLimitingAllocatesNothing(t *testing.T) {
	c := newCrowd(10, 10) // their packets are noise at full scale
	c.tick()
	if n := testing.AllocsPerRun(100, c.tick); n != 0 {
		t.Errorf("%v allocations in a tick", n)
	}
	if !c.room.work.limited {
		t.Error("nothing was limited: this shows nothing")
	}
}
