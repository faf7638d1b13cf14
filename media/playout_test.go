package media

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Words of these tests: the delay is from the moment at which a packet is sent until the tick that plays its first sample, by the talker's
// clock and without the time that the packet took to fill; the phase is how long after a tick the packets of a network without jitter come.

// path is a talker and the network between him and the playout.  Times are in milliseconds of the server's clock.
type path struct {
	phase   float64
	packet  int                         // ms of sound; 0: 20
	skew    float64                     // by how much the talker is slow
	transit func(sent float64) float64  // NaN: lost; nil: none
	sound   func(pcm []int16, at int64) // nil: a tone of 437 Hz at -12 dBov
	limit   time.Duration               // zero: the default
}

// listener plays what a path brings.
type listener struct {
	path
	j        jitter
	tick     int64
	next     int64 // packet to be sent
	flying   []flight
	frame    []int16
	pcm      []int16
	started  bool
	delays   []float64
	touched  int64 // when the pace was last corrected
	came     [64]flight
	longest  float64 // that a packet waited from when it came until it was played
	greatest int     // step between two samples
	last     int16
}

type flight struct {
	arrival float64
	number  int64
}

func listen(p path) *listener {
	if p.packet == 0 {
		p.packet = 20
	}
	if p.transit == nil {
		p.transit = func(float64) float64 { return 0 }
	}
	if p.sound == nil {
		p.sound = tone
	}
	l := &listener{path: p, frame: make([]int16, 160), pcm: make([]int16, p.packet*8)}
	l.j.setUp(160, p.limit)
	return l
}

var second = func() (s [8000 + 480]int16) {
	for i := range s {
		s[i] = int16(math.Round(11600 * math.Sin(2*math.Pi*437/8000*float64(i))))
	}
	return s
}()

func tone(pcm []int16, at int64) { copy(pcm, second[at%8000:]) }

func pause(pcm []int16, _ int64) { clear(pcm) }

// sent is when the packet is complete and goes out.
func (l *listener) sent(packet float64) float64 {
	return l.phase + (packet+1)*float64(l.packet)*(1+l.skew)
}

// plays runs that many ticks.
func (l *listener) plays(ticks int) {
	for range ticks {
		l.tick++
		now := float64(l.tick * 20)
		for l.sent(float64(l.next)) <= now {
			sent := l.sent(float64(l.next))
			if transit := l.transit(sent); !math.IsNaN(transit) {
				l.flying = append(l.flying, flight{sent + transit, l.next})
			}
			l.next++
		}
		l.arrive(now)
		before := l.j.Next
		l.j.pop(l.frame)
		l.wait(now)
		if l.j.Next != before+160 || l.j.Lost > 0 {
			l.touched = l.tick
		}
		l.started = l.started || l.j.History > 0
		if l.started && l.j.Playing {
			first := float64(l.j.Next-160) / float64(l.packet*8)
			l.delays = append(l.delays, now-l.sent(first))
		}
		if l.tick-l.touched < 4 { // else it is what was said
			l.steps()
		}
		l.last = l.frame[159]
	}
}

// wait looks how long what was just played has waited.  A packet of which this is not the beginning has begun to be played before.
func (l *listener) wait(now float64) {
	n := int64(len(l.pcm))
	for i, f := range l.came {
		begin := f.number*n - (l.j.Next - 160) // after the beginning of the frame
		if f.arrival == 0 || begin >= 160 {
			continue
		}
		if l.j.Playing && begin > -n {
			l.longest = max(l.longest, now-f.arrival+float64(begin)/8)
		}
		if begin+n <= 160 {
			l.came[i].arrival = 0 // it is over: when the playing begins anew in the same place, it is silence there
		}
	}
}

// steps looks for clicks in the frame.
func (l *listener) steps() {
	for _, s := range l.frame {
		if d := int(s) - int(l.last); l.started {
			l.greatest = max(l.greatest, d, -d)
		}
		l.last = s
	}
}

// arrive gives the playout what has come by now, in the order of arrival.
func (l *listener) arrive(now float64) {
	slices.SortStableFunc(l.flying, func(a, b flight) int { return int(math.Copysign(1, a.arrival-b.arrival)) })
	for len(l.flying) > 0 && l.flying[0].arrival <= now {
		f := l.flying[0]
		l.flying = l.flying[1:]
		at := f.number * int64(len(l.pcm))
		l.sound(l.pcm, at)
		before := int64(whenever)
		if f.number < askAtFirst || f.number%askEvery == 0 || l.j.wonders(at, 1) { // as Leg.receiveSound asks
			before = int64((now - f.arrival) * 8)
		}
		if l.j.put(at, l.pcm, before) == stored {
			l.came[f.number%64] = f
		}
	}
}

// forget begins the figures anew.
func (l *listener) forget() {
	l.delays, l.greatest, l.j.Concealed = nil, 0, 0
}

// concealed is the share of what was played that was made up.
func (l *listener) concealed() float64 { return float64(l.j.Concealed) / float64(160*len(l.delays)) }

func quantile(delays []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(delays))
	return sorted[int(q*float64(len(sorted)-1))]
}

func uniform(most float64) func(float64) float64 {
	random := rand.New(rand.NewPCG(1, uint64(most)))
	return func(float64) float64 { return random.Float64() * most }
}

// On a LAN, jitter up to 2 ms, for every phase: no frame is made up, the delay is at most the jitter, the guard and one wait for the tick,
// over all phases p50 at most 20 ms and p99 at most 35.
func TestLAN(t *testing.T) {
	for name, sound := range map[string]func([]int16, int64){"tone": tone, "pause": pause} {
		var all []float64
		for phase := 0.0; phase < 20; phase += 0.25 {
			l := listen(path{phase: phase, transit: uniform(2), sound: sound})
			l.plays(3000)
			all = append(all, l.delays...)
			if l.j.Concealed != 0 || l.greatest > 4500 {
				t.Errorf("%s, phase %v: %d samples made up, greatest step %d", name, phase, l.j.Concealed, l.greatest)
			}
			l.forget()
			l.plays(1000)
			if p99 := quantile(l.delays, 0.99); p99 > 35 {
				t.Errorf("%s, phase %v: p99 %.1f ms, want at most 35", name, phase, p99)
			}
		}
		p50, p99 := quantile(all, 0.5), quantile(all, 0.99)
		t.Logf("%s: p50 %.1f ms, p99 %.1f ms", name, p50, p99)
		if p50 > 20 || p99 > 35 {
			t.Errorf("%s: p50 %.1f ms, p99 %.1f ms, want at most 20 and 35", name, p50, p99)
		}
	}
}

// Uniform jitter of 0 to 20 ms, for every phase, over a minute from its first packet.
func TestUniformJitter(t *testing.T) {
	var all []float64
	made, played := int64(0), 0
	for phase := 0.0; phase < 20; phase++ {
		l := listen(path{phase: phase, transit: uniform(20)})
		l.plays(3000)
		all, made, played = append(all, l.delays...), made+l.j.Concealed, played+len(l.delays)
		if share, p99 := l.concealed(), quantile(l.delays, 0.99); share >= 0.005 || p99 > 60 {
			t.Errorf("phase %v: %.2f %% made up, p99 %.1f ms, want less than 0.5 and at most 60", phase, 100*share, p99)
		}
		if l.greatest > 4500 {
			t.Errorf("phase %v: a step of %d in the tone", phase, l.greatest)
		}
	}
	t.Logf("p50 %.1f ms, p99 %.1f ms, %.3f %% made up", quantile(all, 0.5), quantile(all, 0.99), 100*float64(made)/float64(160*played))
}

// Packets of other lengths on a LAN.
func TestLANPacketLengths(t *testing.T) {
	for _, packet := range []int{10, 30, 40, 60} {
		var all []float64
		for phase := 0.0; phase < 20; phase++ {
			l := listen(path{phase: phase, packet: packet, transit: uniform(2), sound: pause})
			l.plays(1000)
			all = append(all, l.delays...)
			if l.j.Concealed != 0 {
				t.Errorf("%d ms, phase %v: %d samples made up", packet, phase, l.j.Concealed)
			}
		}
		t.Logf("%d ms: p50 %.1f ms, p99 %.1f ms", packet, quantile(all, 0.5), quantile(all, 0.99))
	}
}

// troubles are what the network may do from 10 s on, for a second: the transit of a packet by when it was sent.
var troubles = map[string]func(sent float64) float64{
	"stall and burst": func(sent float64) float64 { return troubleEnd - sent },
	"short stall":     func(sent float64) float64 { return max(0, troubleFrom+100-sent) },
	"all lost":        func(float64) float64 { return math.NaN() },
	"step of 50 ms":   func(float64) float64 { return 50 },
	"step of 90 ms":   func(float64) float64 { return 90 },
	"step of 300 ms":  func(float64) float64 { return 300 },
	"wild":            func(sent float64) float64 { return math.Mod(sent*7919, 400) },
	"wild and slow":   func(sent float64) float64 { return 200 + 190*math.Sin(sent/40) },
	"ever slower":     func(sent float64) float64 { return (sent - troubleFrom) / 3 },
}

const troubleFrom, troubleEnd = 10_000, 11_000

// Whatever the network does for a second, no packet ever waits for longer than the cap until it is played, whatever its length; what goes beyond it is
// cut off, and no more than that; all else is cut a little at a time; and 5 s later the delay is what it was before.
func TestCapAndRecovery(t *testing.T) {
	for name, trouble := range troubles {
		for kind, sound := range map[string]func([]int16, int64){"tone": tone, "pause": pause} {
			for _, packet := range []int{20, 60} {
				for phase := 1.0; phase < float64(packet); phase += 3 {
					what := fmt.Sprintf("%s, %s, packets of %d ms, phase %v", name, kind, packet, phase)
					capAndRecovery(t, what, path{phase: phase, sound: sound, packet: packet, limit: 120 * time.Millisecond, transit: func(sent float64) float64 {
						if sent >= troubleFrom && sent < troubleEnd {
							return trouble(sent)
						}
						return 0
					}})
				}
			}
		}
	}
}

func capAndRecovery(t *testing.T, what string, p path) {
	t.Helper()
	l := listen(p)
	l.plays(500)
	median, most := quantile(l.delays[300:], 0.5), quantile(l.delays[300:], 0.9)
	for corrected := int64(0); l.tick < 800; {
		before := l.j.JitterState
		l.plays(1)
		switch skipped, left := l.j.Skipped-before.Skipped, l.j.onHand()+160; { // left before this frame was taken
		case skipped == 0:
		case left >= l.j.Limit+int64(len(l.pcm))-160: // of which the newest packet may have waited 20 ms for the tick
		case skipped > 160 || l.tick-corrected < paceRest:
			t.Fatalf("%s: %d samples are cut out %d ticks after the last time, and %d are left", what, skipped, l.tick-corrected, left)
		default:
			corrected = l.tick
		}
	}
	if l.longest > 120.125 { // the playout knows when a packet came to the sample
		t.Errorf("%s: a packet is played %.1f ms after it came, want 120 at most", what, l.longest)
	}
	l.forget()
	l.plays(500)
	if p90 := quantile(l.delays, 0.9); p90 > most+15 || l.j.Concealed > 0 {
		t.Errorf("%s: p90 %.1f ms, before it was %.1f; %d samples made up", what, p90, most, l.j.Concealed)
	}
	if p50 := quantile(l.delays, 0.5); p50 > median+5 {
		t.Errorf("%s: p50 %.1f ms, before it was %.1f", what, p50, median)
	}
}

// A step in the delay that stays: it is not held back in the playout as well.
func TestStepThatStays(t *testing.T) {
	for _, step := range []float64{15, 40, 90, 250, -15, -40, -90} {
		l := listen(path{phase: 7, transit: func(sent float64) float64 {
			if sent > 10_000 == (step > 0) {
				return math.Abs(step)
			}
			return 0
		}})
		l.plays(800)
		l.forget()
		l.plays(500)
		network := max(0, step)
		if p99 := quantile(l.delays, 0.99) - network; p99 > 37 || l.j.Concealed > 0 {
			t.Errorf("step of %v ms: held back for %.1f ms, %d samples made up", step, p99, l.j.Concealed)
		}
	}
}

// Eight hours of a clock that is 200 ppm fast or slow: the delay neither grows nor shrinks, nothing is made up, and the tone has no click.
func TestClockSkewForEightHours(t *testing.T) {
	for _, skew := range []float64{200e-6, -200e-6} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			t.Parallel()
			eightHours(t, skew)
		})
	}
}

func eightHours(t *testing.T, skew float64) {
	const hour = 3600 * 50
	l := listen(path{skew: skew, phase: 5, transit: uniform(2)})
	var hours []float64
	for range 8 {
		l.forget()
		l.plays(hour)
		hours = append(hours, quantile(l.delays, 0.5))
		if p99 := quantile(l.delays, 0.99); p99 > 40 || l.j.Concealed > 0 || l.greatest > 4500 {
			t.Errorf("p99 %.1f ms, %d samples made up, greatest step %d", p99, l.j.Concealed, l.greatest)
		}
	}
	t.Logf("p50 of each hour %.1f", hours)
	if slope := hours[7] - hours[0]; math.Abs(slope) > 1 {
		t.Errorf("the delay went from %.1f to %.1f ms", hours[0], hours[7])
	}
}

// Corrections allocate nothing.
func TestPaceAllocatesNothing(t *testing.T) {
	var j jitter
	j.setUp(160, 0)
	pcm, frame := make([]int16, 160), make([]int16, 160)
	at := int64(0)
	if n := testing.AllocsPerRun(2000, func() {
		tone(pcm, at)
		before := int64(150)
		if at < 500*160 {
			before = 1 // just at the tick: a frame is held back
		}
		j.put(at, pcm, before)
		j.pop(frame)
		at += 160
	}); n != 0 {
		t.Errorf("%v allocations per tick, want none", n)
	}
	if j.Skipped == 0 {
		t.Error("nothing was corrected")
	}
}

// TestWhoWaitsIsKnown: a packet of which nobody has asked when it came is played within the limit, had it waited since its socket was last read out, over ticks
// that were left out as well, and were the playing then held back by one pitch period more.
func TestWhoWaitsIsKnown(t *testing.T) {
	var j jitter
	j.setUp(160, 0)
	j.Playing, j.Next = true, 8000
	sure := 0
	for ticks := range uint8(10) {
		for ahead := range j.Limit + 160 {
			if j.wonders(j.Next+ahead, ticks) {
				continue
			}
			sure++
			if wait := ahead + 160*int64(ticks) + int64(pitchMax(160)); wait > j.Limit {
				t.Fatalf("%d ticks in the socket, and %d samples ahead: it may wait for %d, want at most %d", ticks, ahead, wait, j.Limit)
			}
		}
	}
	if sure < 500 {
		t.Errorf("nearly all are asked for: %d are not", sure)
	}
	var at int64
	for _, next := range []struct{ after, ticks int64 }{{1, 1}, {20, 1}, {20, 1}, {19, 1}, {21, 2}, {40, 2}, {41, 3}, {1000, 50}} {
		if at += next.after * 1e6; j.passed(at) != next.ticks {
			t.Errorf("at %d ms, %d after the one before: want %d ticks", at/1e6, next.after, next.ticks)
		}
	}
}

// TestClockFollowsAMove: a leg goes to a loop whose ticks are 5 ms sooner, and back: the playout's clock is the wall's still, as of two ticks before.
func TestClockFollowsAMove(t *testing.T) {
	var j jitter
	j.setUp(160, 0)
	const first = 1000
	j.passed(first * 1e6)
	for _, at := range []int64{1020, 1035, 1055, 1080, 1095, 1120, 1145, 1160} {
		j.Clock += 160 // the pop before
		if j.passed(at * 1e6); j.Clock != (at-first)*8 {
			t.Errorf("at %d ms the clock is at %d, want %d samples", at, j.Clock, (at-first)*8)
		}
	}
}
