package sound

import (
	"fmt"
	"math"
	"slices"
)

// The edges of a sound that is trimmed.
const (
	edgeLevel = -42.0 // dB below active speech: what is softer is no part of a word
	edgeRate  = 200   // pieces a second that are looked at: 5 ms
	edgeRoom  = 1     // pieces that are left on either side
)

// Trim takes the silence off both ends, up to 5 ms before the first sound and behind the last, and lets it fade in and out
// in that time, so that it begins and ends with zero.
func (s Sound) Trim() (Sound, error) {
	least := math.Pow(10, (s.ActiveLevel()+edgeLevel)/10)
	squares := s.squares(edgeRate)
	loud := func(square float64) bool { return square > 0 && square >= least }
	first := slices.IndexFunc(squares, loud)
	if first < 0 {
		return Sound{}, fmt.Errorf("there is no sound in %d samples", len(s.Samples))
	}
	last := len(squares) - 1
	for !loud(squares[last]) {
		last--
	}
	size := s.Rate / edgeRate
	s.Samples = slices.Clone(s.Samples[max(0, first-edgeRoom)*size : min((last+1+edgeRoom)*size, len(s.Samples))])
	for i := range min(size, len(s.Samples)/2) {
		half := 0.5 - 0.5*math.Cos(math.Pi*float64(i)/float64(size))
		for _, at := range []int{i, len(s.Samples) - 1 - i} {
			s.Samples[at] = int16(half * float64(s.Samples[at]))
		}
	}
	return s, nil
}

// Headroom is by how many dB the sound may be raised before a sample of it is cut off. Silence has more than anybody needs.
func (s Sound) Headroom() float64 {
	peak := 1.0
	for _, v := range s.Samples {
		peak = max(peak, math.Abs(float64(v)))
	}
	return max(0, 20*math.Log10(math.MaxInt16/peak))
}

// Raise makes the sound louder by so many dB, or softer. What is over its headroom is cut off.
func (s Sound) Raise(dB float64) Sound {
	gain := math.Pow(10, dB/20)
	from := s.Samples
	s.Samples = make([]int16, len(from))
	for i, v := range from {
		s.Samples[i] = int16(max(math.MinInt16, min(math.Round(gain*float64(v)), math.MaxInt16)))
	}
	return s
}

// Fill adds silence until the sound is whole frames of 20 ms.
func (s Sound) Fill() Sound {
	size := s.Rate / 50
	if over := len(s.Samples) % size; over > 0 {
		s.Samples = append(slices.Clip(s.Samples), make([]int16, size-over)...)
	}
	return s
}
