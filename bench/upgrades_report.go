package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// judge compares with the limits.
func (u *upgrades) judge(l limits, broken func(cond bool, format string, args ...any)) {
	broken(l.lost >= 0 && u.lost() > int64(l.lost), "upgrades: %d packets lost, limit %d", u.lost(), l.lost)
	broken(l.lost >= 0 && u.NotSent > int64(l.lost), "upgrades: %d packets not sent, limit %d", u.NotSent, l.lost)
	broken(u.Duplicates > 0, "upgrades: %d packets twice", u.Duplicates)
	broken(u.ManySSRCs > 0, "upgrades: %d legs heard not exactly one SSRC", u.ManySSRCs)
	broken(u.TSJumps > 0, "upgrades: %d times the timestamps jumped", u.TSJumps)
	broken(u.undisturbed() == 0, "upgrades: none of %d can be judged: the hypervisor gave the machine to others", len(u.Each))
	longest, _ := u.longest()
	broken(l.upgradeGap >= 0 && longest > milliseconds(l.upgradeGap), "upgrades: the longest gap %.1f ms, limit %s", longest, l.upgradeGap)
	broken(l.upgradeMore >= 0 && u.slower() > milliseconds(l.upgradeMore), "upgrades: p99 of the gaps %.1f ms over that of the second before, limit %s", u.slower(), l.upgradeMore)
	broken(l.upgradeTime >= 0 && u.slowest() > milliseconds(l.upgradeTime), "upgrades: one took %.0f ms, limit %s", u.slowest(), l.upgradeTime)
	breaks, _ := u.breaks()
	broken(l.breaks >= 0 && breaks > l.breaks, "upgrades: %d breaks in the tones, limit %d", breaks, l.breaks)
}

// lost is packets lost in both directions.
func (u *upgrades) lost() int64 { return int64(u.LostDown) + max(0, u.LostUp) }

// undisturbed is how many were; in those the p99 is judged.
func (u *upgrades) undisturbed() (n int) {
	for _, one := range u.Each {
		if one.undisturbed() {
			n++
		}
	}
	return n
}

// longest is the longest gap, less what was stolen in that second, for that may have been in it; of the upgrades in which something is left of it, that many.
func (u *upgrades) longest() (ms float64, judged int) {
	for _, one := range u.Each {
		if left := one.During.Max - one.During.Stolen; left > 0 {
			ms, judged = max(ms, left), judged+1
		}
	}
	return ms, judged
}

// slower is by how much the p99 of the gaps was longer in the worst second with an upgrade than in the second before it.
func (u *upgrades) slower() (ms float64) {
	for _, one := range u.Each {
		if one.undisturbed() {
			ms = max(ms, one.During.P99-one.Calm.P99)
		}
	}
	return ms
}

// breaks are those of the tones with an upgrade, and in the second before it, of the upgrades at which the generator was punctual; there were so many.
func (u *upgrades) breaks() (n, punctual int) {
	for _, one := range u.Each {
		if one.punctual() {
			n, punctual = n+one.Calm.Breaks+one.During.Breaks, punctual+1
		}
	}
	return n, punctual
}

// unjudged says what could not be; nothing of nil.
func (u *upgrades) unjudged() string {
	if u != nil {
		if _, punctual := u.breaks(); punctual == 0 {
			return ", but for breaks in the tones, which could not be judged: the generator was late"
		}
	}
	return ""
}

// slowest is the upgrade that took longest.
func (u *upgrades) slowest() (ms float64) {
	for _, one := range u.Each {
		ms = max(ms, one.Took)
	}
	return ms
}

func (s second) String() string {
	return fmt.Sprintf("gaps p50 %.2f ms, p99 %.2f ms, max %.2f ms; %d breaks in the tones; %.2f s made up, %.2f s cut out, %d ticks left out; %d beats of the generator late, %.0f ms stolen from the machine",
		s.P50, s.P99, s.Max, s.Breaks, s.Concealed, s.Discarded, s.Skipped, s.LateBeats, s.Stolen)
}

// rows are those of the report.
func (u *upgrades) rows(row func(name, format string, args ...any)) {
	for i, one := range u.Each {
		row(fmt.Sprintf("upgrade %d", i+1), "%.0f ms, media still for %.1f ms; judged: %s", one.Took, one.Still, one.judged())
		row("  second before", "%s", one.Calm)
		row("  second with it", "%s", one.During)
	}
	row("upgrades, to the phones", "%d packets, lost %d, not sent %d, duplicates %d, late by 20 ms %d, timestamp jumps %d, longest gap %.2f ms; not one SSRC: %d legs",
		u.PacketsHeard, u.LostDown, u.NotSent, u.Duplicates, u.Late, u.TSJumps, u.GapMax, u.ManySSRCs)
	row("upgrades, to the server", "%d packets, %d received by its metrics, lost %d (RTCP reports of %d legs); %.2f s of sound made up, %d ticks left out",
		u.PacketsSent, u.Received, u.LostUp, u.Reporting, u.Concealed, u.TicksSkipped)
	row("upgrades, processes", "%s", u.processes())
	row("upgrades, others", "%d beats of the generator skipped, %.1f %% of a core busy with other things", u.GeneratorSkipped, u.OthersCPU)
}

// processes compares the first with the last.
func (u *upgrades) processes() string {
	return fmt.Sprintf("the first has %d KiB, %d files, %d threads and %d goroutines, the last %d KiB, %d files, %d threads and %d goroutines",
		u.First.RSS>>10, u.First.Files, u.First.Threads, u.Routines[0], u.Final.RSS>>10, u.Final.Files, u.Final.Threads, u.Routines[1])
}

// doubtful says that the generator or the machine was too busy for the figures to be the server's.
func (u *upgrades) doubtful() bool { return u.GeneratorSkipped > 0 || u.OthersCPU > othersMost }

// saveReport writes a report for a comparison to come.
func saveReport(path string, r *report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(path, append(b, '\n'), 0o644)
	}
	return err
}

// readReport reads what saveReport has written; a report without upgrades is an error.
func readReport(path string) (*report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &report{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Upgrades == nil {
		return nil, fmt.Errorf("%s tells of no upgrades", path)
	}
	return r, nil
}

// writeChapter writes the chapter about upgrades by itself.
func (r *report) writeChapter(path string, args []string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# sipconf is replaced while all speak\n\nWritten by `go run ./bench %s`, %s; do not edit.\n%s; the generator runs on the same cores.\n"+
		"[README.md](README.md#upgrades) says what each figure is.\n\n", strings.Join(args, " "), time.Now().Format("2006-01-02 15:04"), machine())
	r.upgraded(&b)
	plot := picture{"upgrades.svg", plotUpgrades(r.Upgrades)}
	fmt.Fprintf(&b, "![%s](plots/%s)\n", plot.chart.title, plot.file)
	if err := draw(filepath.Join(filepath.Dir(path), "plots"), []picture{plot}); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// upgraded is the chapter of the report about upgrades.
func (r *report) upgraded(w io.Writer) {
	u := r.Upgrades
	breaks, punctual := u.breaks()
	longest, left := u.longest()
	fmt.Fprintf(w, "## Upgrade while all speak\n\n%d legs in %d rooms, all speaking; the server is replaced %d times in a row by `sipconf ctl upgrade --wait`. "+
		"Their p99 is judged where the hypervisor has left us the machine, in both seconds: in %d of them. "+
		"Breaks in the tones are the server's where the generator's own packets were on time, too, also in the %v before: in %d.\n\n",
		r.Legs, r.Rooms, len(u.Each), u.undisturbed(), settleTime, punctual)
	if u.doubtful() {
		fmt.Fprintf(w, "CAUTION: %.0f %% of a core was busy with other things, and the generator left out %d beats. Repeat the run on an idle machine before you believe it.\n\n",
			u.OthersCPU, u.GeneratorSkipped)
	}
	fmt.Fprint(w, "| | promised | measured | judged upgrades | |\n|---|---|---|---|---|\n")
	for _, one := range []struct {
		what     string
		most     float64
		measured float64
		judged   int // upgrades
	}{
		{"packets lost, in both directions", 0, float64(u.lost()), len(u.Each)},
		{"packets not sent", 0, float64(u.NotSent), len(u.Each)},
		{"packets twice, timestamps that jump, second SSRCs", 0, float64(u.Duplicates+u.TSJumps) + float64(u.ManySSRCs), len(u.Each)},
		{"calls dropped", 0, float64(len(r.Dropped)), len(u.Each)},
		{"longest gap in the seconds with an upgrade, less what was stolen in them, ms", 60, longest, left},
		{"p99 of the gaps beyond that of the second before, the worst, ms", 5, u.slower(), u.undisturbed()},
		{"breaks in the tones in all ears, also in the seconds before", 0, float64(breaks), punctual},
		{"from the command until its end, the slowest, ms", 1000, u.slowest(), len(u.Each)},
	} {
		measured, verdict := fmt.Sprintf("%.4g", one.measured), kept
		switch {
		case one.judged == 0:
			measured, verdict = "–", "NOT JUDGED"
		case one.measured > one.most:
			verdict = "NOT KEPT"
		}
		fmt.Fprintf(w, "| %s | at most %g | %s | %d of %d | %s |\n", one.what, one.most, measured, one.judged, len(u.Each), verdict)
	}
	fmt.Fprint(w, "\n| | took, ms | media still, ms | | gaps p50, ms | p99, ms | longest, ms | breaks in the tones | sound made up, s | cut out, s | late beats of the generator | stolen from the machine, ms | judged |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i, one := range u.Each {
		fmt.Fprintf(w, "| upgrade %d | %.0f | %.1f | with it | %s | %s |\n| | | | the second before | %s | |\n", i+1, one.Took, one.Still, one.During.cells(), one.judged(), one.Calm.cells())
	}
	fmt.Fprintf(w, "\nFrom before the first until after the last: %d packets to the phones, and %d to the server, of %d legs by its RTCP.\nOf the processes %s.\n\n",
		u.PacketsHeard, u.PacketsSent, u.Reporting, u.processes())
}

func (s second) cells() string {
	return fmt.Sprintf("%.2f | %.2f | %.2f | %d | %.2f | %.2f | %d | %.0f", s.P50, s.P99, s.Max, s.Breaks, s.Concealed, s.Discarded, s.LateBeats, s.Stolen)
}

// judged is what of an upgrade is.
func (u *upgrade) judged() string {
	switch {
	case !u.undisturbed():
		return "no p99, no breaks"
	case !u.punctual():
		return "no breaks"
	}
	return "all"
}

// plotUpgrades puts the gaps with and without an upgrade side by side.
func plotUpgrades(u *upgrades) *chart {
	plot := &chart{title: "Time between two packets to a phone, with and without an upgrade", x: axis{name: "ms", from: 15, to: 80},
		y: axis{name: "share that is longer", from: 1e-5, to: 1, log: true, percent: true}}
	for hue, one := range []struct {
		name string
		of   distribution
	}{{"the seconds before", u.Calm}, {"the seconds with an upgrade", u.During}} {
		plot.add(series{one.name, one.of.longer(), true, 2 * hue})
	}
	return plot
}

// longer is the share of the gaps that are longer, at the end of each step.
func (d distribution) longer() (at []point) {
	left := float64(d.Packets)
	for i, step := range d.Steps {
		if i == 0 {
			at = append(at, point{step[0] - 0.25, 1})
		}
		left -= step[1]
		at = append(at, point{step[0], left / float64(d.Packets)})
	}
	return at
}
