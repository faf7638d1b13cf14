package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// promise is something that sipconf is to keep under a load.
type promise struct {
	what    string
	at      shape
	most    float64 // or the least, where more is better
	kind    kind
	measure func(c *comparison, s shape) (_ float64, known bool)
}

// kind is what a promise asks.
type kind uint8

const (
	atMost kind = iota
	atLeast
	aimAt // at most that much would be well
)

const kept = "kept"

// overBare is what is promised of the CPU: of the loop that one would write first. bench/README.md says what it does that sipconf avoids.
const overBare = "CPU as a multiple of the bare loop's"

// promised is how many legs the machine of the figures is to bear; aimed is how many we would like it to.
const (
	promised = 1000
	aimed    = 2400
)

// promises are what the ladder is judged by: the medians, except where a single one would be noticed.
func promises() []promise {
	thousand, two := rung(promised), rung(200)
	memory := medianOf(func(r *report) float64 { return float64(r.RSSPerLeg) / 1024 })
	return slices.Concat([]promise{
		{"CPU, µs per leg and tick", two, 15, atMost, medianOf(cpuOf)},
		{overBare, thousand, 1.3, atMost, timesTheBareLoop},
		{overBare, shape{1000, 1, 1, false}, 1.3, atMost, timesTheBareLoop},
		{overBare, shape{1000, 1, bigTalkers, false}, 1.3, atMost, timesTheBareLoop},
		{overBare, shape{999, 333, 10, false}, 1.3, atMost, timesTheBareLoop},
		{overBare, alone, 1.3, atMost, timesTheBareLoop},
		{overBare, idle, 1.3, atMost, timesTheBareLoop},
		{"ConfBridge's CPU at the cheapest rung that it holds, as a multiple of sipconf's", thousand, 8, atLeast, dearer},
	}, punctual(thousand), []promise{
		{"sound made up by sipconf, s", two, 0, atMost, concealed},
		{"memory, KiB per leg", two, 48, atMost, memory},
		{"memory, KiB per leg", thousand, 48, atMost, memory},
		{"mouth to ear p50 without the packet, ms", two, 20, atMost, medianOf(func(r *report) float64 { return r.EarP50 - 20 })},
		{"mouth to ear p99 without the packet, ms", two, 35, atMost, medianOf(func(r *report) float64 { return r.EarP99 - 20 })},
		{"CPU as a multiple of the floor's, the least that can be done", thousand, 1.3, aimAt, timesTheFloor},
	})
}

// punctual is what is promised of packets, gaps and ticks at 1,000 legs, asked of any shape.
func punctual(at shape) []promise {
	return []promise{
		{"packets lost or not sent", at, 0, atMost, worstOf(func(r *report) float64 { return float64(r.lost() + r.NotSent) })},
		{"gaps p99, ms", at, 25, atMost, medianOf(func(r *report) float64 { return r.GapP99 })},
		{"longest gap, ms", at, 60, atMost, worstOf(func(r *report) float64 { return r.GapMax })},
		{"ticks that begin more than 5 ms late, %", at, 1, atMost, lateTicks},
	}
}

// medianOf is that of sipconf's runs.
func medianOf(figure func(*report) float64) func(*comparison, shape) (float64, bool) {
	return func(c *comparison, s shape) (float64, bool) {
		return c.server.of(s, figure).median, c.server.figures(s) > 0
	}
}

// worstOf is the greatest of sipconf's runs.
func worstOf(figure func(*report) float64) func(*comparison, shape) (float64, bool) {
	return func(c *comparison, s shape) (float64, bool) {
		return c.server.of(s, figure).most, c.server.figures(s) > 0
	}
}

func timesTheBareLoop(c *comparison, s shape) (float64, bool) {
	r, known := ratio(s, c.server, c.bare)
	return r.median, known
}

func timesTheFloor(c *comparison, s shape) (float64, bool) {
	r, known := ratio(s, c.server, c.floor)
	return r.median, known
}

// dearer is how much more a leg of the ConfBridge costs than one of sipconf at that shape. The ConfBridge does not hold a thousand legs, so it is
// the cheapest rung of those that it held, by its median there: what one takes that has broken down says nothing.
func dearer(c *comparison, s shape) (times float64, known bool) {
	least := math.Inf(1)
	for _, rung := range c.bridge.steps(inTens) {
		if us, held := c.bridge.heldCPU(rung); held && us > 0 {
			least = min(least, us)
		}
	}
	ours, held := c.server.heldCPU(s)
	if !held || ours == 0 || math.IsInf(least, 1) {
		return 0, false
	}
	return least / ours, true
}

// lateTicks is the share of sipconf's ticks in percent.
func lateTicks(c *comparison, s shape) (percent float64, known bool) {
	sum := c.server.lateness(s)
	for i, bound := range sum.bounds {
		if bound == 5*time.Millisecond && sum.ticks > 0 {
			return 100 * sum.later(i), true
		}
	}
	return 0, false
}

// concealed is how much sound sipconf made up in the worst run, in seconds of all legs together.
func concealed(c *comparison, s shape) (most float64, known bool) {
	for _, one := range c.server.counted(s) {
		if one.report != nil && one.report.metrics.known {
			most, known = max(most, one.report.metrics.concealed.Seconds()), true
		}
	}
	return most, known
}

// judge is what was measured, and whether that keeps the promise.
func (p promise) judge(c *comparison) (measured, verdict string) {
	value, known := p.measure(c, p.at)
	doubt := ""
	if runs := c.server.counted(p.at); len(runs) > 0 && runs[0].disturbed() {
		doubt = ", DISTURBED"
	}
	switch {
	case !known:
		return "–", "not measured"
	case p.kind == aimAt && value > p.most:
		return fmt.Sprintf("%.2f", value), "not reached"
	case p.kind == aimAt:
		return fmt.Sprintf("%.2f", value), "reached"
	case p.kind == atLeast && value < p.most, p.kind == atMost && value > p.most:
		return fmt.Sprintf("%.2f", value), "NOT KEPT" + doubt
	}
	return fmt.Sprintf("%.2f", value), kept + doubt
}

// unpunctual says what of packets, gaps and ticks is not as it should be at a shape; empty: all is.
func (c *comparison) unpunctual(s shape) string {
	if fate := broken(c.server.counted(s)); fate != holds {
		return fate
	}
	for _, p := range punctual(s) {
		if measured, verdict := p.judge(c); !strings.HasPrefix(verdict, kept) {
			return fmt.Sprintf("%s: %s", p.what, measured)
		}
	}
	return ""
}

// punctualTo is the highest rung up to which sipconf keeps what is promised at 1,000 legs, and why that is the end.
func (c *comparison) punctualTo() (last, end string) {
	last, end = "–", "not measured"
	for i, s := range c.server.steps(inTens) {
		if i == 0 {
			last, end = "none", "not seen to end"
		}
		if why := c.unpunctual(s); why != "" {
			return last, fmt.Sprintf("ends at %s: %s", s, why)
		}
		last = s.String()
	}
	return last, end
}

// kept has a row for each promise, and one for how far they reach.
func (c *comparison) kept(w io.Writer) {
	fmt.Fprint(w, "## What is promised, and what was measured\n\n| | | promised | measured | |\n|---|---|---|---|---|\n")
	for _, p := range promises() {
		bound := [...]string{atMost: "at most", atLeast: "at least", aimAt: "aim: at most"}[p.kind]
		measured, verdict := p.judge(c)
		fmt.Fprintf(w, "| %s | %s | %s %g | %s | %s |\n", p.what, p.at, bound, p.most, measured, verdict)
	}
	last, end := c.punctualTo()
	fmt.Fprintf(w, "| packets, gaps and ticks are as they should be at %s up to | rooms of ten | aim: %s | %s | %s |\n", rung(promised), rung(aimed), last, end)
	fmt.Fprint(w, "\nThe longest gap, the lost packets and the sound made up (of all legs together) are those of the worst run that counts, the late ticks those of all\n"+
		"of them, the others medians. Packets, gaps and ticks are four rows for that many legs; a run that breaks down is not as it should be, either.\n\n")
}
