package sound

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// A tone that fits through the lower rate is the same tone afterwards: the same samples as if it had been made there,
// neither softer nor late.
func TestTonesPassUnchanged(t *testing.T) {
	for _, from := range Rates {
		for _, to := range Rates {
			hz := 0.4 * float64(min(from, to)) / 2 // 1,600 Hz for a telephone
			s := tone(from, from/2, hz, -6)
			got, err := s.Resample(to)
			if err != nil {
				t.Fatal(err)
			}
			want := tone(to, len(got.Samples), hz, -6)
			if len(got.Samples) != (len(s.Samples)*to+from-1)/from {
				t.Errorf("%d to %d Hz: %d samples of %d", from, to, len(got.Samples), len(s.Samples))
			}
			edge := to / 50 // where half of what the filter looks at is not there
			for i := edge; i < len(got.Samples)-edge; i++ {
				if off := int(got.Samples[i]) - int(want.Samples[i]); off < -3 || off > 3 {
					t.Errorf("%d to %d Hz: sample %d is off by %d of 16,384", from, to, i, off)
					break
				}
			}
		}
	}
}

// What does not fit is gone: it does not come back as another tone.
func TestNothingIsFoldedBack(t *testing.T) {
	for _, from := range Rates {
		for hz := 4010.0; hz < float64(from)/2; hz += 250 {
			got, err := tone(from, from/4, hz, 0).Resample(8000)
			if err != nil {
				t.Fatal(err)
			}
			rest := got.Samples[200 : len(got.Samples)-200] // where the tone begins and ends there is every frequency
			if left := level(rest) + 3; left > -65 {
				t.Errorf("%d Hz: %.0f dB are left of a tone of %.0f Hz", from, left, hz)
			}
		}
	}
}

// The telephone's band passes: 3.4 kHz, and no frequency at all.
func TestTheBandIsFlat(t *testing.T) {
	for _, from := range Rates {
		got, err := tone(from, from/4, 3400, -6).Resample(8000)
		if err != nil {
			t.Fatal(err)
		}
		if loss := level(got.Samples[200:len(got.Samples)-200]) + 9.03; math.Abs(loss) > 1 {
			t.Errorf("%d Hz: 3,400 Hz come out with %+.2f dB", from, loss)
		}
		constant := Sound{Rate: from, Samples: slices.Repeat([]int16{1000}, from/4)}
		if got, err = constant.Resample(8000); err != nil || got.Samples[1000] != 1000 {
			t.Errorf("%d Hz: 1,000 comes out as %d, %v", from, got.Samples[1000], err)
		}
	}
}

func TestLoudSoundsAreNotFoldedOver(t *testing.T) {
	square := Sound{Rate: 48000}
	for i := range 4800 {
		square.Samples = append(square.Samples, []int16{math.MaxInt16, math.MinInt16}[i/60%2]) // 400 Hz; the filter overshoots
	}
	got, err := square.Resample(8000)
	if err != nil {
		t.Fatal(err)
	}
	for i := 13; i < 780; i++ {
		if high := i/10%2 == 0; i%10 > 1 && i%10 < 8 && (got.Samples[i] > 0) != high {
			t.Fatalf("sample %d is %d", i, got.Samples[i])
		}
	}
}

func TestOddRatesAreRefused(t *testing.T) {
	for _, rate := range []int{-1, 0, 1, 7999, 44101, 1 << 30} {
		if _, err := (Sound{Rate: rate, Samples: make([]int16, 10)}).Resample(8000); err == nil || !strings.Contains(err.Error(), "44100") {
			t.Errorf("%d Hz: %v", rate, err)
		}
	}
}
