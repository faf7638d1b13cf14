package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the tests see into the files that they compare it with")

// wantGolden compares with a file of testdata.
func wantGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is another; go test ./bench -update, and look at the difference", path)
	}
}

// wantXML reads it to its end.
func wantXML(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
}

func TestPlotsAreWellFormed(t *testing.T) {
	c := comparing(t, "-ladder")
	for i, one := range c.contenders {
		for _, s := range ladder()[3:] {
			r := &report{CPUPerLegTick: float64(10 + 20*i)}
			for ms := range 40 {
				r.gaps.Add(time.Duration(ms) * time.Millisecond)
				r.ears.Add(time.Duration(ms+i) * time.Millisecond)
			}
			r.metrics.lateness = lateness{[]time.Duration{time.Millisecond, 20 * time.Millisecond}, []uint64{90, 100}, 100}
			one.runs = append(one.runs, outcome{s, 1, r, "", 0})
		}
	}
	pictures := c.pictures()
	if len(pictures) != 5 {
		t.Errorf("%d plots", len(pictures))
	}
	heard := []quality{{network{0.01, 1, 2 * time.Millisecond}, heard{DelayP99: 30, Concealed: 0.01}}}
	for _, one := range append(pictures, picture{"delay.svg", plotDelay(heard)}, picture{"concealed.svg", plotConcealed(heard)}) {
		svg := one.chart.svg()
		wantXML(t, svg)
		if len(one.chart.series) == 0 || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
			t.Errorf("%s has %d series:\n%s", one.file, len(one.chart.series), svg)
		}
	}
}

func TestChartsAreDrawnAsEver(t *testing.T) {
	lines := &chart{title: "A & B < C", x: axis{name: "legs", from: 50, to: 1000, log: true}, y: axis{name: "µs", to: 20},
		series: []series{{"one", []point{{50, 10}, {200, 12}, {1000, 25}}, false, 0}, {"two", []point{{50, 3}, {1000, 5}}, true, 1}},
		limits: []limit{{"no more", 15}}}
	bars := &chart{title: "Bars", y: axis{name: "share", to: 1, percent: true}, names: []string{"here", "there, far"},
		series: []series{{"one", []point{{0, 0.5}, {1, 0.25}}, false, 0}, {"two", []point{{0, math.NaN()}, {1, 1}}, false, 1}}}
	for name, c := range map[string]*chart{"lines.svg": lines, "bars.svg": bars} {
		svg := c.svg()
		wantXML(t, svg)
		wantGolden(t, name, svg)
	}
}

func TestTicksAreRound(t *testing.T) {
	for _, tc := range []struct {
		axis axis
		want []float64
	}{
		{axis{from: 0, to: 120}, []float64{0, 20, 40, 60, 80, 100, 120}},
		{axis{from: 0, to: 1}, []float64{0, 0.2, 0.4, 0.6, 0.8, 1}},
		{axis{from: 40, to: 1250, log: true}, []float64{50, 100, 200, 500, 1000}},
		{axis{from: 1e-5, to: 1, log: true}, []float64{1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1}},
	} {
		got := tc.axis.ticks()
		if !slices.EqualFunc(got, tc.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("%+v: %v, want %v", tc.axis, got, tc.want)
		}
	}
}
