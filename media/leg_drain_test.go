package media_test

import (
	"cmp"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// came sets when the packets of this tick come: so long before it.
func (c *call) came(before time.Duration) { c.Now = c.now + int64(20*time.Millisecond-before) }

// networks are how long a packet may be under way, in ms, by when it was sent.
var networks = map[string]func(sent int64) int64{
	"stall":       func(sent int64) int64 { return after(sent, 0, max(0, 6500-sent)) },
	"short stall": func(sent int64) int64 { return after(sent, 0, max(0, 6200-sent)) },
	"faster":      func(sent int64) int64 { return after(sent, 100, max(0, 6100-sent)) }, // packets come by twos for a while
	"at once":     func(sent int64) int64 { return after(sent, 100, 0) },
	"wild":        func(sent int64) int64 { return after(sent, 0, sent*7919%150) },
	"slow":        func(int64) int64 { return 100 },
}

// after is the one until 6 s, and then the other.
func after(sent, before, then int64) int64 {
	if sent < 6000 {
		return before
	}
	return then
}

// No packet is played later than the cap after it came, also when what is not needed waits in the socket; and when it is the server that stalls, which
// finds there what came meanwhile.
func TestNothingStaleIsPlayed(t *testing.T) {
	for name, network := range networks {
		for _, limit := range []time.Duration{40 * time.Millisecond, 120 * time.Millisecond} {
			for _, packet := range []int64{20, 60} {
				for _, stall := range []int64{0, 200, 1000} { // ms, of the server
					if worst, late := stale(t, network, limit, packet, stall); late > 0 {
						t.Errorf("%s, packets of %d ms, server stalls %d ms: %d frames are played up to %v after they came, want %v at most",
							name, packet, stall, late, worst, limit)
					}
				}
			}
		}
	}
}

// stale is how many frames were played too late, and the worst of them, in all phases of what is done now and then.
func stale(t *testing.T, network func(sent int64) int64, limit time.Duration, packet, stall int64) (worst time.Duration, frames int) {
	t.Helper()
	for lead := range int64(16) {
		c := newCall(t, codec.PCMA)
		c.Leg = media.NewLeg(media.LegConfig{JitterMax: limit}, c.Conn)
		c.Leg.Update(c.Session())
		w := waiting{call: c, packet: packet, transit: network, came: make(map[uint32]int64)}
		for at := int64(0); at < 8000; at += 20 {
			if at >= 6100+20*lead && at < 6100+20*lead+stall {
				c.now += int64(20 * time.Millisecond)
			} else if age := w.plays(); age > limit {
				worst, frames = max(worst, age), frames+1
			}
		}
		c.Leg.Close()
	}
	return worst, frames
}

// waiting is a call of which is known how long its packets wait.
type waiting struct {
	*call
	packet  int64 // ms
	next    int64 // number of the next packet
	transit func(sent int64) int64
	flying  []flying
	came    map[uint32]int64 // by timestamp
}

type flying struct{ at, number int64 }

// plays is a tick, and says how long the packet that has waited the longest of what is played had waited since it came.
func (w *waiting) plays() (age time.Duration) {
	const ms, phase = int64(time.Millisecond), 7
	tick := w.now + 20*ms
	for sent := w.next*w.packet + phase; sent*ms <= tick; sent = w.next*w.packet + phase {
		w.flying = append(w.flying, flying{(sent + w.transit(sent)) * ms, w.next})
		w.next++
	}
	slices.SortStableFunc(w.flying, func(a, b flying) int { return cmp.Compare(a.at, b.at) })
	for ; len(w.flying) > 0 && w.flying[0].at <= tick; w.flying = w.flying[1:] {
		f := w.flying[0]
		payload := make([]byte, 8*w.packet)
		for i := range payload {
			payload[i] = byte(0xd5 ^ i%80)
		}
		ts := uint32(f.number * 8 * w.packet)
		w.Seq, w.Now, w.came[ts] = uint16(f.number), f.at, f.at
		w.Packet(8, ts, false, payload)
	}
	w.pull()
	playout := w.Leg.State().Playout
	if !playout.Playing || !w.Leg.Heard() {
		return 0
	}
	first := uint32(playout.Next - 160)
	for ts := first / uint32(8*w.packet) * uint32(8*w.packet); int32(ts-first) < 160; ts += uint32(8 * w.packet) {
		if at, ok := w.came[ts]; ok && ts < uint32(playout.End) {
			age = max(age, time.Duration(w.now-at)+time.Duration(int32(ts-first))*time.Second/8000)
		}
	}
	return age
}

// A phone sends the tone of a key as sound too, and the event right behind the sound of the same 20 ms: as the event may wait in the
// socket while that sound is played, at most that one frame is heard.
func TestToneBeforeItsEventIsHardlyHeard(t *testing.T) {
	for lead := range 16 {
		c := newCall(t, codec.PCMA)
		c.Says(300)
		for range 300 + lead {
			c.came(10 * time.Millisecond)
			c.ticks(1)
		}
		start, ts, leaks := len(c.mixed), c.TS, 0
		for i := range 10 {
			c.came(10 * time.Millisecond)
			if c.Says(300); i < 5 {
				c.Says(941)
			}
			if c.Tick(); i < 5 {
				c.Event('1', ts, uint16(160*(i+1)), i == 0, i == 4)
			}
			c.pull()
		}
		for frame := c.mixed[start:]; len(frame) > 0; frame = frame[160:] {
			if mediatest.Level(frame[:160], 941, 8000) > -40 {
				leaks++
			}
		}
		if leaks > 1 {
			t.Errorf("phase %d: %d frames of a key's tone are heard, want one at most", lead, leaks)
		}
	}
}

// Packets come in groups of four, as over some radio links: some 30 ms are held back on the average, and the metric says so.
func TestShownDelayIsTheDelay(t *testing.T) {
	var sum time.Duration
	n := 0
	for lead := range 16 {
		c := newCall(t, codec.PCMA)
		c.Says(1000)
		for range lead {
			c.pull()
		}
		for i := range 1200 {
			if i%4 == 3 {
				c.came(12 * time.Millisecond)
				for range 4 {
					c.Tick()
				}
			}
			c.pull()
			if i > 400 && i%16 == 0 {
				sum, n = sum+c.Leg.ShownHeld(), n+1
			}
		}
	}
	if mean := sum / time.Duration(n); mean < 25*time.Millisecond {
		t.Errorf("the shown delay is %v on the average, want 31 ms", mean)
	}
}

// A key mutes as long in all phases of what is done now and then.
func TestPressesMuteTheSameInAllPhases(t *testing.T) {
	hist := map[int]int{}
	for lead := range 16 {
		c := newCall(t, codec.PCMA)
		c.Says(300)
		c.ticks(50 + lead)
		h0, f0 := c.heard, c.frames
		c.Says(941)
		ts := c.TS
		for i := range 10 {
			c.Event('0', ts, uint16(160*(i+1)), i == 0, i == 9)
			c.Tick()
			c.pull()
		}
		c.Says(300)
		c.ticks(20)
		hist[(c.frames-f0)-(c.heard-h0)]++
	}
	if hist[10]+hist[11] != 16 {
		t.Error("frames muted by a press of 10 frames, and in how many phases:", hist)
	}
}

// asked counts how often a socket was asked in vain.
type asked struct {
	media.Conn
	vain int
}

func (a *asked) Recv(b []byte) (int, netip.AddrPort, bool) {
	n, from, ok := a.Conn.Recv(b)
	if !ok {
		a.vain++
	}
	return n, from, ok
}

// Of a phone whose packets come one by one the socket is asked in vain in one tick of four.
func TestSocketIsSeldomAskedInVain(t *testing.T) {
	c := newCall(t, codec.PCMA)
	a := &asked{Conn: c.Conn}
	c.Leg = media.NewLeg(media.LegConfig{}, a)
	defer c.Leg.Close()
	c.Leg.Update(c.Session())
	const before, ticks = 100, 1600
	for n := range before + ticks {
		if n == before {
			a.vain = 0
		}
		c.came(10 * time.Millisecond)
		c.Tick()
		c.pull()
	}
	if a.vain != ticks/4 {
		t.Errorf("asked in vain %d times in %d ticks, want %d", a.vain, ticks, ticks/4)
	}
}

// flood is a socket on which always something more waits.
type flood struct{ media.Conn }

func (f flood) Recv(b []byte) (int, netip.AddrPort, bool) {
	if n, from, ok := f.Conn.Recv(b); ok {
		return n, from, ok
	}
	return copy(b, "noise"), netip.MustParseAddrPort("192.0.2.66:6666"), true
}

// A flood is read as far as may be in every tick, and counted, for however long it goes on.
func TestFloodIsReadForLong(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Leg = media.NewLeg(media.LegConfig{}, flood{c.Conn})
	defer c.Leg.Close()
	c.Leg.Update(c.Session())
	const ticks = 600
	c.ticks(ticks)
	if s := c.Leg.Stats(); s.Flooded < ticks-4 || s.PacketsIn < ticks-2 {
		t.Errorf("of %d flooded ticks %d were counted, and %d packets of the phone read", ticks, s.Flooded, s.PacketsIn)
	}
}
