package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// table has a row for each contender and shape: the median of its runs, and the least and the most.
func (c *comparison) table(w io.Writer) {
	fmt.Fprint(w, "## Figures\n\n| | | CPU, µs per leg and tick | gaps p99, ms | mouth to ear p50, ms | p99, ms | lost | not sent | memory, KiB per leg | wrong tones | runs | |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, s := range c.shapes() {
		for _, one := range c.contenders {
			if runs := one.counted(s); len(runs) > 0 {
				fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", s, one.name, one.cells(s), one.standing(s), broken(runs))
			}
		}
	}
	fmt.Fprint(w, "\nThe median of the runs that count, and in brackets the least and the most; lost, not sent and wrong tones are sums over them.\n"+
		"Rows by their legs alone are rungs: rooms of ten, all speaking.\n\n")
}

// cells are the figures of one row.
func (c *contender) cells(s shape) string {
	if c.figures(s) == 0 {
		return strings.Repeat("– | ", 7) + "–"
	}
	p50, p99, wrong := "–", "–", "–"
	if c.sum(s, func(r *report) int64 { return int64(r.Beeps) }) > 0 {
		p50 = c.of(s, func(r *report) float64 { return r.EarP50 }).String()
		p99 = c.of(s, func(r *report) float64 { return r.EarP99 }).String()
	}
	if c.calls {
		wrong = fmt.Sprint(c.sum(s, func(r *report) int64 { return int64(r.Tones.wrong()) }))
	}
	return fmt.Sprintf("%s | %s | %s | %s | %d | %d | %s | %s", c.of(s, cpuOf), c.of(s, func(r *report) float64 { return r.GapP99 }), p50, p99,
		c.sum(s, (*report).lost), c.sum(s, func(r *report) int64 { return r.NotSent }),
		c.of(s, func(r *report) float64 { return float64(r.RSSPerLeg) / 1024 }), wrong)
}

// standing says how many of the runs count.
func (c *contender) standing(s shape) string {
	counted, all := c.counted(s), len(c.at(s))
	switch {
	case counted[0].disturbed():
		return fmt.Sprintf("%d, all DISTURBED", all)
	case len(counted) < all:
		return fmt.Sprintf("%d of %d", len(counted), all)
	}
	return fmt.Sprint(all)
}

const holds = "holds"

// broken says how many of the runs broke down, and why the last of them.
func broken(runs []outcome) string {
	n, why := 0, ""
	for _, one := range runs {
		if one.broke == "" {
			continue
		}
		n++
		if why = one.broke; one.disturbed() {
			why += " (in doubt)"
		}
	}
	if n == 0 {
		return holds
	}
	return fmt.Sprintf("broken in %d of %d: %s", n, len(runs), why)
}

func (c *comparison) ratios(w io.Writer) {
	server, bare, floor, bridge := c.server, c.bare, c.floor, c.bridge
	fmt.Fprint(w, "## Ratios of CPU, round by round\n\n| | sipconf / bare loop | sipconf / floor | ConfBridge / sipconf |\n|---|---|---|---|\n")
	for _, s := range c.shapes() {
		cells := [3]string{"not measured", "not measured", "not measured"}
		for i, pair := range [][2]*contender{{server, bare}, {server, floor}, {bridge, server}} {
			if r, known := ratio(s, pair[0], pair[1]); known {
				cells[i] = r.String()
			}
		}
		if _, held := bridge.heldCPU(s); !held && len(bridge.at(s)) > 0 {
			cells[2] += " (broken down)"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", s, cells[0], cells[1], cells[2])
	}
	fmt.Fprint(w, "\nWhat one takes that has broken down says nothing.")
	for _, s := range []shape{alone, idle} {
		if us, known := beyond(s, server, floor); known {
			fmt.Fprintf(w, "\nAt %s a room takes %s µs a tick beyond the packets of its one leg, which is %.1f %% of a core for all.",
				s, us, 100*us.median*float64(s.rooms)/20_000)
		}
	}
	fmt.Fprint(w, "\n\n")
}

// late has a row for each shape: how late the ticks of sipconf began and what it made up, by its own metrics.
func (c *comparison) late(w io.Writer) {
	fmt.Fprint(w, "## Tick lateness of sipconf, and the sound that it made up\n\n| | ticks | later than 1 ms | 5 ms | 10 ms | 20 ms | sound made up | cut out |\n"+
		"|---|---|---|---|---|---|---|---|\n")
	for _, s := range c.shapes() {
		sum := c.server.lateness(s)
		if sum.ticks == 0 {
			continue
		}
		fmt.Fprintf(w, "| %s | %d |", s, sum.ticks)
		for _, bound := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond} {
			share := "–"
			if i := slices.Index(sum.bounds, bound); i >= 0 {
				share = fmt.Sprintf("%.3g %%", 100*sum.later(i))
			}
			fmt.Fprintf(w, " %s |", share)
		}
		made := c.server.sum(s, func(r *report) int64 { return int64(r.metrics.concealed) })
		cut := c.server.sum(s, func(r *report) int64 { return int64(r.metrics.discarded) })
		fmt.Fprintf(w, " %.2f s | %.2f s |\n", time.Duration(made).Seconds(), time.Duration(cut).Seconds())
	}
	fmt.Fprint(w, "\nOf all its loops that have rooms, while all speak. Sound is made up when none has come, and cut out to keep the delay short: of\n"+
		"all legs and the runs that count together.\n\n")
}

// single has a row for each run, with what makes it doubtful.
func (c *comparison) single(w io.Writer) {
	fmt.Fprint(w, "## Each run\n\n| round | | | CPU, µs per leg and tick | gaps p99 / max, ms | tones missing, own, foreign | beeps missed | generator: CPU, beats skipped | rest of the machine | stolen, then or of the whole run | |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
	for round := 1; round <= c.last(); round++ {
		for _, step := range c.round {
			for _, one := range step.contender.at(step.shape) {
				if one.round == round {
					fmt.Fprintf(w, "| %d | %s | %s | %s |\n", round, step.shape, step.contender.name, one.row())
				}
			}
		}
	}
}

func (o *outcome) row() string {
	r := o.report
	if r == nil {
		return strings.Repeat("– | ", 6) + fmt.Sprintf("%.1f %% | %s", o.stolen, o.notes())
	}
	return fmt.Sprintf("%.2f | %.1f / %.1f | %d, %d, %d | %d | %.0f %%, %d | %.0f %% of a core | %.1f %% | %s", r.CPUPerLegTick, r.GapP99, r.GapMax,
		r.Tones.Missing, r.Tones.Own, r.Tones.Foreign, r.BeepsMissed, r.GeneratorCPU, r.GeneratorSkipped, r.OthersCPU, max(o.stolen, r.StolenCPU), o.notes())
}

// notes say why it broke down, and what makes it doubtful.
func (o *outcome) notes() string {
	notes := o.broke
	if o.disturbed() {
		notes += "; DISTURBED"
	}
	if o.report != nil && o.report.GeneratorSkipped > 0 {
		notes += "; CAUTION: the generator fell behind"
	}
	return strings.TrimPrefix(notes, "; ")
}
