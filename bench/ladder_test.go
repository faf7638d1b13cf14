package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func comparing(t *testing.T, args ...string) *comparison {
	t.Helper()
	o, err := parseOptions(append([]string{"-compare"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return newComparison(o)
}

func TestShapesHaveNames(t *testing.T) {
	var names []string
	for _, s := range ladder() {
		names = append(names, s.String())
		if _, err := newPlan(s.legs, s.rooms, s.talkers); err != nil || s.legs > mostLegs || s.legs%s.rooms != 0 {
			t.Errorf("%s cannot be run: %v", s, err)
		}
	}
	want := "50 legs|200 legs|400 legs|1000 legs|1500 legs|2000 legs|2400 legs|1 room of 1000, 1 speak|1 room of 1000, 10 speak|" +
		"1 room of 1500, 10 speak|1 room of 2000, 10 speak|333 rooms of 3|500 rooms of 1|500 rooms of 1, 0 speak"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := rung(1000).seats(); got != "100 rooms of 10" {
		t.Errorf("a thousand legs are %s", got)
	}
}

// TestAQuickLadderFits: what is chosen ends in time, what is not is named, and the 200 legs that we promise are there.
func TestAQuickLadderFits(t *testing.T) {
	c := comparing(t, "-ladder", "-quick")
	if all := c.estimate(c.o.rounds); all > quickTime || c.o.rounds != 1 {
		t.Errorf("%d rounds take %s", c.o.rounds, all)
	}
	for _, one := range c.contenders {
		if one != c.bare && !slices.Contains(c.round, step{rung(200), one}) || one.calls && !slices.Contains(c.round, step{rung(400), one}) {
			t.Errorf("%s is not asked for 200 and 400 legs", one.name)
		}
		if one != c.bridge && !slices.Contains(c.round, step{rung(1000), one}) {
			t.Errorf("%s is not asked for 1,000 legs", one.name)
		}
	}
	order := ladder()
	if !slices.IsSortedFunc(c.round, func(a, b step) int { return slices.Index(order, a.shape) - slices.Index(order, b.shape) }) {
		t.Errorf("not in the ladder's order: %v", c.round)
	}
	if !slices.Contains(c.left, "sipconf at 333 rooms of 3") {
		t.Errorf("left out: %q", c.left)
	}
	if chosen, left := c.quickly(time.Second); len(chosen) > 0 || len(left) < 10 {
		t.Errorf("in a second: %v", chosen)
	}
	if slow := comparing(t, "-ladder", "-quick", "-time", "20s"); slow.estimate(1) > quickTime {
		t.Errorf("with longer windows: %s", slow.estimate(1))
	}
}

func TestTheWholeLadder(t *testing.T) {
	c := comparing(t, "-ladder")
	if len(c.round) != 3*len(ladder())+6 || len(c.left) > 0 || c.o.rounds != 3 {
		t.Errorf("%d steps in %d rounds, left %q", len(c.round), c.o.rounds, c.left)
	}
	if all := c.estimate(c.o.rounds); all < 50*time.Minute || all > 60*time.Minute {
		t.Errorf("it takes %s, which bench/README.md does not say", all)
	}
	last := step{}
	for i, s := range c.round { // alternately
		if last.shape == s.shape && slices.Index(c.contenders, s.contender) <= slices.Index(c.contenders, last.contender) || last.shape != s.shape && s.contender != c.server {
			t.Errorf("step %d is %s", i, s.contender.name)
		}
		last = s
	}
}

// TestTheEstimateLearns: what a step took it will take again, a ConfBridge is expected to wait where it breaks down, and what is beyond that
// takes no time.
func TestTheEstimateLearns(t *testing.T) {
	c := comparing(t, "-ladder")
	server, bridge := c.server, c.bridge
	one := func(s shape, who *contender) time.Duration { return c.rest([]step{{s, who}}) }
	if alone := bridge.estimate(rung(1000).of(c.o)); one(rung(1000), bridge) <= alone || one(rung(1500), bridge) != 0 {
		t.Errorf("a ConfBridge takes %s at 1000 legs, and %s at 1500", one(rung(1000), bridge), one(rung(1500), bridge))
	}
	if got, want := one(rung(1500), server), server.estimate(rung(1500).of(c.o)); got != want {
		t.Errorf("sipconf takes %s, want %s", got, want)
	}
	server.took = map[shape]time.Duration{rung(1500): time.Hour}
	if got := one(rung(1500), server); got != time.Hour {
		t.Errorf("it took an hour, and is to take %s", got)
	}
}

func TestBreakdown(t *testing.T) {
	good := report{Legs: 200, Rooms: 20, Talkers: 10, PacketsHeard: 50_000, PacketsSent: 50_000, LostDown: 100, NotSent: 500, GapP99: 60,
		Tones: verdict{Missing: 450}, Beeps: 750, BeepsMissed: 250}
	for _, tc := range []struct {
		want   string
		change func(*report)
	}{
		{"", func(*report) {}},
		{"2 calls dropped", func(r *report) { r.Dropped = make([]string, 2) }},
		{"nothing is heard", func(r *report) { r.PacketsHeard = 0 }},
		{"0.1 % of the packets lost", func(r *report) { r.LostUp = 1 }},
		{"1.0 % of the packets not sent", func(r *report) { r.NotSent = 520 }},
		{"p99 of the gaps 61 ms", func(r *report) { r.GapP99 = 61 }},
		{"459 of 1800 tones not heard as they were sent", func(r *report) { r.Tones.Unheard, r.Tones.Foreign = 1, 5000 }},
		{"251 of 1001 beeps not heard once", func(r *report) { r.BeepsMissed = 251 }},
	} {
		r := good
		tc.change(&r)
		if got := breakdown(&r, nil); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
	if got := breakdown(nil, errors.New("calling in: leg 3: 503\nleg 4: 503")); got != "calls fail: calling in: leg 3: 503" {
		t.Error(got)
	}
}

// TestTheLadderEndsWhereOneBreaksDown: within the round; each round climbs again, and most of the runs decide.
func TestTheLadderEndsWhereOneBreaksDown(t *testing.T) {
	c := &contender{name: "ConfBridge"}
	ran := func(legs, round int, broke string, others float64) {
		c.runs = append(c.runs, outcome{rung(legs), round, &report{OthersCPU: others}, broke, 0})
	}
	ran(200, 1, "", 0)
	ran(400, 1, "silence", 0)
	if c.climbs(rung(700), 1) || !c.climbs(shape{700, 1, 1, false}, 1) || c.climbs(shape{1000, 1, 1, false}, 1) || !c.climbs(rung(50), 1) || !c.climbs(rung(700), 2) {
		t.Error("it climbs on, or not again")
	}
	if got := c.verdict(); got != "It holds 200 legs and breaks down at 400 legs: silence." {
		t.Error(got)
	}
	ran(400, 2, "", 0)
	ran(700, 2, "gaps", 50)
	if !c.climbs(rung(1000), 2) {
		t.Error("what the machine was too busy for ends the ladder")
	}
	if got := c.verdict(); got != "It holds 400 legs. In doubt, because something else kept the machine busy: it broke down at 700 legs." {
		t.Error(got)
	}
	ran(700, 3, "gaps", 0)
	ran(700, 4, "gaps", 0)
	if got := c.verdict(); !strings.HasPrefix(got, "It holds 400 legs and breaks down at 700 legs: gaps. In doubt") {
		t.Error(got)
	}
	if got := broken(c.at(rung(400))); got != "broken in 1 of 2: silence" {
		t.Error(got)
	}
}

// TestABigRoomHasAWayOfItsOwn: it is asked for more people than rooms of ten would hold, and the report says where it ends.
func TestABigRoomHasAWayOfItsOwn(t *testing.T) {
	c := &contender{name: "sipconf"}
	big := func(legs int) shape { return shape{legs, 1, bigTalkers, false} }
	for _, one := range []struct {
		shape shape
		broke string
	}{{rung(1000), ""}, {rung(1500), "gaps"}, {big(1000), ""}, {big(1500), ""}, {big(2000), "loss"}} {
		if !c.climbs(one.shape, 1) {
			t.Errorf("not asked for %s", one.shape)
		}
		c.runs = append(c.runs, outcome{one.shape, 1, &report{}, one.broke, 0})
	}
	if c.climbs(big(2400), 1) {
		t.Error("it climbs on")
	}
	want := "It holds 1000 legs and breaks down at 1500 legs: gaps. In one room it holds 1 room of 1500, 10 speak and breaks down at 1 room of 2000, 10 speak: loss."
	if got := c.verdict(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestARunThatFailsIsABreakdown: it ends the ladder of the one and not of the others, and its place in the report says why.
func TestARunThatFailsIsABreakdown(t *testing.T) {
	c := comparing(t, "-ladder", "-rounds", "1")
	for _, one := range c.contenders {
		one.start = func(context.Context, *options) (*server, error) { return nil, errors.New("no room\nat all") }
	}
	c.run(t.Context())
	var b strings.Builder
	c.write(&b, c.pictures(), nil)
	for _, one := range c.contenders {
		first := rung(50)
		if one == c.bare {
			first = rung(1000) // whatever it ends at, each promise is asked for
		}
		if len(one.runs) != 1 && one != c.bare || one.measured() || !strings.Contains(b.String(), "| 1 | "+first.String()+" | "+one.name+" | – | – | – | – | – | – | 0.0 % | calls fail: no room |") {
			t.Errorf("%s has %d runs:\n%s", one.name, len(one.runs), b.String())
		}
	}
}

func TestLatenessIsReadFromTheMetrics(t *testing.T) {
	read := func(text string) lateness {
		t.Helper()
		m, err := readMetrics(strings.NewReader(text))
		if err != nil || m.known {
			t.Fatalf("%+v %v", m, err)
		}
		return m.lateness
	}
	const name = "# TYPE sipconf_tick_lateness_seconds histogram\nsipconf_tick_lateness_seconds"
	before := read(name + "_bucket{le=\"0.0001\"} 3\n" + name + "_bucket{le=\"0.04\"} 4\n" + name + "_bucket{le=\"+Inf\"} 5\n" + name + "_count 5\nother 3\n")
	after := read(name + "_bucket{le=\"0.0001\"} 1.000003e+06\n" + name + "_bucket{le=\"0.04\"} 1.500004e+06\n" + name + "_count 2.000005e+06\n")
	l := after.since(before)
	if l.ticks != 2_000_000 || l.later(0) != 0.5 || l.later(1) != 0.25 || l.bounds[1] != 40*time.Millisecond {
		t.Errorf("%+v", l)
	}
	if sum := l.plus(l); sum.ticks != 4_000_000 || sum.later(1) != 0.25 || (lateness{}).plus(l).ticks != l.ticks {
		t.Errorf("%+v", sum)
	}
	if _, err := readMetrics(strings.NewReader(`sipconf_tick_lateness_seconds_bucket{le="x"} 3`)); err == nil {
		t.Error("a bound of x is taken")
	}
}

func TestSoundIsReadFromTheMetrics(t *testing.T) {
	read := func(text string) metrics {
		t.Helper()
		m, err := readMetrics(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := read("sipconf_concealed_seconds_total 0.5\nsipconf_discarded_seconds_total 1\n")
	after := read("# HELP sipconf_concealed_seconds_total Sound.\nsipconf_concealed_seconds_total 0.52\nsipconf_discarded_seconds_total 1.25\n")
	if got, want := after.since(before), (metrics{known: true, concealed: 20 * time.Millisecond, discarded: 250 * time.Millisecond}); got.known != want.known ||
		got.concealed != want.concealed || got.discarded != want.discarded {
		t.Errorf("%+v, want %+v", got, want)
	}
	if after.since(metrics{}).known || (metrics{}).since(after).known {
		t.Error("something is known of a time of which one end is not")
	}
}

// TestE2EMetricsAreReadAgainAndAgain: at once, and until it ends; and of a server without metrics nothing is asked.
func TestE2EMetricsAreReadAgainAndAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	metrics := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 3 {
			cancel()
		}
	}))
	defer metrics.Close()
	(&server{figures: metrics.Listener.Addr().String()}).watch(ctx, time.Millisecond)
	(&server{}).watch(t.Context(), time.Hour)
	if got := asked.Load(); got != 3 {
		t.Errorf("asked %d times", got)
	}
}

// TestPromisesAreJudged: each by its own figure, in the right direction, and what was not measured is not kept.
func TestPromisesAreJudged(t *testing.T) {
	c := comparing(t, "-ladder", "-rounds", "1")
	row := func(what string) string {
		var b strings.Builder
		c.kept(&b)
		for line := range strings.Lines(b.String()) {
			if strings.HasPrefix(line, "| "+what) {
				return line
			}
		}
		return ""
	}
	if got := row("longest gap"); !strings.Contains(got, "| – | not measured |") {
		t.Error(got)
	}
	c.server.runs = []outcome{
		{rung(1000), 1, &report{CPUPerLegTick: 10, GapMax: 59, PacketsHeard: 1}, "", 0},
		{rung(1000), 2, &report{CPUPerLegTick: 10, GapMax: 61, PacketsHeard: 1, LostDown: 3}, "", 0},
		{rung(200), 1, &report{CPUPerLegTick: 10, metrics: metrics{known: true, concealed: 20 * time.Millisecond}}, "", 0},
	}
	c.bare.runs = []outcome{{rung(1000), 1, &report{CPUPerLegTick: 8}, "", 0}}
	c.floor.runs = []outcome{{rung(1000), 1, &report{CPUPerLegTick: 7}, "", 0}}
	c.bridge.runs = []outcome{
		{rung(200), 1, &report{CPUPerLegTick: 99}, "", 0},
		{rung(400), 1, &report{CPUPerLegTick: 79}, "garbled", 0},
		{shape{999, 333, 10, false}, 1, &report{CPUPerLegTick: 9}, "", 0}, // another one
		{rung(400), 2, nil, "it does not start", 0},
	}
	for what, want := range map[string]string{
		"longest gap":                      "| 61.00 | NOT KEPT |",
		"packets lost":                     "| 3.00 | NOT KEPT |",
		overBare:                           "| 1.25 | kept |",
		"CPU as a multiple of the floor's": "| aim: at most 1.3 | 1.43 | not reached |",
		"ConfBridge's CPU":                 "| 9.90 | kept |",
		"sound made up":                    "| 0.02 | NOT KEPT |",
		"CPU, µs":                          "| 10.00 | kept |",
	} {
		if got := row(what); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
}

// TestThePromisesEndSomewhere: at the first rung at which one of packets, gaps and ticks is not as promised at 1,000 legs, or that one breaks down at.
func TestThePromisesEndSomewhere(t *testing.T) {
	late := func(after5ms uint64) metrics {
		return metrics{known: true, lateness: lateness{[]time.Duration{5 * time.Millisecond}, []uint64{1000 - after5ms}, 1000}}
	}
	good := func(legs int) outcome {
		return outcome{rung(legs), 1, &report{PacketsHeard: 1, GapP99: 25, GapMax: 60, metrics: late(9)}, "", 0}
	}
	for _, tc := range []struct {
		want   string
		change func(*outcome)
	}{
		{"| 1500 legs | not seen to end |", func(*outcome) {}},
		{"| 1000 legs | ends at 1500 legs: packets lost or not sent: 1.00 |", func(o *outcome) { o.report.NotSent = 1 }},
		{"| 1000 legs | ends at 1500 legs: gaps p99, ms: 25.25 |", func(o *outcome) { o.report.GapP99 = 25.25 }},
		{"| 1000 legs | ends at 1500 legs: longest gap, ms: 60.50 |", func(o *outcome) { o.report.GapMax = 60.5 }},
		{"| 1000 legs | ends at 1500 legs: ticks that begin more than 5 ms late, %: 1.10 |", func(o *outcome) { o.report.metrics = late(11) }},
		{"| 1000 legs | ends at 1500 legs: broken in 1 of 1: no calls |", func(o *outcome) { o.report, o.broke = nil, "no calls" }},
		{"| none | ends at 1000 legs: gaps p99, ms: 31.00 |", func(o *outcome) { o.shape, o.report.GapP99 = rung(1000), 31 }},
	} {
		c := comparing(t, "-ladder", "-rounds", "1")
		last := good(1500)
		tc.change(&last)
		c.server.runs = []outcome{good(1000), last}
		if last.shape == rung(1000) {
			c.server.runs = []outcome{last}
		}
		var b strings.Builder
		if c.kept(&b); !strings.Contains(b.String(), "| aim: 2400 legs "+tc.want) {
			t.Errorf("no %q in\n%s", tc.want, b.String())
		}
	}
	var b strings.Builder
	if comparing(t, "-ladder").kept(&b); !strings.Contains(b.String(), "| – | not measured |\n\n") {
		t.Errorf("nothing was measured:\n%s", b.String())
	}
}

// TestRoomsOfOneHaveAPrice: by turns with the floor, and what they take beyond it.
func TestRoomsOfOneHaveAPrice(t *testing.T) {
	c := comparing(t, "-ladder", "-rounds", "1")
	for i, cpu := range []float64{7, 6.5, 6, 99} {
		broke := ""
		if c.contenders[i] == c.bridge {
			broke = "garbled"
		}
		c.contenders[i].runs = []outcome{{idle, 1, &report{CPUPerLegTick: cpu}, broke, 0}}
	}
	var b strings.Builder
	c.kept(&b)
	c.ratios(&b)
	for _, want := range []string{"| 500 rooms of 1, 0 speak | at most 1.3 | 1.08 | kept |", "| 500 rooms of 1, 0 speak | 1.08 | 1.17 | 14.14 (broken down) |",
		"At 500 rooms of 1, 0 speak a room takes 1.00 µs a tick beyond the packets of its one leg, which is 2.5 % of a core for all."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}
