package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// contender is one of those that a comparison runs in turn.
type contender struct {
	name  string
	about string
	start func(context.Context, *options) (*server, error)
	calls bool          // is called by SIP, and mixes: else there is neither set-up nor mouth to ear
	boot  time.Duration // about how long it takes to start and to stop
	runs  []outcome
	took  map[shape]time.Duration // the last run of each
	fault string                  // why it cannot run here at all; empty: it can
}

// skipped is the error of a contender that cannot run on this machine.
type skipped struct{ error }

// comparison is all contenders under the same loads.
type comparison struct {
	o     *options
	begun time.Time
	load  string // of the machine before the first run

	server, bare, floor, bridge *contender
	contenders                  []*contender // all of them, in the order of a round

	round    []step   // what each round runs, in this order
	left     []string // what was left out for lack of time
	upgraded *report  // a run with upgrades; nil: none
}

func newComparison(o *options) *comparison {
	c := &comparison{o: o, begun: time.Now(), load: loadAverage(),
		server: &contender{name: "sipconf", about: "this server, with the settings that README.md names", start: startServer, calls: true, boot: time.Second},
		bare:   &contender{name: "bare loop", about: "bench/floor's loop that receives until nothing waits, and sends", start: startBare, boot: time.Second / 2},
		floor:  &contender{name: "floor", about: "bench/floor, the least that can be done with the same packets", start: startFloor, boot: time.Second / 2},
		bridge: &contender{name: "ConfBridge", about: "Asterisk's app_confbridge, with default settings", start: startConfBridge, calls: true, boot: 4 * time.Second},
	}
	c.contenders = []*contender{c.server, c.bare, c.floor, c.bridge}
	for i, one := range c.contenders[1:] {
		if slices.Contains(strings.Split(o.without, ","), optional[i]) {
			one.fault = "was left out (-without)"
		}
	}
	switch {
	case !o.ladder:
		c.round = c.steps([]shape{{o.legs, o.rooms, o.talkers, o.legs == 10*o.rooms && o.talkers >= 10}})
	case o.quick:
		var left []step
		c.round, left = c.quickly(quickTime)
		for _, one := range left {
			c.leave(one)
		}
	default:
		c.round = c.steps(ladder())
	}
	c.round = slices.DeleteFunc(c.round, func(s step) bool { return s.contender.fault != "" })
	return c
}

// optional are those whom a comparison can do without, in their order.
var optional = []string{"bare", "floor", "confbridge"}

// canDoWithout says whether the names, separated by commas, are of such; none is.
func canDoWithout(names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if names != "" && !slices.Contains(optional, name) {
			return false
		}
	}
	return true
}

// leave notes that there is no time for a step.
func (c *comparison) leave(s step) { c.left = append(c.left, s.contender.name+" at "+s.shape.String()) }

// compared is the command -compare.
func compared(ctx context.Context, o *options) (status int) {
	dir, err := os.MkdirTemp("", "sipconf-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	c := newComparison(o)
	if o.upgraded != "" {
		if c.upgraded, err = readReport(o.upgraded); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
	}
	end := 4*c.estimate(o.rounds) + time.Minute
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
	if ctx.Err() != nil {
		if !c.server.measured() {
			fmt.Fprintln(os.Stderr, "bench: interrupted; no report")
			return 1
		}
		c.left, status = append(c.left, "what would have come after the interrupt"), 1
	}
	if err := c.save(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	for _, one := range []*contender{c.server, c.bare, c.floor} {
		planned := slices.ContainsFunc(c.round, func(s step) bool { return s.contender == one })
		if planned && !one.measured() {
			return 1
		}
	}
	return status
}

// measured says that at least one run has figures.
func (c *contender) measured() bool {
	return slices.ContainsFunc(c.runs, func(one outcome) bool { return one.report != nil })
}

// run goes through the rounds, in each of which every contender runs once at each shape, as far as it goes; and then through half as many again, of the shapes at which
// the machine was not ours in most of them.
func (c *comparison) run(ctx context.Context) {
	for round := 1; round <= c.o.rounds; round++ {
		c.runRound(ctx, round, c.round)
	}
	for extra := 1; extra <= c.extraRounds(); extra++ {
		if again := c.again(); len(again) > 0 && ctx.Err() == nil {
			say("the machine was busy with other things: %d runs once more, about %s", len(again), c.rest(again).Round(time.Second))
			c.runRound(ctx, c.o.rounds+extra, again)
		}
	}
	if err := context.Cause(ctx); err != nil {
		say("%v", err)
	}
}

// extraRounds is at most how many rounds follow those that were asked for.
func (c *comparison) extraRounds() int {
	if c.o.quick {
		return 0
	}
	return (c.o.rounds + 1) / 2
}

func (c *comparison) runRound(ctx context.Context, round int, steps []step) {
	for i, s := range steps {
		if s.contender.fault != "" || !s.contender.climbs(s.shape, round) || ctx.Err() != nil {
			continue
		}
		takes := c.takes(s)
		if end, ok := ctx.Deadline(); ok && time.Until(end) < takes {
			say("round %d of %d: no time left for %s at %s", round, c.o.rounds, s.contender.name, s.shape)
			if round <= c.o.rounds { // else it has run before
				c.leave(s)
			}
			continue
		}
		left := c.rest(steps[i:]) + c.estimate(max(0, c.o.rounds-round))
		say("round %d of %d, run %d of %d: %s at %s takes %s; about %s to go", round, max(round, c.o.rounds), i+1, len(steps),
			s.contender.name, s.shape, takes.Round(time.Second), max(left, takes).Round(time.Second))
		s.contender.try(ctx, s.shape, c.o, round)
	}
}

// again are the steps of the shapes at which not all contenders had the machine to themselves in most of the rounds. One that has broken down there, while it was
// its own, need not do it again, but for the loops, beside which the others are put.
func (c *comparison) again() (again []step) {
	for _, s := range c.round {
		if c.undisturbed(s.shape) > c.o.rounds/2 || len(s.contender.at(s.shape)) == 0 || !s.contender.climbsAgain(s.shape) {
			continue
		}
		broken := func(one outcome) bool { return one.broke != "" && !one.disturbed() }
		if s.contender == c.bare || s.contender == c.floor || !slices.ContainsFunc(s.contender.at(s.shape), broken) {
			again = append(again, s)
		}
	}
	return again
}

// last is the last round in which something ran.
func (c *comparison) last() (round int) {
	for _, one := range c.contenders {
		for _, run := range one.runs {
			round = max(round, run.round)
		}
	}
	return round
}

// undisturbed is the number of rounds in which every contender that ran at a shape had the machine to itself.
func (c *comparison) undisturbed(s shape) (n int) {
	for round := 1; round <= c.last(); round++ {
		ran, disturbed := 0, 0
		for _, one := range c.contenders {
			for _, run := range one.at(s) {
				if run.round == round {
					ran++
					if run.disturbed() {
						disturbed++
					}
				}
			}
		}
		if ran > 0 && disturbed == 0 {
			n++
		}
	}
	return n
}

// try is one run of one contender. It may take twice its time and a bit: one that has broken down makes each call wait for long.
func (c *contender) try(ctx context.Context, s shape, o *options, round int) {
	o = s.of(o)
	most, begun, stolen := 2*c.estimate(o)+10*time.Second, time.Now(), machineStolen()
	limited, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("no end after %s", most.Round(time.Second)))
	defer cancel()
	r, err := run(limited, o, c.start)
	switch {
	case errors.As(err, new(skipped)):
		c.fault = "skipped: " + err.Error()
		say("%s %s", c.name, c.fault)
		return
	case ctx.Err() != nil: // not its fault
		return
	}
	one := outcome{shape: s, round: round, report: r, broke: breakdown(r, err)}
	one.stolen = 100 * (machineStolen() - stolen).Seconds() / time.Since(begun).Seconds()
	c.runs = append(c.runs, one)
	if c.took == nil {
		c.took = map[shape]time.Duration{}
	}
	c.took[s] = time.Since(begun)
	if r != nil {
		say("%s: %.2f us per leg and tick, gaps p99 %.1f ms, lost %d; %.1f %% of a core busy with other things, the hypervisor's share %.1f %%",
			c.name, r.CPUPerLegTick, r.GapP99, r.lost(), r.OthersCPU, r.StolenCPU)
	}
	if one.broke != "" {
		say("%s breaks down at %s: %s", c.name, s, one.broke)
	}
}
