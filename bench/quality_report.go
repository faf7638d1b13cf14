package main

import (
	"fmt"
	"io"
	"time"
)

// quality is a network and what is heard through it.
type quality struct {
	network
	heard
}

// The networks that the report tells of.
var (
	losses  = []float64{0, 0.01, 0.03, 0.05, 0.1}
	jitters = []time.Duration{2 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond}
)

func listenToAll() (all []quality) {
	for _, burst := range []int{1, 3} {
		for _, loss := range losses {
			for _, jitter := range jitters {
				if n := (network{loss, burst, jitter}); burst == 1 || loss > 0 {
					all = append(all, quality{n, listen(n)})
				}
			}
		}
	}
	return all
}

// writeQuality is the report's table.
func writeQuality(w io.Writer, all []quality) {
	fmt.Fprint(w, "## Quality under loss and jitter\n\n| lost | jitter, ms | delay p50, ms | p99, ms | concealed | segmental SNR, dB |\n|---|---|---|---|---|---|\n")
	for _, q := range all {
		fmt.Fprintf(w, "| %s | 0–%d | %.1f | %.1f | %.2f %% | %.1f |\n", q.network, q.jitter.Milliseconds(), q.DelayP50, q.DelayP99, 100*q.Concealed, q.SNR)
	}
	fmt.Fprint(w, "\nSimulated, and so the same on every machine: one leg of sipconf, eight minutes of a made-up voice in packets of 20 ms for each row.\n"+
		"The delay is from the sending of a packet to the tick that plays its first sample, without the 20 ms that it took to fill. The SNR is\n"+
		"against what came in without loss; frames without speech do not count, and none counts for more than 35 dB.\n\n")
}

// plotDelay and plotConcealed have a line for each jitter and length of bursts.
func plotDelay(all []quality) *chart {
	return plotQuality(all, "p99 of the delay in the playout", axis{name: "ms", to: 80}, func(q quality) float64 { return q.DelayP99 })
}

func plotConcealed(all []quality) *chart {
	return plotQuality(all, "Sound that was made up", axis{name: "share", to: 0.12, percent: true}, func(q quality) float64 { return q.Concealed })
}

func plotQuality(all []quality, title string, y axis, of func(quality) float64) *chart {
	plot := &chart{title: title, x: axis{name: "packets lost", to: 0.1, percent: true}, y: y}
	for _, burst := range []int{1, 3} {
		for _, jitter := range jitters {
			line := series{hue: len(plot.series), name: fmt.Sprintf("0–%d ms", jitter.Milliseconds())}
			if burst > 1 {
				line.name += fmt.Sprintf(", bursts of %d", burst)
			}
			for _, q := range all {
				if q.jitter == jitter && (q.burst == burst || q.loss == 0) {
					line.at = append(line.at, point{q.loss, of(q)})
				}
			}
			plot.add(line)
		}
	}
	return plot
}
