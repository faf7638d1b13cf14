package media

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// loopClock counts how well a loop keeps time.  Written by the loop, read by anyone.
type loopClock struct {
	ticks   atomic.Uint64
	late    atomic.Uint64 // ticks that began 5 ms or more after their deadline
	skipped atomic.Uint64 // ticks that never ran
	panics  atomic.Uint64
	wake    histogram // from the deadline to the beginning of the tick
	end     histogram // from the deadline to the end of the tick
	work    histogram // from the one to the other

	usual    atomic.Int64 // nanoseconds of the shortest of the last second's ticks: the others have been interrupted; 0: unknown
	shortest int64        // of this second's, of which there were so many; on the loop only
	counted  int
}

// perSecond is how many ticks there are in a second.
const perSecond = int(time.Second / frameTime)

func (c *loopClock) woke(late int64) {
	c.ticks.Add(1)
	if late >= int64(5*time.Millisecond) {
		c.late.Add(1)
	}
	c.wake.add(late)
}

func (c *loopClock) ran(after, took int64) {
	c.end.add(after)
	c.work.add(took)
	if c.counted == 0 || took < c.shortest {
		c.shortest = took
	}
	if c.counted++; c.counted == perSecond {
		c.usual.Store(c.shortest)
		c.counted = 0
	}
}

// rested forgets how long the ticks took: there is nothing to be ticked any more.
func (c *loopClock) rested() {
	c.usual.Store(0)
	c.counted = 0
}

// histogram counts durations in steps of a quarter of an octave of microseconds: right within 25 %, from 1 us to an hour.
type histogram struct {
	counts [4 * 32]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

func (h *histogram) add(ns int64) {
	h.sum.Add(max(ns, 0))
	h.counts[step(uint64(max(ns, 0)/1000))].Add(1)
}

// step is the two bits below the leading one, behind the number of the octave.
func step(us uint64) int {
	us = min(us, 1<<31-1) + 4
	octave := bits.Len64(us) - 3
	return 4*octave + int(us>>octave)&3
}

// bound is the upper end of a step.
func bound(i int) time.Duration {
	octave := i / 4
	return time.Duration((uint64(i%4+5)<<octave)-4) * time.Microsecond
}

// quantiles adds up the histograms and returns the bounds below which the parts of all durations lie.
func quantiles(hs []*histogram, parts ...float64) []time.Duration {
	var sums [4 * 32]uint64
	var total uint64
	for _, h := range hs {
		for i := range h.counts {
			n := h.counts[i].Load()
			sums[i] += n
			total += n
		}
	}
	found := make([]time.Duration, len(parts))
	for p, part := range parts {
		left := uint64(part*float64(total) + 0.5)
		for i, n := range sums {
			if n > 0 {
				found[p] = bound(i)
			}
			if n >= left {
				break
			}
			left -= n
		}
	}
	return found
}
