// Package mixer is the arithmetic of a conference: sums of frames, and sums less one's own part.
//
// It is pure: data in, data out, no state, no allocation.  A sum is int32, in which 65,536 voices at full volume fit, and
// is cut to 16 bits only when it leaves (saturated, not wrapped).  Subtracting first and cutting last is what keeps overlapping
// speech clean: a sum that is cut before one's own voice is taken out gives that voice back, distorted.
//
// Words: a frame is 20 ms of samples; a sum is the frames of all who are heard, added up; mix-minus is the sum without
// one's own frame, which is what a talker hears.  All slices belong to the caller, and only the length that both have is used.
package mixer

import "math"

// Zero empties sum for the next tick.
func Zero(sum []int32) { clear(sum) }

// Add adds frame to sum.
func Add(sum []int32, frame []int16) {
	n := min(len(sum), len(frame))
	sum, frame = sum[:n], frame[:n]
	for i := range sum {
		sum[i] += int32(frame[i])
	}
}

// Minus writes the mix-minus to dst: sum less own, saturated.
func Minus(dst []int16, sum []int32, own []int16) {
	n := min(len(dst), len(sum), len(own))
	dst, sum, own = dst[:n], sum[:n], own[:n]
	for i := range dst {
		dst[i] = saturate(sum[i] - int32(own[i]))
	}
}

// Saturate writes sum to dst, each sample cut to what 16 bits can hold.
func Saturate(dst []int16, sum []int32) {
	n := min(len(dst), len(sum))
	dst, sum = dst[:n], sum[:n]
	for i := range dst {
		dst[i] = saturate(sum[i])
	}
}

// saturate is written with min and max, for which the compiler uses conditional moves: noise would defeat a branch predictor.
func saturate(sample int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, sample)))
}
