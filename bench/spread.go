package main

import (
	"fmt"
	"slices"
)

// spread is a figure of several runs.
type spread struct{ least, median, most float64 }

// spreadOf is that of some values; of the two in the middle the mean. No values are zeros.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return spread{v[0], (v[(len(v)-1)/2] + v[len(v)/2]) / 2, v[len(v)-1]}
}

func (s spread) String() string {
	if s.least == s.most {
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most)
}

// of is one figure of the runs of a shape that count.
func (c *contender) of(s shape, figure func(*report) float64) spread {
	var values []float64
	for _, one := range c.counted(s) {
		if one.report != nil {
			values = append(values, figure(one.report))
		}
	}
	return spreadOf(values)
}

// figures is how many runs of a shape have any.
func (c *contender) figures(s shape) int {
	return int(c.sum(s, func(*report) int64 { return 1 }))
}

func (c *contender) sum(s shape, figure func(*report) int64) (n int64) {
	for _, one := range c.counted(s) {
		if one.report != nil {
			n += figure(one.report)
		}
	}
	return n
}

func cpuOf(r *report) float64 { return r.CPUPerLegTick }

// ratio is how much CPU one takes of the other's at a shape.
func ratio(s shape, of, to *contender) (_ spread, known bool) {
	return byRound(s, of, to, func(a, b float64) float64 { return a / b })
}

// beyond is how much more CPU one takes than the other at a shape, in µs per leg and tick.
func beyond(s shape, of, to *contender) (_ spread, known bool) {
	return byRound(s, of, to, func(a, b float64) float64 { return a - b })
}

// byRound puts the CPU of two beside each other round by round, so that what slows the machine for a while slows both: in the rounds in which it was ours with both, or
// in all, if there is no such round.
func byRound(s shape, of, to *contender, figure func(a, b float64) float64) (_ spread, known bool) {
	var all, ours []float64
	for _, one := range of.at(s) {
		for _, other := range to.at(s) {
			if one.round != other.round || one.report == nil || other.report == nil || other.report.CPUPerLegTick <= 0 {
				continue
			}
			value := figure(one.report.CPUPerLegTick, other.report.CPUPerLegTick)
			all = append(all, value)
			if !one.disturbed() && !other.disturbed() {
				ours = append(ours, value)
			}
		}
	}
	if len(ours) > 0 {
		return spreadOf(ours), true
	}
	return spreadOf(all), len(all) > 0
}
