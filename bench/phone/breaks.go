package phone

import (
	"math"
	"slices"
	"time"
)

// How a break is told from the noise of G.711. The residual of nine tones that went through it twice lies some 33 dB below them, and varies
// from block to block with what they add up to; it is compared with what it is most of the time, and with how loud the tones are there.
const (
	breakBlock  = Rate / 200 // 5 ms
	breakRadius = 0.97       // of the filters' poles: a notch of 75 Hz that rings for 10 ms
	breakAbove  = 10.0       // times the median of the residual's power
	breakFloor  = 30.0       // in samples: below, it is no break, whatever the median
	breakApart  = 30 * time.Millisecond
)

// BreaksAfter is how many samples at the begin of a piece Breaks does not look at: until its filters have forgotten that it begins.
const BreaksAfter = Rate / 16

// Breaks finds the places at which sound that is made of some endless tones does not go on as it was: a sample lost or doubled, a packet that was made up,
// a level that steps. The tones are filtered out, which rings where one of them breaks. It returns the samples at which that begins; what follows
// within 30 ms is the same break. The first BreaksAfter samples are not looked at. That whole periods of a tone are left out cannot be heard, and is no break.
func Breaks(pcm []int16, tones []float64) (at []int) {
	if len(pcm) < 4*BreaksAfter {
		return nil
	}
	residual := make([]float64, len(pcm))
	for i, v := range pcm {
		residual[i] = float64(v)
	}
	for _, hz := range tones {
		notch(residual, hz)
	}
	blocks := (len(pcm) - BreaksAfter) / breakBlock
	power := make([]float64, blocks)
	for b := range power {
		first := BreaksAfter + b*breakBlock
		for _, v := range residual[first : first+breakBlock] {
			power[b] += v * v / breakBlock
		}
	}
	ordinary := slices.Sorted(slices.Values(power))[blocks/2]
	limit := max(breakFloor*breakFloor, breakAbove*ordinary)
	last := -len(pcm)
	for b, p := range power {
		if p <= limit {
			continue
		}
		first := BreaksAfter + b*breakBlock
		if first-last > samplesIn(breakApart) {
			at = append(at, first)
		}
		last = first
	}
	return at
}

// notch takes one frequency out, in place.
func notch(x []float64, hz float64) {
	w := 2 * math.Cos(2*math.Pi*hz/Rate)
	var x1, x2, y1, y2 float64
	for i, v := range x {
		y := v - w*x1 + x2 + breakRadius*w*y1 - breakRadius*breakRadius*y2
		x2, x1 = x1, v
		y2, y1 = y1, y
		x[i] = y
	}
}
