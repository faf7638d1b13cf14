package main

import (
	"flag"
	"time"
)

const (
	quickTime = 108 * time.Second // what -quick plans for
	quickEnd  = 118 * time.Second // when it ends, whatever is missing then: make bench QUICK=1 needs a minute for the rest
)

// shorten sets what the command line leaves open: a comparison has many runs, and so they are short.
func (o *options) shorten(f *flag.FlagSet) {
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	open := func(name string, set func()) {
		if !given[name] {
			set()
		}
	}
	long, bursts := 15*time.Second, 5
	switch {
	case o.quick && o.ladder:
		long, bursts = 5*time.Second, 1
	case o.quick:
		long, bursts = 6*time.Second, 3
	case o.ladder:
		long = 10 * time.Second
	}
	open("time", func() { o.time = long })
	open("bursts", func() { o.bursts = bursts })
	switch {
	case o.ladder && o.quick:
		open("rate", func() { o.rate = 150 })
	case o.ladder:
		open("rate", func() { o.rate = 100 })
	}
	if o.rate <= 0 || !o.quick { // no rate is refused later
		return
	}
	if o.ladder {
		o.rounds = 1
		return
	}
	o.rounds = max(1, min(o.rounds, int(quickTime/newComparison(o).estimate(1))))
}

// estimate is about how long a number of rounds takes.
func (c *comparison) estimate(rounds int) time.Duration {
	return c.rest(c.round) * time.Duration(rounds)
}

// rest is about how long these steps take, without those that will not run: above the rung at which a contender has ended, or a ConfBridge
// is expected to.
func (c *comparison) rest(steps []step) (sum time.Duration) {
	for _, s := range steps {
		if s.contender.fault != "" || !s.contender.climbsAgain(s.shape) {
			continue
		}
		if s.contender == c.bridge && c.o.ladder && s.shape.legs > bridgeEnds {
			continue
		}
		sum += c.takes(s)
	}
	return sum
}

// On two cores a ConfBridge holds 200 or 400 legs. With 1,000 its calls wait, some until nobody waits for it any more: half as long again.
const (
	bridgeHolds = 400  // legs that a plan expects it to hold
	bridgeEnds  = 1000 // legs at which it expects it to break down, and beyond which not to be asked
)

// takes is about how long a step takes: as long as it took the last time.
func (c *comparison) takes(s step) time.Duration {
	if took, ran := s.contender.took[s.shape]; ran {
		return took
	}
	expected := s.contender.estimate(s.shape.of(c.o))
	if s.contender == c.bridge && s.shape.legs > bridgeHolds {
		expected += expected / 2
	}
	return expected
}

// estimate is about how long one run takes.
func (c *contender) estimate(o *options) time.Duration {
	dialling := time.Duration(float64(o.legs) / o.rate * float64(time.Second))
	window := time.Second
	if p, err := newPlan(o.legs, o.rooms, o.talkers); err == nil {
		window = p.length()
	}
	sum := c.boot + settling + window + o.time
	if c.calls {
		sum += dialling + dialling/2 // and the hang-up
		if o.bursts > 0 {
			sum += time.Duration(o.bursts+1) * beepEvery
		}
	}
	return sum
}
