package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be a floor, as the command itself is (startFloor).
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "floor" || os.Args[1] == "bare") {
		os.Exit(status(os.Args[1:]))
	}
	os.Exit(m.Run())
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   string
	}{
		{nil, "0.00"},
		{[]float64{3}, "3.00"},
		{[]float64{3, 1, 2}, "2.00 (1.00–3.00)"},
		{[]float64{4, 1, 2, 3}, "2.50 (1.00–4.00)"},
	} {
		if got := spreadOf(tc.values).String(); got != tc.want {
			t.Errorf("%v: %s, want %s", tc.values, got, tc.want)
		}
	}
}

// TestRatioPairsTheRounds: a round that one of the two did not finish counts for neither, nor does one in which either was disturbed, if there is another.
func TestRatioPairsTheRounds(t *testing.T) {
	s := rung(200)
	ran := func(round int, cpu float64) outcome {
		return outcome{shape: s, round: round, report: &report{CPUPerLegTick: cpu}}
	}
	of := &contender{runs: []outcome{ran(1, 20), {shape: s, round: 2, broke: "no calls"}, ran(3, 30), {shape: rung(50), round: 1, report: &report{}}}}
	to := &contender{runs: []outcome{ran(1, 10), ran(2, 1), ran(3, 10)}}
	if got, known := ratio(s, of, to); !known || got != (spread{2, 2.5, 3}) {
		t.Errorf("%+v, known %t", got, known)
	}
	to.runs[0].report.StolenCPU = stolenMost + 1
	if got, known := ratio(s, of, to); !known || got != (spread{3, 3, 3}) {
		t.Errorf("one round disturbed: %+v, known %t", got, known)
	}
	of.runs[2].stolen = stolenMost + 1
	if got, known := ratio(s, of, to); !known || got != (spread{2, 2.5, 3}) {
		t.Errorf("all rounds disturbed: %+v, known %t", got, known)
	}
	if _, known := ratio(s, of, &contender{}); known {
		t.Error("a ratio to nothing")
	}
}

// TestWhatWasDisturbedRunsAgain: the machine was ours with everybody in one round of three. In the next one nobody who has broken down while it was runs once more.
func TestWhatWasDisturbedRunsAgain(t *testing.T) {
	c := comparing(t, "-ladder")
	ran := func(one *contender, legs, round int, broke string, others float64) {
		one.runs = append(one.runs, outcome{rung(legs), round, &report{OthersCPU: others}, broke, 0})
	}
	for round, others := range []float64{0, 50, 50} {
		for _, one := range c.contenders {
			ran(one, 1000, round+1, "", 0)
		}
		ran(c.server, 200, round+1, "", others)
		ran(c.floor, 200, round+1, "", 0)
		ran(c.bridge, 200, round+1, map[bool]string{true: "garbled"}[round == 0], 0)
	}
	again := c.again()
	if want := []step{{rung(200), c.server}, {rung(200), c.floor}}; !slices.Equal(again, want) || c.last() != 3 {
		t.Errorf("%d steps once more, after round %d: %v", len(again), c.last(), again)
	}
	if got := c.server.standing(rung(200)); got != "1 of 3" {
		t.Error(got)
	}
	ran(c.server, 200, 4, "", 0)
	ran(c.floor, 200, 4, "", 0)
	if again := c.again(); len(again) > 0 || len(c.server.counted(rung(200))) != 2 {
		t.Errorf("%v once more, %d count", again, len(c.server.counted(rung(200))))
	}
	c.server.runs = c.server.runs[3:4] // 200 legs in the second round
	if got := c.server.standing(rung(200)); got != "1, all DISTURBED" {
		t.Error(got)
	}
}

// TestTheReportSaysWhatIsMissing: sipconf and the floor ran, there was no Asterisk.
func TestTheReportSaysWhatIsMissing(t *testing.T) {
	o, err := parseOptions([]string{"-compare", "-rounds", "2", "-note", "At night.", "-report", filepath.Join(t.TempDir(), "report.md")})
	if err != nil {
		t.Fatal(err)
	}
	c := newComparison(o)
	for i, one := range []*contender{c.server, c.floor} {
		for round := 1; round <= 2; round++ {
			cpu := []float64{14, 7}[i] + float64(round)
			r := &report{Legs: 200, CPUPerLegTick: cpu, EarP50: 50, EarP99: 60, LostDown: 1, RSSPerLeg: 1 << 16}
			if one.calls {
				r.Beeps = 10
			}
			one.runs = append(one.runs, outcome{shape: rung(200), round: round, report: r})
		}
	}
	c.server.runs[1].report.OthersCPU = 70
	c.bridge.start = func(context.Context, *options) (*server, error) { return nil, skipped{errors.New("no chroot")} }
	before := c.estimate(1)
	c.bridge.try(t.Context(), rung(200), o, 1)
	var b bytes.Buffer
	c.write(&b, c.pictures(), nil)
	for _, want := range []string{
		"-legs 200 -rooms 20", "| 200 legs | sipconf | 15.00 | 0.00 | 50.00 | 60.00 | 1 | 0 | 64.00 | 0 | 1 of 2 | holds |",
		"| 200 legs | floor | 8.50 (8.00–9.00) | 0.00 | – | – | 2 |", "skipped: no chroot",
		"| 200 legs | not measured | 1.88 | not measured |", "In 1 of 4 runs the machine was not ours", "70 % of a core | 0.0 % | DISTURBED |", "\n\nAt night.\n\n", "plots/cpu.svg",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if c.estimate(1) >= before {
		t.Error("what is skipped still takes time")
	}
}

// TestWhoIsLeftOut: neither runs nor is lacking, and the report says so.
func TestWhoIsLeftOut(t *testing.T) {
	all, c := comparing(t, "-ladder"), comparing(t, "-ladder", "-without", "floor,confbridge")
	for _, s := range c.round {
		if s.contender != c.server && s.contender != c.bare {
			t.Errorf("%s is planned at %s", s.contender.name, s.shape)
		}
	}
	if len(c.round) == 0 || c.estimate(1) >= all.estimate(1) {
		t.Errorf("%d runs, which take %s", len(c.round), c.estimate(1))
	}
	if got := c.o.command(); !strings.Contains(got, "-without floor,confbridge") {
		t.Errorf("the report says %q", got)
	}
	if got := c.bridge.verdict(); got != "It was left out (-without)." {
		t.Error(got)
	}
}

func TestAQuickComparisonIsShort(t *testing.T) {
	for _, legs := range []string{"200", "1000", "1500"} {
		o, err := parseOptions([]string{"-compare", "-quick", "-legs", legs})
		if err != nil {
			t.Fatal(err)
		}
		if all := newComparison(o).estimate(o.rounds); all > quickTime && o.rounds > 1 {
			t.Errorf("%s legs: %d rounds take %s", legs, o.rounds, all)
		}
	}
	if o, _ := parseOptions([]string{"-compare", "-quick", "-time", "9s"}); o == nil || o.time != 9*time.Second {
		t.Errorf("what the command line says does not count: %+v", o)
	}
	for _, bad := range [][]string{{"-quick"}, {"-ladder"}, {"-compare", "-server", "127.0.0.1:5060"}, {"-compare", "-rounds", "0"}, {"-compare", "-quick", "-rate", "0"},
		{"-without", "floor"}, {"-compare", "-without", "sipconf"}, {"-compare", "-without", "floor,"}} {
		if _, err := parseOptions(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func TestFloorCommandLine(t *testing.T) {
	for _, bad := range [][]string{{}, {"127.77.9.9"}, {"192.0.2.1", "2"}, {"127.77.9.9", "0"}, {"127.77.9.9", "4001"}, {"here", "2"}} {
		for _, which := range []string{"floor", "bare"} {
			if got := status(append([]string{which}, bad...)); got != 2 {
				t.Errorf("%s %v: status %d", which, bad, got)
			}
		}
	}
}

// TestE2EFloorUnderLoad starts a floor of four legs, and then a bare loop, as a process of its own. Only what does not depend on how busy the
// machine is can fail it.
func TestE2EFloorUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	o, err := parseOptions([]string{"-legs", "4", "-rooms", "1", "-time", "5s"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, start := range []func(context.Context, *options) (*server, error){startFloor, startBare} {
		r, err := run(ctx, o, start)
		if err != nil {
			t.Fatal(err)
		}
		if r.PacketsHeard == 0 || r.PacketsSent == 0 || !r.Measured || r.UncleanStop || len(r.Dropped) > 0 {
			t.Errorf("little was measured: %+v", r)
		}
		if r.FilesFull < 4 || r.Beeps != 0 || r.TSJumps != 0 || r.Duplicates != 0 {
			t.Errorf("it is no floor: %+v", r)
		}
	}
}
