package media_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// words sends packets of 20 ms of that code word, and ticks.
func (c *call) words(n int, word byte) {
	for range n {
		c.Packet(c.Codec.PayloadType, c.TS, false, bytes.Repeat([]byte{word}, 160))
		c.TS += 160
		c.pull()
	}
}

// decoded is what comes of samples through the codec.
func (c *call) decoded(samples []int16) []int16 {
	words, back := make([]byte, len(samples)), make([]int16, len(samples))
	c.Codec.Encode(words, samples)
	c.Codec.Decode(back, words)
	return back
}

// A phone that is muted sends one code word for ever, and so does a broken one, at any level.  What is said after that is heard as it is.
func TestWhatDoesNotMoveIsNotHeard(t *testing.T) {
	for _, law := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		for word := range 256 {
			c := newCall(t, law)
			c.words(20, byte(word))
			if c.heard != 0 || c.Leg.Level() != -127 {
				t.Errorf("%s %#x: %d frames are heard, the last at %d dBov", law, word, c.heard, c.Leg.Level())
			}
			c.Says(1000)
			said := c.Frame()
			c.ticks(20)
			if c.heard != 19 {
				t.Errorf("%s %#x: %d of 20 frames of speech are heard, want all but the one held back", law, word, c.heard)
			}
			if !slices.Equal(c.last(19), slices.Repeat(c.decoded(said), 19)) {
				t.Errorf("%s %#x: what is said later is not heard as it is", law, word)
			}
		}
	}
}

// Anna mutes her phone in the middle of a word, at any sample of a packet, and goes on later, likewise.  All of it is heard, sample by
// sample, but for the packets with nothing else than the silence between.
func TestMutedInTheMiddleOfAWord(t *testing.T) {
	for _, law := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		for _, cut := range []int{0, 1, 77, 159} {
			c := newCall(t, law)
			c.Says(441) // of which no sample is like the next
			var said, want []int16
			for i := range 60 {
				frame := c.Frame()
				switch {
				case i == 20:
					clear(frame[cut:])
				case i == 40:
					clear(frame[:cut])
				case i > 20 && i < 40:
					clear(frame)
				}
				frame = c.decoded(frame)
				c.Sound(frame)
				c.TS += 160
				c.pull()
				if said = append(said, frame...); slices.Max(frame) == slices.Min(frame) {
					frame = make([]int16, 160)
				}
				want = append(want, frame...)
			}
			if got := c.sound[160:]; !slices.Equal(got, said[:len(got)]) {
				t.Errorf("%s, muted at %d: what is pulled is not what was sent", law, cut)
			}
			if got := c.mixed[160:]; !slices.Equal(got, want[:len(got)]) {
				t.Errorf("%s, muted at %d: what is heard is not what was said", law, cut)
			}
			if made := c.Leg.Stats().Concealed; made != 0 {
				t.Errorf("%s, muted at %d: %v made up", law, cut, made)
			}
		}
	}
}

// A cheap microphone with an offset, and a noise so soft that frames come out still now and then.  Where they do, the offset is left out in a slope
// and comes back in one: no step is larger than the noise's own and the slope's together.
func TestAnOffsetMakesNoClicks(t *testing.T) {
	for _, at := range []struct{ offset, step float64 }{{104, 16}, {-104, 16}, {528, 32}, {-2112, 128}, {32256, 1024}, {-32256, 1024}} { // of A-law, there
		c, random := newCall(t, codec.PCMA), rand.New(rand.NewPCG(1, 2))
		var said []int16
		changes, still := 0, true
		for i := range 1000 {
			frame := make([]int16, 160)
			for s := range frame {
				frame[s] = int16(max(-32767, min(at.offset+at.step/6*random.NormFloat64(), 32767)))
			}
			frame = c.decoded(frame)
			said = append(said, frame...)
			c.Sound(frame)
			c.TS += 160
			if c.pull(); c.Leg.Heard() == still && i > 0 {
				changes, still = changes+1, !still
			}
		}
		own, got := steepest(said), steepest(c.mixed[2*160:])
		t.Logf("offset %.0f: heard %d of %d frames, %d changes, steps of %d at most, the noise's own are %d", at.offset, c.heard, c.frames, changes, got, own)
		if changes < 100 {
			t.Errorf("offset %.0f: %d changes from still to not or back: this shows nothing", at.offset, changes)
		}
		if got > own+int(math.Abs(at.offset))/100 {
			t.Errorf("offset %.0f: a step of %d, want %d and the slope's", at.offset, got, own)
		}
	}
}

// steepest is the largest step from one sample to the next.
func steepest(sound []int16) (most int) {
	for i := 1; i < len(sound); i++ {
		most = max(most, int(sound[i])-int(sound[i-1]), int(sound[i-1])-int(sound[i]))
	}
	return most
}
