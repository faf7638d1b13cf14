package media_test

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/mediatest"
)

// came sets when the packets of this tick come: so long before it.
func (c *call) came(before time.Duration) { c.Now = c.now + int64(20*time.Millisecond-before) }

// The cap holds from the first tick on: after a stall of the network (nothing comes, then all at once) and of the server (ticks are skipped, packets
// wait), what is played is never older than the cap, a packet and a tick.
func TestNothingStaleIsPlayed(t *testing.T) {
	for _, server := range []bool{false, true} {
		for _, stall := range []int{10, 25, 50} {
			worst, frames := time.Duration(0), 0
			for lead := range 16 { // all phases of what is done now and then
				c := newCall(t, codec.PCMA)
				c.Says(1000)
				for range 300 + lead {
					c.came(8 * time.Millisecond)
					c.ticks(1)
				}
				for range stall {
					if server {
						c.came(8 * time.Millisecond)
						c.Tick()
						c.now += int64(20 * time.Millisecond)
					} else {
						c.pull()
					}
				}
				c.came(8 * time.Millisecond)
				for range stall {
					if !server {
						c.Tick()
					}
				}
				old := 0
				for range 12 {
					c.came(8 * time.Millisecond)
					c.Tick()
					c.pull()
					s := c.Leg.State()
					behind := int64(int32(c.TS-uint32(s.Source.Ext))) - 160 // has been sent and waits in the socket
					age := time.Duration(s.Playout.End+behind-s.Playout.Next) * time.Second / 8000
					if s.Playout.Playing && c.Leg.Heard() && age > 140*time.Millisecond {
						worst, old = max(worst, age), old+1
					}
				}
				frames = max(frames, old)
			}
			if frames > 0 {
				t.Errorf("server stalls %v, %d ms: %d frames are played %v behind, want 140 ms at most", server, 20*stall, frames, worst)
			}
		}
	}
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
