package main

import (
	"context"
	"os"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// upgrades are what came of a server's replacements while all spoke. Times are milliseconds.
type upgrades struct {
	Each     []upgrade
	Versions []string // of the processes, as their log says

	// From before the first until after the last.
	PacketsHeard, LostDown, Duplicates, Late, TSJumps uint64
	NotSent                                           int64
	ManySSRCs                                         int // legs that heard more than one
	PacketsSent                                       uint64
	LostUp                                            int64 // as the last process' RTCP says of all of the call
	Reporting                                         int   // legs about which the last process has reported
	Received                                          int64 // by the server's metrics, if those go on
	Concealed                                         float64
	TicksSkipped                                      int64
	GapMax                                            float64

	Calm, During     distribution // of all seconds before, and of all with one
	First, Final     usage        // of the first process before the first, and of the last after the last
	Routines         [2]int
	OthersCPU        float64
	GeneratorSkipped uint64
}

// upgrade is one of them, with the second before it. A second with an upgrade begins with the command; when the command takes longer, it ends
// a moment after it.
type upgrade struct {
	Took         float64 // from the command until its end
	Still        float64 // for how long the media stood still
	Rested       bool    // generator and machine had been on time for settleTime before
	Calm, During second
}

// undisturbed says that the machine was there for us. When the hypervisor gives its processors to others, everybody on it is late by as much.
func (u *upgrade) undisturbed() bool {
	return u.Calm.Stolen <= mostStolen && u.During.Stolen <= mostStolen
}

// punctual says that the generator's own packets came in time. When they do not, or have not before, so that the server is still making up for it, breaks are not the
// server's doing.
func (u *upgrade) punctual() bool {
	return u.Rested && u.undisturbed() && u.Calm.LateBeats == 0 && u.During.LateBeats == 0
}

// second is what happened in a second, or as long as an upgrade took: in all ears together, and in the server.
type second struct {
	gaps
	Breaks               int     // of tones
	Concealed, Discarded float64 // seconds of sound
	Skipped              int64   // ticks that the server left out, for it came too late
	LateBeats            uint64  // of the generator, by more than 4 ms
	Stolen               float64 // milliseconds of the machine's processors that the hypervisor gave to others; all of them together
}

// gaps between packets.
type gaps struct{ P50, P99, Max float64 }

func gapsOf(h *phone.Histogram) gaps {
	return gaps{milliseconds(h.Quantile(0.5)), milliseconds(h.Quantile(0.99)), milliseconds(h.Max)}
}

func secondOf(h *phone.Histogram, m metrics) second {
	return second{gaps: gapsOf(h), Concealed: m.concealed.Seconds(), Discarded: m.discarded.Seconds(), Skipped: m.skipped}
}

// distribution is a histogram as numbers: packets, and pairs of milliseconds and packets with a gap of so much.
type distribution struct {
	Gaps    gaps
	Packets uint64
	Steps   [][2]float64
}

func distributionOf(h *phone.Histogram) distribution {
	d := distribution{gapsOf(h), h.Count, nil}
	for length, n := range h.Steps() {
		d.Steps = append(d.Steps, [2]float64{milliseconds(length), float64(n)})
	}
	return d
}

const (
	calmTime     = time.Second            // how long before an upgrade all is compared with
	settleTime   = 12 * time.Second       // between an upgrade and that: a jitter buffer lets 10 s pass before it dares to hold back less again, and then cuts a period out
	lookTime     = 500 * time.Millisecond // how often is looked whether it is
	afterTime    = 200 * time.Millisecond // what follows the command, and is of the upgrade
	reportedTime = 9 * time.Second        // within which each leg's RTCP comes
	mostUpgrades = 20
	mostStolen   = 10 // milliseconds: the kernel counts by so much
)

// earTime is how much of what is heard is kept for an upgrade.
const earTime = 8 * time.Second

// upgradeAll has the server replaced while all speak, one time after the other.
func (l *load) upgradeAll(ctx context.Context, r *report) error {
	if l.o.upgrades == 0 {
		return nil
	}
	u := &upgrades{}
	first, _ := use(l.server.pid)
	u.First = first
	told := l.server.metrics(ctx)
	for _, leg := range l.legs {
		leg.call.ResetHeard()
	}
	sent, skipped, begin := l.sent(), l.pump.Stats().Skipped, time.Now()
	own, _ := use(os.Getpid())
	busy, _ := machineBusy()
	var calm, during phone.Histogram
	last := told
	for n := 1; n <= l.o.upgrades; n++ {
		rested, err := l.rest(ctx)
		if err != nil {
			return err
		}
		atRest := l.server.metrics(ctx)
		u.TicksSkipped += grown(last.skipped, atRest.skipped) // while it rested
		one, err := l.upgradeOnce(ctx, n, &calm, &during)
		if err != nil {
			return err
		}
		last = l.server.metrics(ctx)
		one.Rested = rested
		u.TicksSkipped += one.Calm.Skipped + one.During.Skipped
		u.Each = append(u.Each, one)
		say("upgrade %d took %.0f ms; gaps p99 %.1f ms and longest %.1f ms, before it %.1f and %.1f", n, one.Took, one.During.P99, one.During.Max, one.Calm.P99, one.Calm.Max)
	}
	if err := l.awaitReports(ctx); err != nil {
		return err
	}
	span := time.Since(begin)
	u.Final, _ = use(l.server.pid)
	l.sumUp(u, span, l.sent()-sent)
	now := l.server.metrics(ctx)
	u.TicksSkipped += grown(last.skipped, now.skipped)
	u.Routines = [2]int{told.routines, now.routines}
	if told.known && now.known {
		u.Concealed, u.Received = (now.concealed - told.concealed).Seconds(), now.received-told.received
	}
	u.Calm, u.During = distributionOf(&calm), distributionOf(&during)
	ownAfter, _ := use(os.Getpid())
	busyAfter, _ := machineBusy()
	others := busyAfter - busy - (ownAfter.CPU - own.CPU) - (l.server.spent + u.Final.CPU - first.CPU)
	u.OthersCPU = max(0, 100*others.Seconds()/span.Seconds())
	u.GeneratorSkipped = l.pump.Stats().Skipped - skipped
	still, versions := l.server.told()
	for i := range min(len(still), len(u.Each)) {
		u.Each[i].Still = milliseconds(still[i])
	}
	u.Versions = versions
	r.Upgrades = u
	return nil
}

// rest waits until the generator and the machine have been on time for settleTime, and says whether that came about within the patience that there is.
func (l *load) rest(ctx context.Context) (rested bool, err error) {
	since, patience := time.Now(), time.Now().Add(l.o.patience)
	for time.Since(since) < settleTime {
		if time.Now().After(patience) {
			return false, nil
		}
		late, stolen := l.pump.Stats().Late, machineStolen()
		if err := pause(ctx, lookTime); err != nil {
			return false, err
		}
		if l.pump.Stats().Late > late || milliseconds(machineStolen()-stolen) > mostStolen {
			since = time.Now()
		}
	}
	return true, nil
}

// upgradeOnce is one upgrade and the second before it.
func (l *load) upgradeOnce(ctx context.Context, n int, calm, during *phone.Histogram) (one upgrade, err error) {
	told, start := l.server.metrics(ctx), l.glance()
	if err := pause(ctx, calmTime); err != nil {
		return one, err
	}
	toldBefore := l.server.metrics(ctx)
	before := l.glance()
	took, err := l.server.upgrade(ctx, n)
	if err != nil {
		return one, err
	}
	if err := pause(ctx, max(calmTime-took, afterTime)); err != nil {
		return one, err
	}
	after := l.glance()
	quiet, upset := before.gaps.Since(&start.gaps), after.gaps.Since(&before.gaps)
	calm.Merge(quiet)
	during.Merge(upset)
	toldAfter := l.server.metrics(ctx)
	one.Took, one.Calm, one.During = milliseconds(took), secondOf(quiet, toldBefore.since(told)), secondOf(upset, toldAfter.since(toldBefore))
	one.Calm.LateBeats, one.During.LateBeats = before.late-start.late, after.late-before.late
	one.Calm.Stolen, one.During.Stolen = milliseconds(before.stolen-start.stolen), milliseconds(after.stolen-before.stolen)
	one.Calm.Breaks, one.During.Breaks = l.breaks(start, before, after)
	return one, nil
}

// moment is a point in time: what was counted until then.
type moment struct {
	gaps      phone.Histogram // of all legs since the last reset
	positions []int64         // of each leg's ear
	late      uint64          // beats of the generator
	stolen    time.Duration   // by the hypervisor
}

func (l *load) glance() *moment {
	m := &moment{positions: make([]int64, len(l.legs)), late: l.pump.Stats().Late, stolen: machineStolen()}
	for i, leg := range l.legs {
		m.positions[i] = leg.call.Mark(&m.gaps)
	}
	return m
}

func (l *load) sent() (packets uint64) {
	for _, leg := range l.legs {
		packets += leg.call.Sent()
	}
	return packets
}

// breaks counts the breaks in the tones that each leg has heard, before a moment and after it.
func (l *load) breaks(start, at, end *moment) (before, after int) {
	for i, leg := range l.legs {
		from, to := start.positions[i]-phone.BreaksAfter, end.positions[i]
		pcm := leg.call.Between(from, to)
		for _, place := range phone.Breaks(pcm, l.plan.heardBy(leg.seat)) {
			if to-int64(len(pcm)-place) < at.positions[i] {
				before++
			} else {
				after++
			}
		}
	}
	return before, after
}

// awaitReports waits until the server of now has reported on each leg, as far as it does.
func (l *load) awaitReports(ctx context.Context) error {
	reports := func(leg *leg) uint64 { h := leg.call.Heard().RTCP; return h.SenderReports + h.ReceiverReports }
	before := make([]uint64, len(l.legs))
	for i, leg := range l.legs {
		before[i] = reports(leg)
	}
	at := 0
	for deadline := time.Now().Add(reportedTime); at < len(l.legs) && time.Now().Before(deadline); {
		for at < len(l.legs) && reports(l.legs[at]) > before[at] {
			at++
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// sumUp is what all legs counted.
func (l *load) sumUp(u *upgrades, span time.Duration, sent uint64) {
	u.PacketsSent = sent
	for _, leg := range l.legs {
		h := leg.call.Heard()
		u.PacketsHeard += h.Packets
		u.LostDown += h.Lost
		u.Duplicates += h.Duplicates
		u.Late += h.Late
		u.TSJumps += h.TSJumps
		u.GapMax = max(u.GapMax, milliseconds(h.Gaps.Max))
		// What timestamps do not tell is told by the clock, which cannot tell what a generator has not read yet that is late.
		u.NotSent += max(int64(h.Unsent/160), missing(span, 1, h.Packets+h.Lost+unread))
		if len(h.SSRCs) != 1 {
			u.ManySSRCs++
		}
		if h.RTCP.Reported {
			u.Reporting++
			u.LostUp += int64(h.RTCP.Lost)
		}
	}
}

// unread is how many packets may wait at a phone.
const unread = 5

// missing is how many packets fewer than 50 a second a number of legs got. One of each may lie just outside of the span.
func missing(span time.Duration, legs int, packets uint64) int64 {
	return max(0, int64(span/(20*time.Millisecond)-1)*int64(legs)-int64(packets))
}
