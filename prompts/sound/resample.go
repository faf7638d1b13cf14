package sound

import (
	"fmt"
	"math"
	"slices"
)

// Rates are the sample rates, in Hz, that a sound can be converted from.
var Rates = []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

// A low-pass of a sinc under a Blackman window. Its width follows the lower rate, so that above half of that nothing is
// left: 74 dB down from there, and flat up to 0.42 of it (3.4 kHz for a telephone).
const (
	crossings = 32    // zeros of the sinc on either side
	cutoff    = 0.456 // of the lower rate: half the height; the slope ends at 0.5
)

// Resample returns the sound at a rate of Rates, of the same length in time. It may share the samples.
func (s Sound) Resample(rate int) (Sound, error) {
	if !slices.Contains(Rates, s.Rate) || !slices.Contains(Rates, rate) {
		return Sound{}, fmt.Errorf("%d samples a second, of which %d are wanted: only %d can be converted", s.Rate, rate, Rates)
	}
	if s.Rate == rate {
		return s, nil
	}
	up, down := rate/divisor(rate, s.Rate), s.Rate/divisor(rate, s.Rate)
	phases := lowPass(up, down)
	from := s.Samples
	s.Rate, s.Samples = rate, make([]int16, (len(from)*up+down-1)/down)
	for i := range s.Samples {
		at := i * down // in steps of a sample of ours divided by up
		phase := phases[at%up]
		first := at/up - len(phase)/2 + 1
		var sum float64
		for j, weight := range phase {
			if k := first + j; k >= 0 && k < len(from) {
				sum += weight * float64(from[k])
			}
		}
		s.Samples[i] = int16(math.Round(max(math.MinInt16, min(sum, math.MaxInt16))))
	}
	return s, nil
}

// lowPass is the weights of the samples around a place, for each of the up places between two of them.
func lowPass(up, down int) [][]float64 {
	slow := max(1, float64(down)/float64(up)) // samples for one of the lower rate
	half := int(math.Ceil(crossings * slow))
	phases := make([][]float64, up)
	for p := range phases {
		phase, sum := make([]float64, 2*half), 0.0
		for j := range phase {
			at := (float64(j-half+1) - float64(p)/float64(up)) / slow // -crossings to crossings
			phase[j] = sinc(2*cutoff*at) * blackman(at/crossings)
			sum += phase[j]
		}
		for j := range phase {
			phase[j] /= sum
		}
		phases[p] = phase
	}
	return phases
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// blackman is the window over -1 to 1.
func blackman(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return 0.42 + 0.5*math.Cos(math.Pi*x) + 0.08*math.Cos(2*math.Pi*x)
}

func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
