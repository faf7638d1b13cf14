package mixer

import "math"

func addEach(sum []int32, frame []int16) {
	for i := range sum {
		sum[i] += int32(frame[i])
	}
}

func minusEach(dst []int16, sum []int32, own []int16) {
	for i := range dst {
		dst[i] = saturate(sum[i] - int32(own[i]))
	}
}

func saturateEach(dst []int16, sum []int32) {
	for i := range dst {
		dst[i] = saturate(sum[i])
	}
}

func energyEach(frame []int16) (sum uint64) {
	for _, s := range frame {
		sum += uint64(int64(s) * int64(s))
	}
	return sum
}

// saturate is written with min and max, for which the compiler uses conditional moves: noise would defeat a branch predictor.
func saturate(sample int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, sample)))
}
