package media_test

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/mediatest"
)

func TestKeysAreReportedOnce(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	c.Presses("159*0#")
	c.ticks(60)
	c.wantDigits("159*0#")
	c.wantStats("presses", c.Leg.Stats().Presses, 6)
	c.ticks(20)
	if got := c.Leg.Stats(); got.Concealed != 0 || got.Lost != 0 {
		t.Errorf("concealed %v, lost %d: a press is not a loss", got.Concealed, got.Lost)
	}
	c.wantLevel(c.last(10), 1000, -12)
}

func TestKeysByInfoAndByRTP(t *testing.T) {
	c := newCall(t, codec.PCMU)
	c.Says(1000)
	c.ticks(5)
	c.Leg.Press('7')
	c.Leg.Press('8')
	c.Presses("9")
	c.ticks(1)
	c.wantDigits("789")
	c.ticks(30)
	c.wantDigits("789")
}

// The phone is set to "RFC 2833 and SIP INFO": whatever comes first counts, and two presses of one key are two.
func TestKeysByBothWaysCountOnce(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	c.Presses("1") // INFO comes when the key comes up
	c.ticks(7)
	c.Leg.Press('1')
	c.ticks(3)
	c.Leg.Press('2') // INFO comes first
	c.Presses("2")
	c.ticks(10)
	c.Presses("33") // INFO comes after both
	c.ticks(18)
	c.Leg.Press('3')
	c.Leg.Press('3')
	c.ticks(1)
	c.wantDigits("1233")
	c.wantStats("echoes", c.Leg.Stats().Echoes, 4)
	c.ticks(50)
	c.Leg.Press('3') // pressed once more
	c.ticks(1)
	c.wantDigits("12333")
}

// Held for two seconds, and INFO comes when it is let go.
func TestALongKeyByBothWaysCountsOnce(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	for i, ts := 0, c.TS; i < 100; i++ {
		c.Event('0', ts, uint16(160*(i+1)), i == 0, i == 99)
		c.TS += 160
		c.pull()
	}
	c.Leg.Press('0')
	c.ticks(1)
	c.wantDigits("0")
}

// Many phones send the tone as sound too: nothing of it may be heard, and what was said before and after it must be.
func TestTheToneOfAKeyIsNotHeard(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(300)
	c.ticks(50)
	start := len(c.sound)
	c.Says(941)
	ts := c.TS
	for i := range 10 {
		c.Event('0', ts, uint16(160*(i+1)), i == 0, i == 9)
		c.Tick()
		c.pull()
	}
	c.Says(300)
	c.ticks(20)
	c.wantDigits("0")
	c.wantLevel(c.sound[start:start+14*160], 941, -60) // the edge of the 300 Hz reaches there
	if heard := c.frames - c.heard - 1; heard != 10 && heard != 11 {
		t.Errorf("%d frames muted by a press of 10 frames", heard)
	}
	c.wantLevel(c.last(15), 300, -12)
}

// dials presses keys as fast as a phone with speed dial: 60 ms each, with 40 ms between them, as events and as sound at once.
func (c *call) dials(keys string, pull func()) {
	for _, key := range []byte(keys) {
		ts := c.TS
		for i := range 5 {
			c.Says(0)
			if i < 3 {
				c.Says(941)
				c.Event(key, ts, uint16(160*(i+1)), i == 0, i == 2)
			}
			c.Tick()
			pull()
		}
	}
	c.Says(0)
}

// The playout is so far behind that the next key goes down before the one before it has been played.
func TestTonesOfFastKeysAreNotHeard(t *testing.T) {
	for _, stall := range []int{0, 3, 5} { // ticks in which nothing comes, and then all at once
		c := newCall(t, codec.PCMA)
		c.Says(300)
		c.ticks(50)
		for range 4 {
			for range stall {
				c.pull()
			}
			for range stall {
				c.Tick()
			}
			c.ticks(10)
		}
		c.Says(0)
		c.ticks(10)
		start, behind := len(c.sound), c.slack()/8
		c.dials("1234", func() { c.pull() })
		c.ticks(20)
		c.wantDigits("1234")
		for i, frame := 0, c.sound[start:]; len(frame) > 0; i, frame = i+1, frame[160:] {
			if got := mediatest.Level(frame[:160], 941, 8000); got > -60 {
				t.Errorf("%d ms behind: %.0f dBov of a key's tone after %d ms", behind, got, 20*i)
			}
		}
		heard := c.heard
		c.Says(300)
		c.ticks(30)
		// Which packets the pace learns from is a matter of their random sequence numbers: it may have held back one frame more.
		if most := 30 - int(behind)/20; c.heard-heard > most || c.heard-heard < most-1 {
			t.Errorf("%d ms behind: heard %d of the 30 frames after the keys, want %d or one less: all but those held back", behind, c.heard-heard, most)
		}
	}
}

// All of it comes in one tick, after a stall, together with what is said after it.
func TestTonesOfFastKeysInOneTick(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(0)
	c.ticks(50)
	start := len(c.sound)
	c.dials("12", func() {})
	c.Says(300)
	c.ticks(30)
	c.wantDigits("12")
	c.wantLevel(c.sound[start:start+10*160], 941, -60)
	c.wantLevel(c.last(15), 300, -12)
}

// Asterisk sends two packets at the beginning and three at the end, and nothing in between when we send it nothing.
func TestAsteriskWithLostEnds(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	c.Event('4', c.TS, 0, true, false)
	c.Event('4', c.TS, 160, false, false)
	c.Silent = true
	c.ticks(5)
	heard := c.heard
	c.Says(1000) // the ends are lost, and the sound goes on
	c.ticks(50)
	c.wantDigits("4")
	if missing := 50 - (c.heard - heard); missing < 4 || missing > 7 {
		t.Errorf("%d frames not heard after the sound came back, want about 5: 200 ms from the last packet", missing)
	}
	if got := c.Leg.Stats().Concealed; got > 20*time.Millisecond {
		t.Errorf("concealed %v", got)
	}
}

// SIPp plays its recordings with the same sequence number in all three ends.
func TestEndsWithOneSequenceNumber(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	for range 3 {
		c.Packet(101, c.TS, false, []byte{3, 0x8a, 3, 0x20})
		c.Seq--
	}
	c.Seq++
	c.TS += 800
	c.ticks(30)
	c.wantDigits("3")
	c.wantStats("lost", uint64(c.Leg.Stats().Lost), 0)
}

func TestBadEvents(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	heard := c.heard
	c.Packet(101, c.TS, true, []byte{5, 0x8a, 3})     // cut off
	c.Packet(101, c.TS, true, []byte{16, 0x8a, 3, 9}) // flash
	c.ticks(10)
	c.wantDigits("")
	c.wantStats("bad events", c.Leg.Stats().BadEvents, 2)
	if c.heard-heard != 10 {
		t.Error("something that is no key muted the leg")
	}
}

// A press before any sound, as the first thing that comes.
func TestKeyBeforeAnySound(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Presses("1")
	c.ticks(10)
	c.Says(1000)
	heard := c.heard
	c.ticks(20)
	c.wantDigits("1")
	if c.heard-heard < 18 {
		t.Errorf("heard %d of 20 frames after the press", c.heard-heard)
	}
}
