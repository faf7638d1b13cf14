package media

import "time"

// Distribution is how durations were spread since the engine was made.  Plain data.
type Distribution struct {
	Count uint64
	Sum   time.Duration
	Below map[time.Duration]uint64 // how many were at most so long, for the bounds that were asked for
}

// Distributions are how late the ticks of all loops began, and when they had ended, both after their deadline; counted at
// these bounds, each rounded up to the next step of the histogram (25 % at most).
func (e *Engine) Distributions(bounds []time.Duration) (begin, end Distribution) {
	var wake, done []*histogram
	for _, l := range e.loops {
		wake, done = append(wake, &l.clock.wake), append(done, &l.clock.end)
	}
	return distribution(wake, bounds), distribution(done, bounds)
}

func distribution(hs []*histogram, bounds []time.Duration) Distribution {
	d := Distribution{Below: make(map[time.Duration]uint64, len(bounds))}
	for _, h := range hs {
		d.Sum += time.Duration(h.sum.Load())
		for i := range h.counts {
			n := h.counts[i].Load()
			d.Count += n
			for _, b := range bounds {
				if lowest(i) < b {
					d.Below[b] += n
				}
			}
		}
	}
	return d
}

// lowest is the lower end of a step.
func lowest(i int) time.Duration {
	if i == 0 {
		return 0
	}
	return bound(i - 1)
}

// Beats says whether every loop runs a function within that time.
func (e *Engine) Beats(within time.Duration) bool {
	beats := make(chan struct{}, len(e.loops))
	for _, l := range e.loops {
		if !l.Do(func() { beats <- struct{}{} }) {
			return false
		}
	}
	late := time.NewTimer(within)
	defer late.Stop()
	for range e.loops {
		select {
		case <-beats:
		case <-late.C:
			return false
		}
	}
	return true
}
