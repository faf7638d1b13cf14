package rooms

import (
	"math"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

func TestTonesAreSoftAndDoNotClick(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		all := newTones(rate)
		for name, tone := range map[string]tone{"joined": all.joined, "left": all.left, "welcome": all.welcome, "alone": all.alone} {
			samples := slices.Concat(tone...)
			if len(samples) != len(tone)*rate/50 || len(tone) > chimeRest/2 {
				t.Errorf("%s at %d Hz: %d frames, %d samples", name, rate, len(tone), len(samples))
			}
			loudest := slices.Max(samples)
			if dB := 20 * math.Log10(float64(loudest)/32767); dB < -20.5 || dB > -19.9 {
				t.Errorf("%s at %d Hz: peak %.1f dBFS, want about -20", name, rate, dB)
			}
			if samples[0] != 0 || samples[len(samples)-1] != 0 {
				t.Errorf("%s at %d Hz begins with %d and ends with %d", name, rate, samples[0], samples[len(samples)-1])
			}
			// A sine of that amplitude moves at most 2*pi*f/rate*peak between two samples.
			steepest := 1.1 * 2 * math.Pi * high / float64(rate) * tonePeak
			for i := 1; i < len(samples); i++ {
				if step := math.Abs(float64(samples[i]) - float64(samples[i-1])); step > steepest {
					t.Errorf("%s at %d Hz jumps by %v at sample %d", name, rate, step, i)
				}
			}
		}
	}
}

func TestJoiningRisesAndLeavingFalls(t *testing.T) {
	all := newTones(8000)
	half := func(tone tone, i int) []int16 {
		n := len(tone) / 2
		return slices.Concat(tone[i*n : (i+1)*n]...)
	}
	for _, c := range []struct {
		name          string
		tone          tone
		first, second float64
	}{{"joined", all.joined, low, middle}, {"left", all.left, middle, low}} {
		for i, pitch := range []float64{c.first, c.second} {
			other := low + middle - pitch
			if is, not := power(half(c.tone, i), pitch), power(half(c.tone, i), other); is < 100*not {
				t.Errorf("%s: note %d has power %.0f at its pitch and %.0f at the other", c.name, i+1, is, not)
			}
		}
	}
}

func TestAllCodecsMixAtOneRate(t *testing.T) {
	for _, c := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		if c.Rate != mixRate {
			t.Errorf("%s has %d Hz and rooms have %d: it needs resampling before it may join", c, c.Rate, mixRate)
		}
	}
}

// power is how much of the pitch is in the samples (Goertzel): the mean square of that part alone,
// so a sine of amplitude A has A*A/2.
func power(samples []int16, pitch float64) float64 {
	w := 2 * math.Pi * pitch / float64(mixRate)
	var re, im float64
	for i, s := range samples {
		re += float64(s) * math.Cos(w*float64(i))
		im += float64(s) * math.Sin(w*float64(i))
	}
	n := float64(len(samples))
	return 2 * (re*re + im*im) / (n * n)
}
