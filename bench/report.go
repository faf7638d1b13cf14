package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// limits are what a run must keep; a negative one is not looked at.
type limits struct {
	wrong   int           // wrong tones
	lost    int           // packets, both ways
	gap     time.Duration // p99 between packets
	cpu     float64       // us per leg and tick
	ear     time.Duration // p99 from mouth to ear
	perLeg  int           // resident bytes per leg
	missed  int           // beeps not heard exactly once
	leaking int           // files open after the hang-up beyond those before

	upgradeGap  time.Duration // between packets, the longest while the server is replaced
	upgradeMore time.Duration // p99 between packets, beyond that of the second before
	upgradeTime time.Duration
	breaks      int // of the tones, in the seconds with an upgrade
}

func (l *limits) flags(f *flag.FlagSet) {
	f.IntVar(&l.wrong, "limit-wrong", 0, "wrong, missing or own tones")
	f.IntVar(&l.lost, "limit-lost", 0, "packets lost in both directions")
	f.DurationVar(&l.gap, "limit-gap", 30*time.Millisecond, "p99 of the time between packets")
	f.Float64Var(&l.cpu, "limit-cpu", 15, "microseconds of server CPU per leg and 20 ms tick")
	f.DurationVar(&l.ear, "limit-ear", -1, "p99 of the time from mouth to ear")
	f.IntVar(&l.missed, "limit-missed", 0, "beeps not heard exactly once")
	f.IntVar(&l.perLeg, "limit-rss", -1, "bytes of server memory per leg")
	f.DurationVar(&l.upgradeGap, "limit-upgrade-gap", 60*time.Millisecond, "longest time between packets while the server is replaced")
	f.DurationVar(&l.upgradeMore, "limit-upgrade-p99", 5*time.Millisecond, "p99 of the time between packets in a second with an upgrade beyond that of the second before")
	f.DurationVar(&l.upgradeTime, "limit-upgrade-time", time.Second, "time that an upgrade takes")
	f.IntVar(&l.breaks, "limit-breaks", 0, "breaks in the tones in the seconds with an upgrade")
	f.IntVar(&l.leaking, "limit-files", -1, "files left open by the server after all have hung up")
}

// report is the outcome of a run. Times are milliseconds.
type report struct {
	Legs, Rooms, Talkers int
	Seconds              float64
	Level                float64 // of each talker, dBFS

	SetupP50, SetupMax float64
	Dropped            []string

	Tones verdict

	PacketsHeard, LostDown, Duplicates, Late, TSJumps uint64
	NotSent                                           int64 // packets that 50 per second and leg would have been more: ticks that the server left out
	PacketsSent                                       uint64
	LostUp                                            int64 // as the server's RTCP reports it
	Reporting                                         int   // legs about which it has reported
	GapP50, GapP99, GapMax                            float64

	EarP50, EarP99, EarMax float64
	Beeps                  uint64
	BeepsMissed            int

	Measured                                 bool // the server's process is known
	CPUPercent, SystemPercent, CPUPerLegTick float64
	RSSEmpty, RSSFull, RSSLeft               int64
	RSSPerLeg                                int64
	FilesEmpty, FilesFull, Files             int
	ThreadsFull                              int
	Shutdown                                 float64
	UncleanStop                              bool
	GeneratorCPU, GeneratorLate              float64
	OthersCPU                                float64 // of a core: what else ran on this machine, and what the hypervisor took
	StolenCPU                                float64 // what of that the hypervisor took
	GeneratorSkipped                         uint64
	Broken                                   []string // limits that were broken

	Upgrades *upgrades `json:",omitempty"`

	gaps, ears phone.Histogram
	metrics    metrics // of the server, while all speak
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// packets sums up what all legs counted.
func (r *report) packets(legs []*leg, span time.Duration) {
	var setups []time.Duration
	for _, leg := range legs {
		h := leg.call.Heard()
		r.PacketsHeard += h.Packets
		r.LostDown += h.Lost
		r.Duplicates += h.Duplicates
		r.Late += h.Late
		r.TSJumps += h.TSJumps
		r.gaps.Merge(&h.Gaps)
		r.PacketsSent += leg.call.Sent()
		if h.RTCP.Reported {
			r.Reporting++
			r.LostUp += int64(h.RTCP.Lost)
		}
		setups = append(setups, leg.setup)
	}
	r.NotSent = missing(span, len(legs), r.PacketsHeard+r.LostDown)
	r.GapP50, r.GapP99, r.GapMax = milliseconds(r.gaps.Quantile(0.5)), milliseconds(r.gaps.Quantile(0.99)), milliseconds(r.gaps.Max)
	slices.Sort(setups)
	r.SetupP50, r.SetupMax = milliseconds(setups[len(setups)/2]), milliseconds(setups[len(setups)-1])
}

func (r *report) cpu(used, system, span time.Duration) {
	r.Measured = true
	r.CPUPercent = 100 * used.Seconds() / span.Seconds()
	r.SystemPercent = 100 * system.Seconds() / span.Seconds()
	ticks := span.Seconds() * 50
	r.CPUPerLegTick = float64(used.Microseconds()) / ticks / float64(r.Legs)
}

func (r *report) memory(empty, full, left usage) {
	r.RSSEmpty, r.RSSFull, r.RSSLeft = empty.RSS, full.RSS, left.RSS
	r.RSSPerLeg = (full.RSS - empty.RSS) / int64(r.Legs)
	r.FilesEmpty, r.FilesFull, r.Files = empty.Files, full.Files, left.Files
	r.ThreadsFull = full.Threads
}

func (r *report) beeps(times *phone.Histogram, missed int) {
	r.ears, r.Beeps, r.BeepsMissed = *times, times.Count, missed
	r.EarP50, r.EarP99, r.EarMax = milliseconds(times.Quantile(0.5)), milliseconds(times.Quantile(0.99)), milliseconds(times.Max)
}

// lost is packets lost in both directions.
func (r *report) lost() int64 { return int64(r.LostDown) + max(0, r.LostUp) }

// In percent of a core: how much something else may need, the hypervisor included, and how much that may take. It gives a processor back after many milliseconds,
// by which everybody is late.
const (
	othersMost = 10
	stolenMost = 3
)

// doubtful says that the generator or the machine was too busy for the figures to be the server's.
func (r *report) doubtful() bool {
	return r.GeneratorSkipped > 0 || r.disturbed() || r.Upgrades != nil && r.Upgrades.doubtful()
}

// disturbed says that the machine was not ours while all spoke.
func (r *report) disturbed() bool { return r.OthersCPU > othersMost || r.StolenCPU > stolenMost }

// judge compares the report with the limits.
func (r *report) judge(l limits) {
	broken := func(cond bool, format string, args ...any) {
		if cond {
			r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
		}
	}
	lost := r.lost()
	broken(l.wrong >= 0 && r.Tones.wrong() > l.wrong, "%d wrong tones, limit %d", r.Tones.wrong(), l.wrong)
	broken(l.lost >= 0 && lost > int64(l.lost), "%d packets lost, limit %d", lost, l.lost)
	broken(l.gap >= 0 && r.GapP99 > milliseconds(l.gap), "p99 of the gaps %.1f ms, limit %s", r.GapP99, l.gap)
	broken(l.cpu >= 0 && r.Measured && r.CPUPerLegTick > l.cpu, "CPU %.1f us per leg and tick, limit %.1f", r.CPUPerLegTick, l.cpu)
	broken(l.ear >= 0 && r.EarP99 > milliseconds(l.ear), "p99 from mouth to ear %.1f ms, limit %s", r.EarP99, l.ear)
	broken(l.perLeg >= 0 && r.Measured && r.RSSPerLeg > int64(l.perLeg), "%d bytes per leg, limit %d", r.RSSPerLeg, l.perLeg)
	broken(l.leaking >= 0 && r.Measured && r.Files-r.FilesEmpty > l.leaking, "%d files left open, limit %d", r.Files-r.FilesEmpty, l.leaking)
	broken(len(r.Dropped) > 0, "%d calls dropped by the server", len(r.Dropped))
	broken(l.missed >= 0 && r.BeepsMissed > l.missed, "%d beeps not heard exactly once, limit %d", r.BeepsMissed, l.missed)
	if r.Upgrades != nil {
		r.Upgrades.judge(l, broken)
	}
	broken(r.UncleanStop, "the server did not end cleanly on SIGTERM")
}

// print writes the report as a table.
func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	v := r.Tones
	row("load", "%d legs, %d rooms, %d talkers each at %.0f dBFS, %.0f s", r.Legs, r.Rooms, min(r.Talkers, (r.Legs+r.Rooms-1)/r.Rooms), r.Level, r.Seconds)
	row("call set-up", "p50 %.1f ms, max %.1f ms", r.SetupP50, r.SetupMax)
	row("wrong tones", "%d (missing %d, own %d, of other rooms %d, deaf legs %d)", v.wrong(), v.Missing, v.Own, v.Foreign, v.Unheard)
	row("tone levels", "worst deviation %.2f dB, loudest own %.1f dBFS, loudest foreign %.1f dBFS", v.WorstDeviation, v.LoudestOwn, v.LoudestForeign)
	row("windows", "%d of the sound looked at, %d disturbed", v.Windows, v.Disturbed)
	row("packets to the phones", "%d, lost %d, not sent %d, duplicates %d, late by 20 ms %d, timestamp jumps %d", r.PacketsHeard, r.LostDown, r.NotSent, r.Duplicates, r.Late, r.TSJumps)
	row("packets to the server", "%d, lost %d (RTCP reports of %d legs)", r.PacketsSent, r.LostUp, r.Reporting)
	row("gap between packets", "p50 %.2f ms, p99 %.2f ms, max %.2f ms", r.GapP50, r.GapP99, r.GapMax)
	if m := r.metrics; m.known {
		row("sound in the server", "%.2f s made up, %.2f s cut out, of %.0f s", m.concealed.Seconds(), m.discarded.Seconds(), r.Seconds*float64(r.Legs))
	}
	if r.Upgrades != nil {
		r.Upgrades.rows(row)
	}
	row("mouth to ear", "p50 %.1f ms, p99 %.1f ms, max %.1f ms (%d beeps heard, %d missed); 20 ms of it is the packet", r.EarP50, r.EarP99, r.EarMax, r.Beeps, r.BeepsMissed)
	if r.Measured {
		row("server CPU", "%.1f %% of a core (%.1f %% in the kernel), %.2f us per leg and tick", r.CPUPercent, r.SystemPercent, r.CPUPerLegTick)
		row("server memory", "%d KiB empty, %d KiB full (%.1f KiB per leg), %d KiB afterwards", r.RSSEmpty>>10, r.RSSFull>>10, float64(r.RSSPerLeg)/1024, r.RSSLeft>>10)
		row("server files", "%d empty, %d full, %d afterwards; %d threads", r.FilesEmpty, r.FilesFull, r.Files, r.ThreadsFull)
		row("server stop", "%.0f ms", r.Shutdown)
	}
	row("generator", "%.1f %% of a core, latest beat %.1f ms, %d beats skipped", r.GeneratorCPU, r.GeneratorLate, r.GeneratorSkipped)
	row("rest of the machine", "%.1f %% of a core busy with other things, the hypervisor's share %.1f %%", r.OthersCPU, r.StolenCPU)
	for _, d := range r.Dropped {
		row("DROPPED", "%s", d)
	}
	for _, b := range r.Broken {
		row("BROKEN", "%s", b)
	}
	if r.doubtful() {
		row("CAUTION", "the generator or the machine was too busy: repeat the run on an idle machine before you believe what is broken")
	}
	if len(r.Broken) == 0 {
		row("limits", "all kept%s", r.Upgrades.unjudged())
	}
	_ = t.Flush()
}
