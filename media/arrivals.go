package media

import "math"

// What is remembered of the arrivals: long enough that a jitter shows its worst, short enough that a burst is forgotten in time for the
// delay to be back 5 s after it.
const (
	stretches    = 5  // remembered
	stretchTicks = 25 // of one
	unknown      = 2  // stretches that say too little to hold back less than at first
)

// Arrivals is how punctual the packets of a stream have been of late.  The transit of a packet is the time of its arrival less its
// timestamp, both in samples and each by its own clock: only differences of transits mean anything.  The slowest packet says how
// late the playing must be, the fastest one how much is on hand then.
//
// A stretch is half a second in which packets came; the window is the last five of them, so what was learnt outlives a silence.
// Plain data; the zero value knows nothing.  Owned by the leg's owner.
type Arrivals struct {
	Ticks      int              // since the last stretch began
	Count      int              // stretches begun
	Slow, Fast [stretches]int64 // the greatest and the least transit of each
}

// add takes the transit of one packet.
func (a *Arrivals) add(transit int64) {
	if a.Count == 0 || a.Ticks >= stretchTicks {
		i := a.Count % stretches
		a.Slow[i], a.Fast[i] = math.MinInt64, math.MaxInt64
		a.Count, a.Ticks = a.Count+1, 0
	}
	i := (a.Count - 1) % stretches
	a.Slow[i], a.Fast[i] = max(a.Slow[i], transit), min(a.Fast[i], transit)
}

// tick has time pass.
func (a *Arrivals) tick() { a.Ticks++ }

// known says whether there is enough to judge by.
func (a *Arrivals) known() bool { return a.Count > unknown }

// slowest is the greatest transit of the window; something must have come.
func (a *Arrivals) slowest() int64 {
	slowest := a.Slow[0]
	for _, transit := range a.Slow[:min(a.Count, stretches)] {
		slowest = max(slowest, transit)
	}
	return slowest
}

// fastest is the least transit of the window; something must have come.
func (a *Arrivals) fastest() int64 {
	fastest := a.Fast[0]
	for _, transit := range a.Fast[:min(a.Count, stretches)] {
		fastest = min(fastest, transit)
	}
	return fastest
}
