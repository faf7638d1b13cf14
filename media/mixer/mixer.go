// Package mixer is the arithmetic of a conference: sums of frames, and sums less one's own part.
//
// It is pure: data in, data out, no allocation, and no state but that of a Limiter, which is plain data.  A sum is int32, in which
// 65,536 voices at full volume fit, and is made to fit 16 bits only when it leaves: by the gain of a Limiter where it would not, and in any
// case saturated, not wrapped.  Subtracting first and fitting last is what keeps overlapping speech clean: a sum that is cut before
// one's own voice is taken out gives that voice back, distorted.
//
// On amd64 eight samples are worked on at once (lanes_amd64.s), which is what all such processors can do; it is six to ten times faster
// than what Go's compiler makes of the loops in each.go.  Those say what is meant, and the tests hold the two together.
//
// Words: a frame is 20 ms of samples; a sum is the frames of all who are heard, added up; mix-minus is the sum without
// one's own frame, which is what a talker hears; the reach is the most that anybody would hear, at each sample.  All slices belong to the caller, and only the length that both have is used.
package mixer

// Zero empties sum for the next tick.
func Zero(sum []int32) { clear(sum) }

// Add adds frame to sum.
func Add(sum []int32, frame []int16) {
	n := min(len(sum), len(frame))
	whole := n &^ (lanes - 1)
	if whole > 0 {
		addLanes(&sum[0], &frame[0], whole)
	}
	addEach(sum[whole:n], frame[whole:n])
}

// Minus writes the mix-minus to dst: sum less own, saturated.
func Minus(dst []int16, sum []int32, own []int16) {
	n := min(len(dst), len(sum), len(own))
	whole := n &^ (lanes - 1)
	if whole > 0 {
		minusLanes(&dst[0], &sum[0], &own[0], whole)
	}
	minusEach(dst[whole:n], sum[whole:n], own[whole:n])
}

// Saturate writes sum to dst, each sample cut to what 16 bits can hold.
func Saturate(dst []int16, sum []int32) {
	n := min(len(dst), len(sum))
	whole := n &^ (lanes - 1)
	if whole > 0 {
		saturateLanes(&dst[0], &sum[0], whole)
	}
	saturateEach(dst[whole:n], sum[whole:n])
}

// Energy is the sum of the squares of the samples: 160 at full scale make 2^37.4.
func Energy(frame []int16) uint64 {
	whole := len(frame) &^ (lanes - 1)
	if whole == 0 {
		return energyEach(frame)
	}
	return energyLanes(&frame[0], whole) + energyEach(frame[whole:])
}

// Peak is the largest distance of a sample from 0: up to 32768.
func Peak(frame []int16) int {
	whole := len(frame) &^ (lanes - 1)
	if whole == 0 {
		return peakEach(frame)
	}
	return max(peakLanes(&frame[0], whole), peakEach(frame[whole:]))
}

// Still says whether all samples of frame are the same: then it holds no sound, whatever their value.  Of sound it looks at little.
func Still(frame []int16) bool {
	for len(frame) > 8 { // each with its neighbour, which the compiler does 8 bytes at a time
		if *(*[8]int16)(frame) != *(*[8]int16)(frame[1:]) {
			return false
		}
		frame = frame[8:]
	}
	for _, s := range frame {
		if s != frame[0] {
			return false
		}
	}
	return true
}

// Reach raises reach, sample by sample, to the size of the mix-minus before it is cut: of sum less own.
func Reach(reach []float32, sum []int32, own []int16) {
	n := min(len(reach), len(sum), len(own))
	whole := n &^ (lanes - 1)
	if whole > 0 {
		reachLanes(&reach[0], &sum[0], &own[0], whole)
	}
	reachEach(reach[whole:n], sum[whole:n], own[whole:n])
}

// most is the largest of reach, 0 at least.
func most(reach []float32) float32 {
	whole := len(reach) &^ (lanes - 1)
	if whole == 0 {
		return mostEach(reach)
	}
	return max(mostLanes(&reach[0], whole), mostEach(reach[whole:]))
}

// Shape writes the mix-minus to dst as Minus does, each sample multiplied by its gain.
func Shape(dst []int16, sum []int32, own []int16, gain []float32) {
	n := min(len(dst), len(sum), len(own), len(gain))
	whole := n &^ (lanes - 1)
	if whole > 0 {
		shapeLanes(&dst[0], &sum[0], &own[0], &gain[0], whole)
	}
	shapeEach(dst[whole:n], sum[whole:n], own[whole:n], gain[whole:n])
}

// Ramp multiplies frame by a gain that goes in a straight line from one to another, which its last sample has.
func Ramp(frame []int16, from, to float32) {
	if len(frame) == 0 {
		return
	}
	step := (to - from) / float32(len(frame))
	whole := len(frame) &^ (lanes - 1)
	if whole > 0 {
		rampLanes(&frame[0], whole, from, step)
	}
	rampEach(frame[whole:], from, step, whole)
}
