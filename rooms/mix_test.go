package rooms

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"pgregory.net/rapid"
)

// settle is how many ticks a test gives the jitter buffers to fill.
const settle = 10

func TestEachHearsTheOthersAndNeverHimself(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU), room.joins("carol", codec.PCMA)
	alice.speaks(400, 6000)
	bob.speaks(1000, 5000)
	carol.speaks(1700, 4000)
	room.ticks(settle)
	room.forget()
	room.ticks(50)
	alice.hears(1000, 5000)
	alice.hears(1700, 4000)
	alice.hearsNo(400)
	bob.hears(400, 6000)
	bob.hears(1700, 4000)
	bob.hearsNo(1000)
	carol.hears(400, 6000)
	carol.hears(1000, 5000)
	carol.hearsNo(1700)
}

func TestListenersShareOneFrameAndSilentPhonesToo(t *testing.T) {
	room := newQuietScene(t)
	alice := room.joins("alice", codec.PCMU)
	alice.speaks(400, 6000)
	var listeners []*phone
	for range 3 { // who send nothing at all
		listeners = append(listeners, room.joins("a", codec.PCMA), room.joins("u", codec.PCMU))
	}
	room.ticks(settle)
	room.forget()
	room.ticks(50)
	for _, ph := range listeners {
		ph.hears(400, 6000)
		if ph.packets != 50 {
			t.Errorf("%s got %d packets in 50 ticks", ph.name, ph.packets)
		}
	}
	if !bytes.Equal(listeners[0].payload, listeners[2].payload) || !bytes.Equal(listeners[1].payload, listeners[3].payload) {
		t.Error("listeners with the same codec got different frames")
	}
	alice.hearsSilence()
	if w := room.room.work.shared; w.used != 2 {
		t.Errorf("the shared frame was encoded %d times, want once for each of 2 codecs", w.used)
	}
}

// A hundred muted phones, or more, with an A-law that has no zero: whoever listens hears the talker and nothing else, sample by
// sample, and all share the encodings of that.
func TestMutedPhonesMakeNoOffset(t *testing.T) {
	for _, muted := range []struct{ a, u int }{{100, 0}, {60, 60}} {
		room := newQuietScene(t)
		alice, idle := room.joins("alice", codec.PCMA), room.joins("idle", codec.PCMU) // who sends nothing at all
		alice.speaks(400, 6000)
		for range muted.a {
			room.joins("a", codec.PCMA).listens()
		}
		for range muted.u {
			room.joins("u", codec.PCMU).listens()
		}
		room.ticks(settle)
		room.forget()
		for range 50 {
			room.ticks(1)
			for _, ph := range room.phones[1:] {
				if want := ph.throughCodec(alice.pulled); !slices.Equal(ph.heard[len(ph.heard)-len(want):], want) {
					t.Fatalf("%d and %d muted: %s (%s) hears %v, want %v", muted.a, muted.u, ph.name, ph.codec, ph.heard, want)
				}
			}
			if used := room.room.work.shared.used; used != 2 {
				t.Fatalf("%d and %d muted: the shared frame was encoded %d times, want once for each of 2 codecs", muted.a, muted.u, used)
			}
		}
		idle.hears(400, 6000)
		alice.hearsSilence()
	}
}

// Boris turns his microphone off in the middle of a word. The room takes that for a pause at once, and for the end of his talking after half a second.
func TestMutedInTheMiddleOfAWord(t *testing.T) {
	room := newQuietScene(t)
	anna, boris := room.joins("anna", codec.PCMU), room.joins("boris", codec.PCMA)
	anna.listens()
	boris.speaks(441, 6000)
	word := boris.says
	boris.says = func(i int) int16 {
		if i >= 50*160+77 {
			return 0
		}
		return word(i)
	}
	room.ticks(51 + 1) // one frame is held back
	if !boris.wasHeard || !boris.p.voice.Talking {
		t.Errorf("Boris is heard: %v, talks: %v", boris.wasHeard, boris.p.voice.Talking)
	}
	last := anna.heard[51*160:]
	if anna.forgets(); last[76] == 0 || slices.Max(last[77:]) > 8 || slices.Min(last[77:]) < 0 {
		t.Errorf("Anna hears %v of the word's end", last)
	}
	for tick := range 2 * quietTicks {
		room.ticks(1)
		if boris.wasHeard || boris.p.voice.Level != silence || boris.p.voice.Talking != (tick < quietTicks-1) {
			t.Fatalf("tick %d of the pause: Boris is heard: %v, %+v", tick, boris.wasHeard, boris.p.voice)
		}
	}
	anna.hearsSilence()
}

// exactMix works out by the plainest arithmetic what a participant must get of the last tick, before
// it is made to fit.
func (s *scene) exactMix(ph *phone) []int {
	mix := make([]int, len(ph.pulled))
	for i := range mix {
		for _, other := range s.phones {
			if other != ph && other.wasHeard {
				mix[i] += int(other.pulled[i])
			}
		}
	}
	return mix
}

// shouted says whether anything that somebody was to hear in the last tick did not fit.
func (s *scene) shouted() bool {
	for _, ph := range s.phones {
		for _, sample := range s.exactMix(ph) {
			if sample > 1<<15 || sample < -1<<15 {
				return true
			}
		}
	}
	return false
}

// checkExact compares the last packet of each with exactMix, which has the gain of the limiter if
// anybody has shouted so far, and none else.
func (s *scene) checkExact(t interface {
	Helper()
	Fatalf(string, ...any)
}, shouted bool) {
	t.Helper()
	w := s.room.work
	if w.limited && !shouted {
		t.Fatalf("the limiter acts, and nobody has shouted")
	}
	for _, ph := range s.phones {
		mix := make([]int16, len(ph.pulled))
		for i, sample := range s.exactMix(ph) {
			if w.limited {
				sample = int(float32(sample) * w.gain[i])
			}
			mix[i] = int16(min(max(sample, math.MinInt16), math.MaxInt16))
			if d := sample - int(mix[i]); d > 1 || d < 0 {
				t.Fatalf("%s: sample %d, of %d, was cut", ph.name, i, sample)
			}
		}
		payload := make([]byte, ph.codec.FrameBytes())
		if ph.codec.Encode(payload, mix); !bytes.Equal(ph.payload, payload) {
			t.Fatalf("%s (%s) got\n% x, want\n% x", ph.name, ph.codec, ph.payload, payload)
		}
	}
}

// TestMixMinusIsExact: whatever is said, by however many, in whatever law, each gets exactly the sum
// of the others as long as it fits 16 bits, and that sum with one gain for all from then on.
func TestMixMinusIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		room, talks := newQuietScene(t), 0
		for i := range rapid.IntRange(2, 6).Draw(rt, "participants") {
			ph := room.joins(string(rune('a'+i)), rapid.SampledFrom([]*codec.Codec{codec.PCMA, codec.PCMU}).Draw(rt, "codec"))
			switch rapid.IntRange(0, 4).Draw(rt, "sends") {
			case 0:
				continue
			case 1: // muted, or broken
				offset := rapid.Int16().Draw(rt, "offset")
				ph.says = func(int) int16 { return offset }
				continue
			}
			talks++
			noise := rapid.Uint32().Draw(rt, "noise") | 1
			loud := rapid.IntRange(0, 10).Draw(rt, "shift") // more would be nothing in PCMU
			ph.says = func(int) int16 {
				noise ^= noise << 13
				noise ^= noise >> 17
				noise ^= noise << 5
				return int16(noise) >> loud
			}
		}
		heard, shouted := 0, false
		for range 12 {
			room.ticks(1)
			shouted = shouted || room.shouted()
			room.checkExact(rt, shouted)
			for _, ph := range room.phones {
				if ph.wasHeard {
					heard++
				}
			}
		}
		if heard > 12*talks || talks > 0 && heard == 0 {
			rt.Fatalf("%d talked and %d frames were heard", talks, heard)
		}
	})
}

func TestHeldLegLeavesTheMixAndComesBack(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU), room.joins("carol", codec.PCMU)
	alice.speaks(400, 6000) // her PBX's music on hold
	bob.speaks(1000, 5000)
	room.ticks(settle)

	alice.renegotiates(func(s *media.Session) { s.Held = true })
	room.ticks(1) // at once: one tick
	room.forget()
	room.ticks(50)
	alice.hearsSilence()
	if alice.packets != 50 {
		t.Errorf("alice, on hold, got %d packets in 50 ticks", alice.packets)
	}
	bob.hearsSilence()
	carol.hearsNo(400)
	carol.hears(1000, 5000)

	alice.renegotiates(func(s *media.Session) { s.Held = false })
	room.ticks(settle)
	room.forget()
	room.ticks(50)
	alice.hears(1000, 5000)
	bob.hears(400, 6000)
	carol.hears(400, 6000)
}

func TestListeningOnly(t *testing.T) {
	room := newQuietScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	alice.renegotiates(func(s *media.Session) { s.Listens = true })
	alice.speaks(400, 6000)
	bob.speaks(1000, 5000)
	room.ticks(settle)
	room.forget()
	room.ticks(50)
	alice.hears(1000, 5000)
	bob.hearsSilence()
}

func TestMutedAndDeaf(t *testing.T) {
	room := newQuietScene(t)
	alice, bob := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU)
	alice.speaks(400, 6000)
	bob.speaks(1000, 5000)
	room.ticks(settle)

	alice.p.flags.muted = true
	room.forget()
	room.ticks(50)
	alice.hears(1000, 5000)
	bob.hearsSilence()

	alice.p.flags = flags{deaf: true}
	room.forget()
	room.ticks(50)
	alice.hearsSilence()
	bob.hears(400, 6000)

	alice.p.flags = flags{}
	room.forget()
	room.ticks(50)
	alice.hears(1000, 5000)
	bob.hears(400, 6000)
}

func TestAloneIsSilentNotDead(t *testing.T) {
	room := newQuietScene(t)
	alice := room.joins("alice", codec.PCMA)
	alice.speaks(400, 6000)
	room.ticks(100)
	alice.hearsSilence()
	if alice.packets != 100 {
		t.Errorf("%d packets in 100 ticks", alice.packets)
	}
}

func TestLeavingTakesTheVoiceAway(t *testing.T) {
	room := newQuietScene(t)
	alice, bob, carol := room.joins("alice", codec.PCMA), room.joins("bob", codec.PCMU), room.joins("carol", codec.PCMA)
	alice.speaks(400, 6000)
	bob.speaks(1000, 5000)
	room.ticks(settle)
	bob.leaves("hung up")
	room.forget()
	room.ticks(50)
	carol.hears(400, 6000)
	carol.hearsNo(1000)
	if bob.packets != 0 {
		t.Errorf("bob, who has left, got %d packets", bob.packets)
	}
	alice.hearsSilence()
}
