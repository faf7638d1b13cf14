package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// picture is a plot and the file that it goes to, in the folder plots beside the report.
type picture struct {
	file  string
	chart *chart
}

// pictures are all plots of a comparison; those for which nothing was measured are left out.
func (c *comparison) pictures() (all []picture) {
	candidates := []picture{
		{"cpu.svg", c.plotCPU()}, {"ear.svg", c.plotEars()}, {"gaps.svg", c.plotGaps()},
		{"lateness.svg", c.plotLateness()}, {"shapes.svg", c.plotShapes()},
	}
	if c.upgraded != nil {
		candidates = append(candidates, picture{"upgrades.svg", plotUpgrades(c.upgraded.Upgrades)})
	}
	for _, one := range candidates {
		if len(one.chart.series) > 0 {
			all = append(all, one)
		}
	}
	return all
}

// draw writes the plots into a folder.
func draw(dir string, pictures []picture) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, one := range pictures {
		if err := os.WriteFile(filepath.Join(dir, one.file), one.chart.svg(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (c *comparison) plotCPU() *chart {
	plot := &chart{title: "CPU per leg and tick of 20 ms", x: axis{name: "legs, in rooms of ten", from: 40, to: 3000, log: true},
		y: axis{name: "µs", from: 2, to: 200, log: true}, limits: []limit{{"the limit of 200 legs", 15}}}
	for i, one := range c.contenders {
		line := series{name: one.name, hue: i}
		for _, s := range c.rungs() {
			if cpu, held := one.heldCPU(s); held {
				line.at = append(line.at, point{float64(s.legs), cpu})
			}
		}
		if end, _, ended := one.ends(inTens); ended {
			line.name += ", broken at " + end.String()
		}
		plot.add(line)
	}
	return plot
}

// heldCPU is the median of the runs in which a contender held: what one takes that has broken down says nothing.
func (c *contender) heldCPU(s shape) (us float64, held bool) {
	var values []float64
	for _, one := range c.counted(s) {
		if one.broke == "" && one.report != nil {
			values = append(values, one.report.CPUPerLegTick)
		}
	}
	return spreadOf(values).median, len(values) > 0
}

// plotEars and plotGaps look at one shape, the one nearest to the 200 legs that we promise.
func (c *comparison) plotEars() *chart {
	plot := &chart{title: "Mouth to ear, " + c.looked().String(), x: axis{name: "ms; 20 of them the packet", from: 0, to: 120},
		y: axis{name: "share heard by then", to: 1, percent: true}}
	for i, one := range c.contenders {
		if h := one.histogram(c.looked(), func(r *report) *phone.Histogram { return &r.ears }); h.Count > 0 {
			plot.add(series{one.name, cumulative(h), true, i})
		}
	}
	return plot
}

func (c *comparison) plotGaps() *chart {
	plot := &chart{title: "Time between two packets to a phone, " + c.looked().String(), x: axis{name: "ms", from: 15, to: 80},
		y: axis{name: "share that is longer", from: 1e-5, to: 1, log: true, percent: true}}
	for i, one := range c.contenders {
		if h := one.histogram(c.looked(), func(r *report) *phone.Histogram { return &r.gaps }); h.Count > 0 {
			line := series{one.name, nil, true, i}
			for _, p := range cumulative(h) {
				line.at = append(line.at, point{p.x, max(0, 1-p.y)})
			}
			plot.add(line)
		}
	}
	return plot
}

// plotLateness has a line for each rung.
func (c *comparison) plotLateness() *chart {
	plot := &chart{title: "How late the ticks of sipconf begin", x: axis{name: "ms after their time", from: 0.1, to: 40, log: true},
		y: axis{name: "share that is later", from: 1e-5, to: 1, log: true, percent: true}}
	for hue, s := range c.rungs() {
		sum := c.server.lateness(s)
		line := series{name: s.String(), hue: hue}
		for i, bound := range sum.bounds {
			line.at = append(line.at, point{milliseconds(bound), sum.later(i)})
		}
		plot.add(line)
	}
	return plot
}

func (c *comparison) plotShapes() *chart {
	plot := &chart{title: "CPU per leg and tick of 20 ms, by the shape of the rooms", y: axis{name: "µs", to: 1}}
	var at []shape
	for _, s := range c.shapes() {
		if !s.rung || s.legs == 1000 {
			at, plot.names = append(at, s), append(plot.names, strings.Replace(s.seats(), " of ", ", of ", 1))
		}
	}
	for hue, one := range c.contenders {
		bars := series{name: one.name, hue: hue}
		for i, s := range at {
			y := math.NaN()
			if cpu, held := one.heldCPU(s); held {
				y, plot.y.to = cpu, max(plot.y.to, 1.15*cpu)
			}
			bars.at = append(bars.at, point{float64(i), y})
		}
		if slices.ContainsFunc(bars.at, func(p point) bool { return !math.IsNaN(p.y) }) {
			plot.add(bars)
		}
	}
	return plot
}

// add leaves out a series that has no points.
func (c *chart) add(s series) {
	if len(s.at) > 0 {
		c.series = append(c.series, s)
	}
}

// cumulative is the share of all durations that are not longer, at the end of each step.
func cumulative(h *phone.Histogram) (at []point) {
	var seen uint64
	for d, n := range h.Steps() {
		if seen == 0 {
			at = append(at, point{milliseconds(d - 250*time.Microsecond), 0})
		}
		seen += n
		at = append(at, point{milliseconds(d), float64(seen) / float64(h.Count)})
	}
	return at
}

// histogram is all that the runs of a shape that count have counted.
func (c *contender) histogram(s shape, of func(*report) *phone.Histogram) *phone.Histogram {
	var sum phone.Histogram
	for _, one := range c.counted(s) {
		if one.report != nil {
			sum.Merge(of(one.report))
		}
	}
	return &sum
}

// lateness is that of the runs of a shape that count.
func (c *contender) lateness(s shape) (sum lateness) {
	for _, one := range c.counted(s) {
		if one.report != nil {
			sum = sum.plus(one.report.metrics.lateness)
		}
	}
	return sum
}

// shapes are those of which anybody has a run, in the ladder's order.
func (c *comparison) shapes() (all []shape) {
	for _, s := range c.round {
		if ran := func(one *contender) bool { return len(one.at(s.shape)) > 0 }; !slices.Contains(all, s.shape) && slices.ContainsFunc(c.contenders, ran) {
			all = append(all, s.shape)
		}
	}
	return all
}

// rungs are the shapes that are rungs.
func (c *comparison) rungs() []shape {
	return slices.DeleteFunc(c.shapes(), func(s shape) bool { return !s.rung })
}

// looked is the shape whose distributions are drawn: of those that ran, the one nearest to 200 legs.
func (c *comparison) looked() (best shape) {
	distance := func(s shape) int { return max(s.legs-200, 200-s.legs) }
	for i, s := range c.shapes() {
		if i == 0 || distance(s) < distance(best) {
			best = s
		}
	}
	return best
}
