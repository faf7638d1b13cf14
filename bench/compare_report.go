package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// save writes the report to its file and to the standard output, and the plots into the folder plots beside it.
func (c *comparison) save() error {
	var b bytes.Buffer
	say("simulating loss and jitter")
	heard := listenToAll()
	pictures := append(c.pictures(), picture{"delay.svg", plotDelay(heard)}, picture{"concealed.svg", plotConcealed(heard)})
	c.write(&b, pictures, heard)
	dir := filepath.Dir(c.o.report)
	if err := draw(filepath.Join(dir, "plots"), pictures); err != nil {
		return err
	}
	if err := os.WriteFile(c.o.report, b.Bytes(), 0o644); err != nil {
		return err
	}
	_, err := os.Stdout.Write(b.Bytes())
	say("written to %s and %s", c.o.report, filepath.Join(dir, "plots"))
	return err
}

// write is the report.
func (c *comparison) write(w io.Writer, pictures []picture, heard []quality) {
	fmt.Fprint(w, "# sipconf, the bare loop and ConfBridge under the same loads\n\n")
	fmt.Fprintf(w, "Written by `%s` in %s; do not edit.\n\n", c.o.command(), time.Since(c.begun).Round(time.Second))
	fmt.Fprintf(w, "%s, load average before it %s; %s. They run one\nafter the other, round by round, with the generator on the same "+
		"cores, over loopback; rounds: %d, and in each run all speak for %s.\n\n", c.begun.Format("2006-01-02 15:04"), c.load, machine(), c.o.rounds, c.o.time)
	if c.o.note != "" {
		fmt.Fprintf(w, "%s\n\n", c.o.note)
	}
	c.caution(w)
	for _, one := range c.contenders {
		fmt.Fprintf(w, "- %s: %s. %s\n", one.name, one.about, one.verdict())
	}
	fmt.Fprintf(w, "\nA contender has broken down when calls fail, when more than %.1f %% of the packets are lost or %.0f %% never sent, when the p99 of\n"+
		"the gaps is over %s, or when more than %.0f %% of the tones or beeps are not heard as they were sent; it is not asked for more legs then.\n"+
		"[README.md](README.md) says what each figure is.\n\n",
		100*breakLost, 100*breakNotSent, breakGap, 100*breakHeard)
	c.kept(w)
	c.table(w)
	c.ratios(w)
	c.late(w)
	if c.upgraded != nil {
		c.upgraded.upgraded(w)
	}
	writeQuality(w, heard)
	fmt.Fprint(w, "## Plots\n\n")
	for _, one := range pictures {
		fmt.Fprintf(w, "![%s](plots/%s)\n\n", one.chart.title, one.file)
	}
	c.single(w)
}

// command is what to type for the same.
func (o *options) command() string {
	size := fmt.Sprintf("-legs %d -rooms %d -talkers %d -rate %g", o.legs, o.rooms, o.talkers, o.rate)
	if o.ladder {
		size = "-ladder"
	}
	if o.quick {
		size += " -quick"
	}
	if o.without != "" {
		size += " -without " + o.without
	}
	return fmt.Sprintf("go run ./bench -compare %s -rounds %d -time %s -bursts %d", size, o.rounds, o.time, o.bursts)
}

// caution says why the figures may be wrong, or fewer than planned.
func (c *comparison) caution(w io.Writer) {
	disturbed, alone, behind, all := 0, 0, 0, 0
	for _, one := range c.contenders {
		for _, run := range one.runs {
			if all++; run.disturbed() {
				disturbed++
			}
			if run.broke == "" && run.report != nil && run.report.GeneratorSkipped > 0 {
				behind++
			}
		}
		for _, s := range c.shapes() {
			if runs := one.counted(s); len(runs) > 0 && runs[0].disturbed() {
				alone++
			}
		}
	}
	if disturbed > 0 {
		fmt.Fprintf(w, "In %d of %d runs the machine was not ours: something else took more than %d %% of a core, or the hypervisor more than %d %%. They do not\n"+
			"count, whatever came of them, where there is another run that was left alone; the rounds went on for those, to at most half as many again.\n",
			disturbed, all, othersMost, stolenMost)
		if alone > 0 {
			fmt.Fprintf(w, "CAUTION: of %d rows of the figures there is no other; repeat the comparison on an idle machine before you believe those (DISTURBED).\n", alone)
		}
		fmt.Fprintln(w)
	}
	if behind > 0 {
		fmt.Fprintf(w, "CAUTION: in %d of %d runs the generator fell behind, although nothing broke down.\n\n", behind, all)
	}
	if len(c.left) > 0 {
		fmt.Fprintf(w, "Left out for lack of time: %s.\n\n", strings.Join(c.left, "; "))
	}
}

// verdict says how far a contender got.
func (c *contender) verdict() string {
	if c.fault != "" {
		return "It " + strings.ReplaceAll(c.fault, "\n", "; ") + "."
	}
	return strings.Join(slices.DeleteFunc([]string{c.course("It", inTens), c.course("In one room it", inOne)}, func(s string) bool { return s == "" }), " ")
}

// course says how far it got on a way.
func (c *contender) course(it string, on way) string {
	var said []string
	held, holds := c.holds(on)
	end, why, ended := c.ends(on)
	if holds && !ended {
		said = append(said, fmt.Sprintf("%s holds %s.", it, held))
	} else if holds {
		said = append(said, fmt.Sprintf("%s holds %s and breaks down at %s: %s.", it, held, end, why))
	} else if ended {
		said = append(said, fmt.Sprintf("%s breaks down at %s: %s.", it, end, why))
	}
	if at := c.doubts(on); len(at) > 0 {
		said = append(said, fmt.Sprintf("In doubt, because something else kept the machine busy: it broke down at %s.", strings.Join(at, ", ")))
	}
	return strings.Join(said, " ")
}
