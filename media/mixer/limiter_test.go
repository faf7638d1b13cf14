package mixer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const second = 8000

// choir is talkers who all speak at full scale, and what a listener gets of them: limited, and cut.
type choir struct {
	*testing.T
	limiter Limiter
	sum     []int32 // since the beginning
	gain    []float32
	out     []int16
	cut     []int16
}

// sing lets n samples go by, of which talkers gives the sum.
func (c *choir) sing(n int, talkers func(sample int) int32) {
	c.Helper()
	for range n / 160 {
		sum, gain, out, cut, quiet := make([]int32, 160), make([]float32, 160), make([]int16, 160), make([]int16, 160), make([]int16, 160)
		for i := range sum {
			sum[i] = talkers(len(c.sum) + i)
		}
		Saturate(cut, sum)
		Reach(gain, sum, quiet)
		if c.limiter.Frame(gain) {
			Shape(out, sum, quiet, gain)
		} else {
			copy(out, cut)
			for i := range gain {
				gain[i] = 1
			}
		}
		c.sum, c.gain, c.out, c.cut = append(c.sum, sum...), append(c.gain, gain...), append(c.out, out...), append(c.cut, cut...)
	}
}

// sines is so many sines at full scale, of whole pitches from 200 Hz on, so that a second holds whole periods of all of them.
func sines(n int) (pitches []float64, talkers func(int) int32) {
	for i := range n {
		pitches = append(pitches, float64(200+317*i%3300))
	}
	return pitches, func(sample int) (sum int32) {
		for i, hz := range pitches {
			sum += int32(math.Round(32767 * math.Sin(2*math.Pi*hz*float64(sample)/second+float64(i))))
		}
		return sum
	}
}

// noises is so many talkers that are noise at full scale.
func noises(n int) func(int) int32 {
	random := rand.New(rand.NewPCG(1, 2))
	return func(int) (sum int32) {
		for range n {
			sum += random.Int32N(65535) - 32767
		}
		return sum
	}
}

// wantWhole fails if a sample is anything but the sum with its gain: if it was cut.
func (c *choir) wantWhole() {
	c.Helper()
	for i, s := range c.sum {
		if want := int32(float32(s) * c.gain[i]); int32(c.out[i]) != want || want > math.MaxInt16 || want < math.MinInt16 {
			c.Fatalf("sample %d is %d, want %d: it was cut", i, c.out[i], want)
		}
	}
}

// wantSmooth fails if the gain adds a step to the wave, at a border or elsewhere, that is larger than the wave's own.
func (c *choir) wantSmooth() {
	c.Helper()
	worst, border := 0.0, 0.0
	for i := 1; i < len(c.sum); i++ {
		own := math.Abs(float64(c.sum[i]) - float64(c.sum[i-1]))
		added := math.Abs(float64(c.gain[i]-c.gain[i-1]) * float64(c.sum[i-1]))
		if added > own && added > 1000 {
			c.Errorf("sample %d of its frame: the gain adds a step of %.0f to one of %.0f", i%160, added, own)
		}
		if worst = max(worst, added); i%160 == 0 {
			border = max(border, added)
		}
	}
	c.Logf("the gain adds steps of %.0f at most, %.0f at borders, to a wave with steps of up to %.0f", worst, border, steps(c.sum))
}

func steps(wave []int32) (most float64) {
	for i := 1; i < len(wave); i++ {
		most = max(most, math.Abs(float64(wave[i])-float64(wave[i-1])))
	}
	return most
}

// distortion is the power of all that is none of the pitches, in dB below them; of a second of sound.
func distortion(sound []int16, pitches []float64) float64 {
	var all, tones float64
	for _, s := range sound {
		all += float64(s) * float64(s)
	}
	for _, hz := range pitches {
		var re, im float64
		for i, s := range sound {
			sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / second)
			re, im = re+float64(s)*cos, im+float64(s)*sin
		}
		tones += 2 * (re*re + im*im) / float64(len(sound))
	}
	return 10 * math.Log10(max(all-tones, 1)/tones)
}

func TestFullScaleSpeakersDoNotCrackle(t *testing.T) {
	for _, n := range []int{2, 3, 10} {
		c := &choir{T: t}
		pitches, talkers := sines(n)
		c.sing(3*second, talkers)
		c.wantWhole()
		c.wantSmooth()
		first, last := distortion(c.out[:second], pitches), distortion(c.out[2*second:], pitches)
		cut := distortion(c.cut[2*second:], pitches)
		t.Logf("%d sines at full scale: distortion %.1f dB, %.1f in the first second; cut %.1f dB; gain %.1f dB", n, last, first, cut, 20*math.Log10(float64(1-c.limiter.Cut)))
		if last > -60 || first > -20 || cut < -20 { // in the first second the gain comes down, which counts as distortion
			t.Errorf("%d sines: want -60 dB at most, -20 in the first second, and far more when cut", n)
		}
	}
}

func TestFullScaleNoiseIsNotCut(t *testing.T) {
	for _, n := range []int{2, 10} {
		c := &choir{T: t}
		c.sing(3*second, noises(n))
		c.wantWhole()
		c.wantSmooth()
		var error, power, cut float64 // against the same sum with the same loudness
		for i := 2 * second; i < 3*second; i++ {
			want := float64(c.sum[i]) * float64(c.gain[2*second])
			error += (float64(c.out[i]) - want) * (float64(c.out[i]) - want)
			power += want * want
			cut += (float64(c.cut[i]) - float64(c.sum[i])) * (float64(c.cut[i]) - float64(c.sum[i])) * math.Pow(float64(c.gain[2*second]), 2)
		}
		t.Logf("noise of %d: what the gain's course changes is at %.1f dB, what cutting would is at %.1f", n, 10*math.Log10(error/power), 10*math.Log10(cut/power))
		if error > cut/10 {
			t.Errorf("noise of %d: the limiter changes more than a tenth of what cutting does", n)
		}
	}
}

// A frame that begins in the middle of a wave which is too loud at once.
func TestLoudFromTheFirstSampleOn(t *testing.T) {
	c := &choir{T: t}
	for _, begin := range []int{160, 200, 319} {
		_, talkers := sines(2)
		c.sing(2*second, func(i int) int32 {
			if i%second < begin { // a pause
				return 0
			}
			return talkers(i)
		})
	}
	c.wantWhole()
}

func TestGainRecovers(t *testing.T) {
	for _, n := range []int{2, 10} {
		c := &choir{T: t}
		_, talkers := sines(n)
		c.sing(second, talkers)
		down := 20 * math.Log10(float64(1-c.limiter.Cut))
		c.sing(2*second, func(i int) int32 { return talkers(i) / int32(2*n) })
		c.wantSmooth()
		at := second
		for at < 3*second && c.gain[at] != 1 {
			at++
		}
		t.Logf("%d sines: %.1f dB are back after %d ms", n, -down, (at-second)*1000/second)
		if took, want := float64(at-second)/second, 0.22-down/20; math.Abs(took-want) > 0.06 {
			t.Errorf("%d sines: recovery took %.2f s, want %.2f", n, took, want)
		}
		if c.limiter.Cut != 0 || c.limiter.Frame(make([]float32, 160)) {
			t.Errorf("the limiter acts on silence: %+v", c.limiter)
		}
	}
}

// As long as everything fits, nothing is done; what fits just so, too.
func TestWhatFitsIsLeftAlone(t *testing.T) {
	var l Limiter
	curve := make([]float32, 160)
	for i := range curve {
		curve[i] = float32(i) * limit / 159
	}
	if l.Frame(curve) || l != (Limiter{}) || curve[159] != limit {
		t.Errorf("limiter acted: %+v", l)
	}
	if curve[80]++; l.Frame(curve) {
		t.Error("limiter acted on a softer sample")
	}
	if curve[159]++; !l.Frame(curve) {
		t.Error("the limiter let a sample pass that does not fit")
	}
}

// The way down never comes above what is allowed, never rises, gets flatter and flatter, and touches where it bends.
func TestDescendProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1000).Draw(t, "samples")
		gain := rapid.Float32Range(0.1, 4).Draw(t, "gain")
		most := rapid.SliceOfN(rapid.Float32Range(0.01, 8), n, n).Draw(t, "most")
		curve := slices.Clone(most)
		last := Descend(curve, gain)
		least, before, fall := min(gain, slices.Min(most)), gain, float32(math.Inf(1))
		for i, g := range curve {
			if g > most[i]+1e-5 || g > before+1e-6 || i != longest && before-g > fall+1e-4 {
				t.Fatalf("sample %d: gain %v after %v, fall %v, may be %v", i, g, before, fall, most[i])
			}
			before, fall = g, before-g
		}
		if math.Abs(float64(last-least)) > 1e-5 || last != curve[n-1] {
			t.Errorf("the last gain is %v, and %v in the curve, want %v", last, curve[n-1], least)
		}
	})
}

func TestLimiterAllocatesNothing(t *testing.T) {
	var l Limiter
	curve := make([]float32, 160)
	if n := testing.AllocsPerRun(100, func() {
		for i := range curve {
			curve[i] = float32(i * 600)
		}
		l.Frame(curve)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLimiter is the worst frame: the gain follows a rising wave from the first sample to the last.
func BenchmarkLimiter(b *testing.B) {
	curve := make([]float32, 160)
	for b.Loop() {
		l := Limiter{}
		for i := range curve {
			curve[i] = 33000 * (1 + float32(i)/40)
		}
		l.Frame(curve)
	}
}
