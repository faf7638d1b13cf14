package media_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// levelled is a call with levelling, and what it made of the gain.
type levelled struct {
	*call
	said  []int16
	gains []float64 // dB, after each tick
}

func newLevelled(t *testing.T, c *codec.Codec) *levelled {
	l := &levelled{call: newCall(t, c)}
	l.Conn = mediatest.NewConn(l.Leg.LocalAddr())
	l.Leg = media.NewLeg(media.LegConfig{Epoch: time.Now(), Level: true}, l.Conn)
	l.Leg.Update(l.Session())
	t.Cleanup(l.Leg.Close)
	return l
}

func (l *levelled) gain() float64 { return l.Leg.State().Levelling.Gain }

// sends sends sound, 20 ms a tick.
func (l *levelled) sends(sound []int16) {
	for frame := range slices.Chunk(sound[:len(sound)/160*160], 160) {
		l.Sound(frame)
		l.TS += 160
		l.pull()
		l.gains = append(l.gains, l.gain())
	}
	l.said = append(l.said, sound...)
}

// wantGain fails unless the gain is that, within a dB.
func (l *levelled) wantGain(what string, want float64) {
	l.t.Helper()
	if got := l.gain(); math.Abs(got-want) > 1 {
		l.t.Errorf("%s: gain %.2f dB, want %.1f", what, got, want)
	}
}

const rate = 8000

// tone is a sine; 0 dBFS is one at full scale.
func tone(hz, dBFS, seconds float64) []int16 {
	sound := make([]int16, int(seconds*rate))
	for i := range sound {
		sound[i] = int16(math.Round(32767 * math.Pow(10, dBFS/20) * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return sound
}

// noise is hiss, or, when it is dull, what a fan makes of it; 0 dBFS has the power of a sine at full scale.
func noise(dBFS, seconds float64, dull bool) []int16 {
	random, state := rand.New(rand.NewPCG(3, 4)), 0.0
	sound := make([]float64, int(seconds*rate))
	for i := range sound {
		state = random.NormFloat64()
		if dull && i > 0 {
			state += 0.9 * sound[i-1]
		}
		sound[i] = state
	}
	return scaled(sound, dBFS, func([]float64) bool { return true })
}

// speech is syllables of a voice, some loud and some soft, in words and sentences with pauses between; the level is that of the speech without
// the pauses.
func speech(pitch, dBFS, seconds float64) []int16 {
	random := rand.New(rand.NewPCG(uint64(pitch), 6))
	var sound []float64
	phase := 0.0
	for n := 1; len(sound) < int(seconds*rate); n++ {
		length := int((0.12 + 0.14*random.Float64()) * rate)
		loud, melody, bright := math.Pow(10, -8*random.Float64()/20), pitch*(0.85+0.3*random.Float64()), random.Float64()
		wave := vowel(melody, bright)
		for i := range length {
			phase += melody / rate
			shape := loud * math.Pow(math.Sin(math.Pi*float64(i)/float64(length)), 0.6)
			sound = append(sound, shape*wave[int(phase*float64(len(wave)))%len(wave)])
		}
		switch {
		case n%12 == 0:
			sound = append(sound, make([]float64, rate*7/10)...)
		case n%3 == 0:
			sound = append(sound, make([]float64, rate/12)...)
		}
	}
	return scaled(sound[:int(seconds*rate)], dBFS, loudFrame(sound))
}

// vowel is one period of a voice, which has a formant if it is bright.
func vowel(pitch, bright float64) (wave [1024]float64) {
	for h := 1.0; h*pitch < 3400; h++ {
		loud := math.Exp(-h/4) + bright*0.3*math.Exp(-math.Pow((h*pitch-1800)/400, 2))
		for i := range wave {
			wave[i] += loud * math.Sin(2*math.Pi*h*float64(i)/float64(len(wave))+h*h)
		}
	}
	return wave
}

// loudFrame says of a frame whether it is at most 20 dB softer than the loudest.
func loudFrame(sound []float64) func([]float64) bool {
	loudest := 0.0
	for frame := range slices.Chunk(sound, 160) {
		loudest = max(loudest, square(frame))
	}
	return func(frame []float64) bool { return square(frame) > loudest/100 }
}

func square(frame []float64) (sum float64) {
	for _, s := range frame {
		sum += s * s / float64(len(frame))
	}
	return sum
}

// level is that of what counts.
func level(sound []float64, counts func([]float64) bool) float64 {
	sum, n := 0.0, 0.0
	for frame := range slices.Chunk(sound, 160) {
		if counts(frame) {
			sum, n = sum+square(frame), n+1
		}
	}
	return 10*math.Log10(sum/n/(1<<30)) + 3.01
}

func scaled(sound []float64, dBFS float64, counts func([]float64) bool) []int16 {
	by := math.Pow(10, (dBFS-level(sound, counts))/20)
	out := make([]int16, len(sound))
	for i, s := range sound {
		out[i] = int16(max(math.MinInt16, min(math.Round(s*by), math.MaxInt16)))
	}
	return out
}

// speechLevel is the level of the loud frames.
func speechLevel(sound []int16) float64 {
	floats := make([]float64, len(sound))
	for i, s := range sound {
		floats[i] = float64(s)
	}
	return level(floats, loudFrame(floats))
}

// with is two sounds at once.
func with(a, b []int16) []int16 {
	sum := slices.Clone(a)
	for i := range sum {
		sum[i] = int16(max(math.MinInt16, min(int(a[i])+int(b[i]), math.MaxInt16)))
	}
	return sum
}

func TestTonesAreLevelled(t *testing.T) {
	for _, tt := range []struct{ sent, want float64 }{{-45, -33}, {-35, -23}, {-28, -23}, {-23.5, -23.5}, {-20, -23}, {-12, -23}, {-3, -15}} {
		for _, hz := range []float64{250, 440, 1000} {
			c := newLevelled(t, codec.PCMA)
			c.sends(tone(hz, tt.sent, 12))
			got := mediatest.Level(c.last(50), hz, rate) + 3.01
			if math.Abs(got-tt.want) > 1 {
				t.Errorf("%.0f Hz at %.1f dBFS ends at %.1f, want %.1f", hz, tt.sent, got, tt.want)
			}
			if tt.sent == tt.want && c.gain() != 0 {
				t.Errorf("%.0f Hz at %.1f dBFS gets a gain of %.2f dB", hz, tt.sent, c.gain())
			}
			c.wantSteady()
		}
	}
}

// wantSteady fails if the gain ever moves faster than it may.
func (l *levelled) wantSteady() {
	l.t.Helper()
	before := 0.0
	for i, g := range l.gains {
		if g-before > 0.0401 || before-g > 0.0801 {
			l.t.Errorf("tick %d: the gain goes from %.2f dB to %.2f", i, before, g)
			return
		}
		before = g
	}
}

// TestQuietAndLoudPhonesEndAlike: 20 dB lie between them, one is in a noisy room.
func TestQuietAndLoudPhonesEndAlike(t *testing.T) {
	const seconds, last = 20, 8 * 50
	ends := func(name string, sound []int16) float64 {
		c := newLevelled(t, codec.PCMU)
		c.sends(sound)
		c.wantSteady()
		got := speechLevel(c.last(last))
		least, most := slices.Min(c.gains[len(c.gains)-last:]), slices.Max(c.gains[len(c.gains)-last:])
		settled := slices.IndexFunc(c.gains, func(g float64) bool { return math.Abs(g-c.gain()) < 1.5 }) / 50
		t.Logf("%-28s %.1f dBFS ends at %.1f; gain %.1f dB, within 1.5 dB after %d s, moves by %.1f dB in the last 8 s",
			name, speechLevel(sound), got, c.gain(), settled, most-least)
		if most-least > 1.5 {
			t.Errorf("%s: the gain pumps by %.1f dB", name, most-least)
		}
		if math.Abs(got+23) > 2 {
			t.Errorf("%s ends at %.1f dBFS, want -23", name, got)
		}
		return got
	}
	var all []float64
	all = append(all, ends("a quiet man", speech(110, -33, seconds)))
	all = append(all, ends("a quiet woman", speech(205, -34, seconds)))
	all = append(all, ends("a quiet one, noise 15 dB less", with(speech(130, -33, seconds), noise(-48, seconds, false))))
	all = append(all, ends("a quiet one at a fan", with(speech(130, -33, seconds), noise(-48, seconds, true))))
	all = append(all, ends("one as loud as wanted", speech(120, -23, seconds)))
	all = append(all, ends("a loud man", speech(125, -13, seconds)))
	all = append(all, ends("a loud woman", speech(220, -12, seconds)))
	if apart := slices.Max(all) - slices.Min(all); apart > 3 {
		t.Errorf("they end %.1f dB apart, want 3 at most", apart)
	}
}

// TestHandsetIsPassedOn: from one who shouts to one who whispers, and back.  What is soft beside the shouting is not soft for ever.
func TestHandsetIsPassedOn(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(speech(125, -13, 10))
	c.wantGain("the loud one", -10)
	c.sends(speech(205, -34, 28))
	c.wantGain("the quiet one", 11)
	c.sends(speech(125, -13, 10))
	c.wantGain("the loud one again", -10)
}

func TestNoiseAndSilenceAreNotRaised(t *testing.T) {
	for _, dull := range []bool{false, true} {
		for _, dBFS := range []float64{-55, -45, -35, -28} {
			c := newLevelled(t, codec.PCMA)
			c.sends(noise(dBFS, 20, dull))
			if c.gain() != 0 {
				t.Errorf("noise at %.0f dBFS, dull: %v: gain %.2f dB", dBFS, dull, c.gain())
			}
		}
	}
	c := newLevelled(t, codec.PCMA)
	c.sends(make([]int16, 20*rate))
	c.wantGain("silence", 0)
}

// TestPausesFreezeTheGain: what was learnt of speech stays, whatever the pause is filled with.
func TestPausesFreezeTheGain(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(with(speech(120, -33, 12), noise(-60, 12, false)))
	c.wantGain("speech", 10)
	before := c.gain()
	c.sends(make([]int16, 10*rate))
	c.sends(noise(-60, 20, false))
	if c.gain() != before {
		t.Errorf("the pause moves the gain from %.2f dB to %.2f", before, c.gain())
	}
	c.sends(noise(-42, 20, true)) // a lorry
	if moved := math.Abs(c.gain() - before); moved > 1 {
		t.Errorf("a noise moves the gain by %.2f dB", moved)
	}
	c.sends(with(speech(120, -33, 6), noise(-60, 6, false)))
	c.wantGain("speech again", before)
}

// TestMutedPhoneTeachesNothing: its silence is at -72 dBov in A-law, but that is neither a softer noise nor a level that does not swing.
func TestMutedPhoneTeachesNothing(t *testing.T) {
	for _, law := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		l := newLevelled(t, law)
		voice := speech(120, -34, 10)
		for i, hiss := range noise(-50, 10, false) {
			voice[i] += hiss
		}
		l.sends(voice)
		l.sends(make([]int16, 160)) // which lets out the frame that is held back
		before := l.Leg.State().Levelling
		l.sends(make([]int16, 10*rate))
		if after := l.Leg.State().Levelling; after != before {
			t.Errorf("%s: 10 s of a muted phone change the levelling from %+v to %+v", law, before, after)
		}
	}
}

// TestPeaksFit: a quiet voice is raised by 10 dB, and then the handset is dropped.
func TestPeaksFit(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(tone(440, -33, 10))
	c.wantGain("a quiet tone", 10)
	bang := tone(440, -33, 1)
	for i := 1234; i < 1334; i++ {
		bang[i] = int16(30000 * math.Sin(float64(i-1234)/8))
	}
	plain := &levelled{call: newCall(t, codec.PCMA)}
	plain.sends(tone(440, -33, 10))
	plain.sends(bang)
	c.sends(bang)
	softest, before := 10.0, 0.0 // of what the samples were multiplied by
	for i, s := range plain.last(50) {
		out := float64(c.last(50)[i])
		if s > -3000 && s < 3000 {
			continue
		}
		by := out / float64(s)
		if before > 0 && math.Abs(by-before) > 0.15 || math.Abs(out) > math.MaxInt16 {
			t.Errorf("sample %d, of %d: multiplied by %.2f, the one before by %.2f", i, s, by, before)
		}
		softest, before = min(softest, by), by
	}
	if softest > 1.2 {
		t.Errorf("the bang was raised to %.1f times its size: this shows nothing", softest)
	}
	c.sends(tone(440, -33, 1.2))
	c.wantGain("after the bang", 10)
	if limiter := c.Leg.State().Levelling.Limiter; limiter.Cut != 0 {
		t.Errorf("the bang is still felt: %+v", limiter)
	}
	c.wantLevel(c.last(10), 440, -26)
}

// TestLossAndHoldTeachNothing: sound that is made up gets the gain of the sound before it, and no more.
func TestLossAndHoldTeachNothing(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(tone(500, -30, 3)) // on its way up
	before := c.Leg.State().Levelling
	c.Seq += 2
	c.TS += 320
	for range 2 {
		c.pull()
	}
	after := c.Leg.State().Levelling
	if c.Leg.Stats().Concealed == 0 || math.Abs(after.Gain-before.Gain) > 0.05 { // the first of the frames was on hand
		t.Errorf("%v of made-up sound, gain from %.2f dB to %.2f", c.Leg.Stats().Concealed, before.Gain, after.Gain)
	}
	c.smooth(c.last(4))
	s := c.Session()
	s.Held = true
	c.Leg.Update(s)
	c.pull()
	before = c.Leg.State().Levelling
	c.sends(tone(500, -30, 1))
	if got := c.Leg.State().Levelling; got != before {
		t.Errorf("on hold it went from %+v to %+v", before, got)
	}
}

// TestLevelIsOfWhatWasSaid: the meter shows the operator who is too quiet.
func TestLevelIsOfWhatWasSaid(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(tone(500, -35, 10))
	c.wantGain("a quiet tone", 12)
	if got := c.Leg.Level(); got != -38 {
		t.Errorf("level %d dBov, want -38", got)
	}
}

func TestLevellingAllocatesNothing(t *testing.T) {
	c := newLevelled(t, codec.PCMA)
	c.sends(tone(440, -33, 5))
	loud := tone(440, -6, 0.02)
	for _, frame := range [][]int16{tone(440, -33, 0.02), loud, loud} {
		c.Sound(frame)
		c.TS += 160
		now := c.now
		if n := testing.AllocsPerRun(1, func() {
			now += int64(20 * time.Millisecond)
			c.Leg.Pull(now)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		c.now = now
	}
}
