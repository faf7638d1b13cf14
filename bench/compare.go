package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"
)

// contender is one of those that a comparison runs in turn.
type contender struct {
	name  string
	about string
	start func(context.Context, *options) (*server, error)
	calls bool          // is called by SIP, and mixes: else there is neither set-up nor mouth to ear
	boot  time.Duration // about how long it takes to start and to stop
	runs  []*report
	round []int  // of each run
	fault string // why there are no more runs; empty: there are
}

// skipped is the error of a contender that cannot run on this machine.
type skipped struct{ error }

// comparison is all contenders under one load.
type comparison struct {
	o          *options
	begun      time.Time
	load       string // of the machine before the first run
	contenders []*contender
}

func newComparison(o *options) *comparison {
	return &comparison{o: o, begun: time.Now(), load: loadAverage(), contenders: []*contender{
		{name: "sipconf", about: "this server, with default settings", start: startServer, calls: true, boot: time.Second},
		{name: "floor", about: "bench/floor, which only receives and sends", start: startFloor, boot: time.Second / 2},
		{name: "ConfBridge", about: "Asterisk's app_confbridge, with default settings", start: startConfBridge, calls: true, boot: 4 * time.Second},
	}}
}

const (
	quickTime = 150 * time.Second // what the rounds of -quick are chosen for
	quickEnd  = 170 * time.Second // when it ends, whatever is missing then
)

// shorten sets what the command line leaves open: a comparison has many runs, and so they are short.
func (o *options) shorten(f *flag.FlagSet) {
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	if !given["time"] {
		o.time = 15 * time.Second
		if o.quick {
			o.time = 6 * time.Second
		}
	}
	if !given["bursts"] {
		o.bursts = 5
		if o.quick {
			o.bursts = 3
		}
	}
	if !o.quick || o.rate <= 0 { // no rate is refused later
		return
	}
	round := newComparison(o).estimate(1)
	o.rounds = max(1, min(o.rounds, int(quickTime/round)))
}

// estimate is about how long a number of rounds takes.
func (c *comparison) estimate(rounds int) time.Duration {
	var sum time.Duration
	for _, one := range c.contenders {
		if one.fault == "" {
			sum += one.estimate(c.o)
		}
	}
	return sum * time.Duration(rounds)
}

// estimate is about how long one run takes.
func (c *contender) estimate(o *options) time.Duration {
	dialling := time.Duration(float64(o.legs) / o.rate * float64(time.Second))
	sum := c.boot + 2*settling + 2*time.Second + o.time + dialling/2 // the hang-up; 2 s are about a window
	if c.calls {
		sum += dialling + time.Duration(o.bursts+1)*beepEvery
	}
	return sum
}

// compared is the command -compare.
func compared(ctx context.Context, o *options) (status int) {
	dir, err := os.MkdirTemp("", "sipconf-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	c := newComparison(o)
	end := 3*c.estimate(o.rounds) + time.Minute
	if o.quick {
		end = quickEnd
	}
	limited, cancel := context.WithTimeoutCause(ctx, end, fmt.Errorf("no time left after %s", end))
	defer cancel()
	if o.binary == "" {
		if o.binary, err = build(limited, dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
	}
	c.run(limited)
	if err := ctx.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: interrupted; no report")
		return 1
	}
	if err := c.save(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	if len(c.contenders[0].runs) == 0 || len(c.contenders[1].runs) == 0 {
		return 1
	}
	return 0
}

// run goes through the rounds, in each of which every contender runs once. One that fails is not tried again.
func (c *comparison) run(ctx context.Context) {
	for round := range c.o.rounds {
		for _, one := range c.contenders {
			if one.fault != "" || ctx.Err() != nil {
				continue
			}
			if end, ok := ctx.Deadline(); ok && time.Until(end) < one.estimate(c.o) {
				say("round %d of %d: no time left for %s", round+1, c.o.rounds, one.name)
				continue
			}
			left := c.estimate(c.o.rounds-round-1) + c.rest(one)
			say("round %d of %d: %s; about %s to go", round+1, c.o.rounds, one.name, left.Round(time.Second))
			one.try(ctx, c.o, round+1)
		}
	}
	if err := context.Cause(ctx); err != nil {
		say("%v", err)
	}
}

// rest is about how long this round still takes, from a contender on.
func (c *comparison) rest(from *contender) (sum time.Duration) {
	for i := len(c.contenders) - 1; i >= 0; i-- {
		if c.contenders[i].fault == "" {
			sum += c.contenders[i].estimate(c.o)
		}
		if c.contenders[i] == from {
			break
		}
	}
	return sum
}

// try is one run of one contender.
func (c *contender) try(ctx context.Context, o *options, round int) {
	r, err := run(ctx, o, c.start)
	switch {
	case errors.As(err, new(skipped)):
		c.fault = "skipped: " + err.Error()
	case err != nil:
		c.fault = fmt.Sprintf("failed in round %d: %v", round, err)
	default:
		c.runs, c.round = append(c.runs, r), append(c.round, round)
		say("%s: %.2f us per leg and tick, gaps p99 %.1f ms, lost %d; %.0f %% of a core busy with other things",
			c.name, r.CPUPerLegTick, r.GapP99, r.lost(), r.OthersCPU)
		return
	}
	say("%s %s", c.name, c.fault)
}
