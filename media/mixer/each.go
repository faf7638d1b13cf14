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

func peakEach(frame []int16) (peak int) {
	for _, s := range frame {
		peak = max(peak, int(s), -int(s))
	}
	return peak
}

func reachEach(reach []float32, sum []int32, own []int16) {
	for i := range reach {
		reach[i] = max(reach[i], float32(math.Abs(float64(float32(sum[i]-int32(own[i]))))))
	}
}

func mostEach(reach []float32) (most float32) {
	for _, r := range reach {
		most = max(most, r)
	}
	return most
}

func shapeEach(dst []int16, sum []int32, own []int16, gain []float32) {
	for i := range dst {
		dst[i] = saturate(int32(float32(sum[i]-int32(own[i])) * gain[i]))
	}
}

// rampEach begins with sample number first of the frame.  The conversion keeps compilers from rounding once where the lanes round twice.
func rampEach(frame []int16, from, step float32, first int) {
	for i, s := range frame {
		gain := from + float32(step*float32(first+i+1))
		frame[i] = saturate(int32(float32(s) * gain))
	}
}

// saturate is written with min and max, for which the compiler uses conditional moves: noise would defeat a branch predictor.
func saturate(sample int32) int16 {
	return int16(max(math.MinInt16, min(math.MaxInt16, sample)))
}
