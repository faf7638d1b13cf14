package media

import (
	"slices"
	"time"
)

// Distribution is how durations were spread since the engine was made.  Plain data.
type Distribution struct {
	Count uint64
	Sum   time.Duration
	Below map[time.Duration]uint64 // how many were at most so long, for the bounds that were asked for
}

// Ticks is how the ticks of all loops were spread.  Plain data.
type Ticks struct {
	Lateness Distribution // from a tick's deadline to its beginning
	Duration Distribution // from there to its end
	End      Distribution // from its deadline to its end
}

// Distributions counts at these bounds, each rounded up to the next step of the histogram (25 % at most).
func (e *Engine) Distributions(bounds []time.Duration) Ticks {
	var wake, work, end []*histogram
	for _, l := range e.loops {
		wake, work, end = append(wake, &l.clock.wake), append(work, &l.clock.work), append(end, &l.clock.end)
	}
	return Ticks{Lateness: distribution(wake, bounds), Duration: distribution(work, bounds), End: distribution(end, bounds)}
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

// PlayoutDelays are the quantiles of how much sound is held back in the jitter buffers of all legs that play, after a tick, as of some
// 300 ms ago at most: what the buffer adds to the packet and to the wait for the tick.  Quantile 1 is the most; zeros when no leg plays.
func (e *Engine) PlayoutDelays(quantiles ...float64) []time.Duration {
	var held []time.Duration
	for _, leg := range e.all(nil) {
		if n := leg.shown(); n.playing {
			held = append(held, n.held)
		}
	}
	slices.Sort(held)
	delays := make([]time.Duration, len(quantiles))
	for i, q := range quantiles {
		if len(held) > 0 {
			delays[i] = held[min(int(q*float64(len(held))), len(held)-1)]
		}
	}
	return delays
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
