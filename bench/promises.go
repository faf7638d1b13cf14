package main

import (
	"fmt"
	"io"
	"math"
	"time"
)

// promise is something that sipconf is to keep under a load.
type promise struct {
	what    string
	at      shape
	most    float64 // or the least, where more is better
	least   bool
	measure func(c *comparison, s shape) (_ float64, known bool)
}

// promises are what the ladder is judged by: the medians, except where a single one would be noticed.
func promises() []promise {
	thousand, two := rung(1000), rung(200)
	medianOf := func(figure func(*report) float64) func(*comparison, shape) (float64, bool) {
		return func(c *comparison, s shape) (float64, bool) {
			return c.contenders[0].of(s, figure).median, c.contenders[0].figures(s) > 0
		}
	}
	worstOf := func(figure func(*report) float64) func(*comparison, shape) (float64, bool) {
		return func(c *comparison, s shape) (float64, bool) {
			return c.contenders[0].of(s, figure).most, c.contenders[0].figures(s) > 0
		}
	}
	ratioOf := func(of, to int) func(*comparison, shape) (float64, bool) {
		return func(c *comparison, s shape) (float64, bool) {
			r, known := ratio(s, c.contenders[of], c.contenders[to])
			return r.median, known
		}
	}
	lost := worstOf(func(r *report) float64 { return float64(r.lost() + r.NotSent) })
	memory := medianOf(func(r *report) float64 { return float64(r.RSSPerLeg) / 1024 })
	return []promise{
		{"CPU, µs per leg and tick", two, 15, false, medianOf(cpuOf)},
		{"CPU as a multiple of the floor's", thousand, 1.3, false, ratioOf(0, 1)},
		{"ConfBridge's CPU, at however many legs it costs least, as a multiple of sipconf's", thousand, 8, true, dearer},
		{"packets lost or not sent", thousand, 0, false, lost},
		{"gaps p99, ms", thousand, 25, false, medianOf(func(r *report) float64 { return r.GapP99 })},
		{"longest gap, ms", thousand, 60, false, worstOf(func(r *report) float64 { return r.GapMax })},
		{"ticks that begin more than 5 ms late, %", thousand, 1, false, lateTicks},
		{"memory, KiB per leg", two, 48, false, memory},
		{"memory, KiB per leg", thousand, 48, false, memory},
		{"mouth to ear p50 without the packet, ms", two, 20, false, medianOf(func(r *report) float64 { return r.EarP50 - 20 })},
		{"mouth to ear p99 without the packet, ms", two, 35, false, medianOf(func(r *report) float64 { return r.EarP99 - 20 })},
	}
}

// dearer is how much more a leg of the ConfBridge costs than one of sipconf at that shape. The ConfBridge does not hold a thousand legs, so it is
// its cheapest rung of the same round, also one at which it breaks down.
func dearer(c *comparison, s shape) (times float64, known bool) {
	var values []float64
	for _, ours := range c.contenders[0].at(s) {
		least := math.Inf(1)
		for _, its := range c.contenders[2].runs {
			if its.shape.rung && its.round == ours.round && its.report != nil && its.report.CPUPerLegTick > 0 {
				least = min(least, its.report.CPUPerLegTick)
			}
		}
		if ours.report != nil && ours.report.CPUPerLegTick > 0 && !math.IsInf(least, 1) {
			values = append(values, least/ours.report.CPUPerLegTick)
		}
	}
	return spreadOf(values).median, len(values) > 0
}

// lateTicks is the share of sipconf's ticks in percent.
func lateTicks(c *comparison, s shape) (percent float64, known bool) {
	sum := c.contenders[0].lateness(s)
	for i, bound := range sum.bounds {
		if bound == 5*time.Millisecond && sum.ticks > 0 {
			return 100 * sum.later(i), true
		}
	}
	return 0, false
}

// kept has a row for each promise.
func (c *comparison) kept(w io.Writer) {
	fmt.Fprint(w, "## What is promised, and what was measured\n\n| | | promised | measured | |\n|---|---|---|---|---|\n")
	for _, p := range promises() {
		bound, measured, verdict := "at most", "–", "not measured"
		if p.least {
			bound = "at least"
		}
		if value, known := p.measure(c, p.at); known {
			measured, verdict = fmt.Sprintf("%.2f", value), "kept"
			if p.least && value < p.most || !p.least && value > p.most {
				verdict = "NOT KEPT"
			}
		}
		fmt.Fprintf(w, "| %s | %s | %s %g | %s | %s |\n", p.what, p.at, bound, p.most, measured, verdict)
	}
	fmt.Fprint(w, "\nThe longest gap and the lost packets are those of the worst run, the late ticks those of all runs, the others medians.\n\n")
}
