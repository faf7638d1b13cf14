package media_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// sending is one packet of a talker: when it comes, in ms, and what it is.
type sending struct {
	at  float64
	seq uint16
	ts  uint32
}

// sends makes 20 s of packets of that many ms, which come 7 to 9 ms after a tick; change makes the path or the talker odd.
func sends(ms int, change func(i int, s *sending, random *rand.Rand)) []sending {
	random := rand.New(rand.NewPCG(1, 2))
	var all []sending
	for i := range 20_000 / ms {
		s := sending{float64((i+1)*ms) + 7 + 2*random.Float64(), uint16(i), uint32(1_000_000 + 8*ms*i)}
		change(i, &s, random)
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b sending) int { return int(1000 * (a.at - b.at)) })
	return all
}

// through plays them to a leg whose socket knows when they came; skip says how many ticks are left out at a tick.  It returns what was on hand
// after each tick, in ms, and the leg's figures.
func through(t *testing.T, all []sending, ms int, skip func(tick int) int) (held []int64, s media.LegStats) {
	t.Helper()
	p := mediatest.NewPhone(t, codec.PCMA)
	p.Says(437)
	whole := p.Frame()
	for tick := 0; tick < 1000; tick++ {
		tick += skip(tick)
		now := int64(tick+1) * int64(20*time.Millisecond)
		for len(all) > 0 && all[0].at*1e6 <= float64(now) {
			p.Now, p.Seq, p.TS = int64(all[0].at*1e6), all[0].seq, all[0].ts
			p.Sound(whole[:8*ms])
			all = all[1:]
		}
		p.Leg.Pull(now)
		if playout := p.Leg.State().Playout; playout.Playing {
			held = append(held, max(0, playout.End-playout.Next)/8)
		}
	}
	slices.Sort(held)
	return held, p.Leg.Stats()
}

// Odd paths and odd talkers, 20 s each.  A packet that is late again and again is waited for, though the kernel is asked for few arrivals;
// a talker who sets his clock, or a loop that has left out ticks, is not held back for it.
func TestOddPaths(t *testing.T) {
	never := func(int) int { return 0 }
	late := func(every int, by float64) func(int, *sending, *rand.Rand) {
		return func(i int, s *sending, _ *rand.Rand) {
			if i%every == every-1 {
				s.at += by
			}
		}
	}
	tests := []struct {
		name     string
		ms       int
		change   func(i int, s *sending, random *rand.Rand)
		skip     func(tick int) int
		made     time.Duration // at most, of 20 s
		p50, p99 int64         // ms on hand after a tick, at most
	}{
		{"regular", 20, func(int, *sending, *rand.Rand) {}, never, 0, 10, 20},
		{"every tenth pair swapped", 20, late(10, 25), never, 250 * time.Millisecond, 30, 40},
		{"one in eight is 25 ms late", 20, late(8, 25), never, 250 * time.Millisecond, 30, 40},
		{"one in sixteen is 25 ms late", 20, late(16, 25), never, 250 * time.Millisecond, 30, 40},
		{"10 ms packets, one in sixteen is 15 ms late", 10, late(16, 15), never, 250 * time.Millisecond, 30, 40},
		{"a second way that is 25 ms longer", 20, func(_ int, s *sending, random *rand.Rand) {
			if random.IntN(11) == 0 {
				s.at += 25
			}
		}, never, 250 * time.Millisecond, 30, 40},
		{"timestamps jump ahead by 400 ms every 4 s", 20, func(i int, s *sending, _ *rand.Rand) { s.ts += uint32(i / 200 * 3200) }, never,
			100 * time.Millisecond, 40, 120},
		{"the same, after a pause of 600 ms", 20, func(i int, s *sending, _ *rand.Rand) {
			if s.ts += uint32(i / 200 * 3200); i%200 < 30 {
				s.at = 1e9
			}
		}, never, 350 * time.Millisecond, 20, 20},
		{"ten ticks are left out every 3 s", 20, func(int, *sending, *rand.Rand) {}, func(tick int) int {
			if tick%150 == 149 {
				return 10
			}
			return 0
		}, 50 * time.Millisecond, 20, 120},
	}
	for _, tt := range tests {
		held, s := through(t, sends(tt.ms, tt.change), tt.ms, tt.skip)
		p50, p99 := held[len(held)/2], held[len(held)*99/100]
		if s.Concealed > tt.made || p50 > tt.p50 || p99 > tt.p99 {
			t.Errorf("%s: made up %v, on hand p50 %d ms, p99 %d; want at most %v, %d, %d", tt.name, s.Concealed, p50, p99, tt.made, tt.p50, tt.p99)
		}
	}
}

// Packets that have waited in the socket until the leg got its loop are not taken for those of a slow network: 2 s later they hold nobody back.
func TestWhatWaitedIsCaughtUp(t *testing.T) {
	for _, waiting := range []int{2, 5, 10, 30, 100} {
		held, _ := through(t, sends(20, func(int, *sending, *rand.Rand) {}), 20, func(tick int) int {
			if tick == 0 {
				return waiting
			}
			return 0
		})
		if p80 := held[len(held)*8/10]; p80 > 20 {
			t.Errorf("%d packets had waited: on hand p80 %d ms, want at most 20", waiting, p80)
		}
	}
}

// The wall clock, by which the kernel stamps arrivals, is set between an arrival and the tick that reads it.
func TestTheWallClockIsSet(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 60 * 365 * 24 * time.Hour} {
		c := newCall(t, codec.PCMA)
		c.now = int64(1e12)
		for i := range 300 {
			c.Now = c.now + int64(10*time.Millisecond)
			if i >= 200 && i < 208 { // one in seven is asked for
				c.Now -= int64(step)
			}
			c.ticks(1)
		}
		if s := c.Leg.Stats(); s.Concealed != 0 || s.Jitter > 20*time.Millisecond || c.slack() > 320 {
			t.Errorf("set by %v: made up %v, jitter %v, %d samples on hand", step, s.Concealed, s.Jitter, c.slack())
		}
	}
}
