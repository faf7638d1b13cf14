package phone

import (
	"iter"
	"math"
	"time"
)

const (
	histogramStep = 250 * time.Microsecond
	histogramSize = 1000 // up to 250 ms; what is longer counts in the last step, and in Max
)

// Histogram counts durations in steps of 0.25 ms. The zero value is empty. Plain data.
type Histogram struct {
	Count uint64
	Max   time.Duration
	steps [histogramSize]uint32
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.Count++
	h.Max = max(h.Max, d)
	h.steps[max(0, min(int(d/histogramStep), histogramSize-1))]++
}

// Merge counts all of another histogram.
func (h *Histogram) Merge(other *Histogram) {
	h.Count += other.Count
	h.Max = max(h.Max, other.Max)
	for i, n := range other.steps {
		h.steps[i] += n
	}
}

// Since is what has been added to a histogram since it was that one. Max is right to a step, as far as the steps reach.
func (h *Histogram) Since(before *Histogram) *Histogram {
	added := &Histogram{Count: h.Count - before.Count}
	for i, n := range h.steps {
		if added.steps[i] = n - before.steps[i]; added.steps[i] > 0 {
			added.Max = min(h.Max, time.Duration(i+1)*histogramStep)
		}
	}
	if added.steps[histogramSize-1] > 0 {
		added.Max = h.Max
	}
	return added
}

// Quantile is the duration that a share q (0..1) of all do not exceed, rounded up to a step; Max at most.
func (h *Histogram) Quantile(q float64) time.Duration {
	want := uint64(math.Ceil(q * float64(h.Count)))
	var seen uint64
	for i, n := range h.steps {
		if seen += uint64(n); seen >= want && seen > 0 {
			if i == histogramSize-1 {
				return h.Max
			}
			return min(h.Max, time.Duration(i+1)*histogramStep)
		}
	}
	return h.Max
}

// Steps are the steps that hold anything, from the shortest on: the upper end of each and how many durations lie in it.
func (h *Histogram) Steps() iter.Seq2[time.Duration, uint64] {
	return func(yield func(time.Duration, uint64) bool) {
		for i, n := range h.steps {
			if n > 0 && !yield(time.Duration(i+1)*histogramStep, uint64(n)) {
				return
			}
		}
	}
}
