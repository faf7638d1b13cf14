package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// spread is a figure of several runs.
type spread struct{ least, median, most float64 }

// spreadOf is that of some values; the lower one of the two in the middle. No values are zeros.
func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	return spread{v[0], v[(len(v)-1)/2], v[len(v)-1]}
}

func (s spread) String() string {
	if s.least == s.most {
		return fmt.Sprintf("%.2f", s.median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", s.median, s.least, s.most)
}

// of is one figure of all runs.
func (c *contender) of(figure func(*report) float64) spread {
	var values []float64
	for _, r := range c.runs {
		values = append(values, figure(r))
	}
	return spreadOf(values)
}

// ratio is how much CPU one takes of the other's, round by round, so that what slows the machine for a while slows both.
func ratio(of, to *contender) (s spread, known bool) {
	var values []float64
	for i, r := range of.runs {
		if j := slices.Index(to.round, of.round[i]); j >= 0 && to.runs[j].CPUPerLegTick > 0 {
			values = append(values, r.CPUPerLegTick/to.runs[j].CPUPerLegTick)
		}
	}
	return spreadOf(values), len(values) > 0
}

// save writes the report to its file and its tables to the standard output.
func (c *comparison) save() error {
	var b bytes.Buffer
	c.write(&b)
	if err := os.MkdirAll(filepath.Dir(c.o.report), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(c.o.report, b.Bytes(), 0o644); err != nil {
		return err
	}
	_, err := os.Stdout.Write(b.Bytes())
	say("written to %s", c.o.report)
	return err
}

// write is the report.
func (c *comparison) write(w io.Writer) {
	o := c.o
	fmt.Fprintf(w, "# sipconf, the bare loop and ConfBridge under one load\n\n")
	fmt.Fprintf(w, "Written by `go run ./bench -compare -legs %d -rooms %d -talkers %d -rounds %d -time %s -bursts %d` in %s; do not edit.\n\n",
		o.legs, o.rooms, o.talkers, o.rounds, o.time, o.bursts, time.Since(c.begun).Round(time.Second))
	fmt.Fprintf(w, "%s, load average before it %s; %s. %d legs in %d rooms, up to %d speak in each. The three run one after\n"+
		"the other, round by round, with the generator on the same cores, over loopback.\n\n",
		c.begun.Format("2006-01-02 15:04"), c.load, machine(), o.legs, o.rooms, o.talkers)
	c.table(w)
	c.ratios(w)
	c.single(w)
}

// table has a row for each contender: the median of its runs, and the least and the most.
func (c *comparison) table(w io.Writer) {
	fmt.Fprint(w, "| | CPU, µs per leg and tick | gaps p99, ms | mouth to ear p50, ms | p99, ms | lost | not sent | memory, KiB per leg | wrong tones |\n"+
		"|---|---|---|---|---|---|---|---|---|\n")
	for _, one := range c.contenders {
		if len(one.runs) == 0 {
			fmt.Fprintf(w, "| %s | – | – | – | – | – | – | – | – |\n", one.name)
			continue
		}
		p50, p99, wrong := "–", "–", "–"
		if one.calls {
			p50 = one.of(func(r *report) float64 { return r.EarP50 }).String()
			p99 = one.of(func(r *report) float64 { return r.EarP99 }).String()
			wrong = fmt.Sprint(one.sum(func(r *report) int64 { return int64(r.Tones.wrong()) }))
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %d | %d | %s | %s |\n", one.name,
			one.of(func(r *report) float64 { return r.CPUPerLegTick }), one.of(func(r *report) float64 { return r.GapP99 }), p50, p99,
			one.sum((*report).lost), one.sum(func(r *report) int64 { return r.NotSent }),
			one.of(func(r *report) float64 { return float64(r.RSSPerLeg) / 1024 }), wrong)
	}
	if doubtful, all := c.doubtful(); doubtful > 0 {
		fmt.Fprintf(w, "\nCAUTION: in %d of %d runs the machine was too busy with other things, or the generator fell behind. They are in\n"+
			"these figures; repeat the comparison on an idle machine before you believe them.\n", doubtful, all)
	}
	fmt.Fprint(w, "\nThe median of the runs, and in brackets the least and the most; lost, not sent and wrong tones are sums over all runs.\n"+
		"[README.md](README.md) says what each figure is.\n\n")
	for _, one := range c.contenders {
		fmt.Fprintf(w, "- %s: %s.", one.name, one.about)
		if one.fault != "" {
			fmt.Fprintf(w, " It %s", strings.ReplaceAll(one.fault, "\n", "; "))
		}
		fmt.Fprintln(w)
	}
}

// doubtful counts the runs that are, and all.
func (c *comparison) doubtful() (doubtful, all int) {
	for _, one := range c.contenders {
		for _, r := range one.runs {
			if all++; r.doubtful() {
				doubtful++
			}
		}
	}
	return doubtful, all
}

func (c *contender) sum(figure func(*report) int64) (n int64) {
	for _, r := range c.runs {
		n += figure(r)
	}
	return n
}

func (c *comparison) ratios(w io.Writer) {
	server, floor, bridge := c.contenders[0], c.contenders[1], c.contenders[2]
	fmt.Fprint(w, "\n## Ratios of CPU, round by round\n\n| | median and range |\n|---|---|\n")
	for _, pair := range [][2]*contender{{server, floor}, {bridge, server}} {
		if s, known := ratio(pair[0], pair[1]); known {
			fmt.Fprintf(w, "| %s / %s | %s |\n", pair[0].name, pair[1].name, s)
		} else {
			fmt.Fprintf(w, "| %s / %s | not measured |\n", pair[0].name, pair[1].name)
		}
	}
	fmt.Fprintln(w)
}

// single has a row for each run, with what makes it doubtful.
func (c *comparison) single(w io.Writer) {
	fmt.Fprint(w, "## Each run\n\n| round | | CPU, µs per leg and tick | gaps p99 / max, ms | beeps missed | generator: CPU, beats skipped | rest of the machine | |\n"+
		"|---|---|---|---|---|---|---|---|\n")
	for round := 1; round <= c.o.rounds; round++ {
		for _, one := range c.contenders {
			i := slices.Index(one.round, round)
			if i < 0 {
				continue
			}
			r, doubt := one.runs[i], ""
			if r.doubtful() {
				doubt = "CAUTION: too busy"
			}
			fmt.Fprintf(w, "| %d | %s | %.2f | %.1f / %.1f | %d | %.0f %%, %d | %.0f %% of a core | %s |\n", round, one.name,
				r.CPUPerLegTick, r.GapP99, r.GapMax, r.BeepsMissed,
				r.GeneratorCPU, r.GeneratorSkipped, r.OthersCPU, doubt)
		}
	}
}

// machine says what the figures were taken on.
func machine() string {
	model := ""
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value) + ", "
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	commit := "an unknown commit"
	if b, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		commit = strings.TrimSpace(string(b))
	}
	return fmt.Sprintf("%s on %d processors, %s%s %s, %s", commit, runtime.NumCPU(), model, runtime.GOOS,
		strings.TrimSpace(string(kernel)), runtime.Version())
}

// loadAverage is that of the last minute, five and fifteen; "unknown" without /proc.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(b)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return "unknown"
}
