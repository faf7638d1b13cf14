package media_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

const ms = time.Millisecond

// newOldCall is a call of a phone that knows no telephone-event.
func newOldCall(t *testing.T, c *codec.Codec) *call {
	o := newCall(t, c)
	s := o.Session()
	s.EventType, s.EventRate = 0, 0
	o.Leg.Update(s)
	return o
}

// lost is a packet that is sent and never comes.
func (c *call) lost() {
	c.Frame()
	c.Seq++
	c.TS += 160
}

// loses is a tick of which the packet is lost.
func (c *call) loses() {
	c.lost()
	c.pull()
}

// pieces are how long, in ms, something louder than -44 dBov is heard at a time.
func pieces(heard []int16) (lengths []float64) {
	const loud, rest = 200, 16
	begin, end := -1, 0
	for i, s := range heard {
		switch {
		case s < loud && s > -loud:
			if begin >= 0 && i-end > rest {
				lengths = append(lengths, float64(end-begin+1)/8)
				begin = -1
			}
			continue
		case begin < 0:
			begin = i
		}
		end = i
	}
	return lengths
}

// An old phone dials 1 5 # over and over, by a line that loses one packet in fifty.  Each key is reported once, and of each the others hear less
// than 5 ms, if anything.
func TestKeysInTheSound(t *testing.T) {
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 2))
		old, anna, ben := newOldCall(t, codec.PCMA), newCall(t, codec.PCMU), newCall(t, codec.PCMA)
		room := &party{legs: []*media.Leg{old.Leg, anna.Leg, ben.Leg}, sum: make([]int32, 160), mix: make([]int16, 160)}
		var digits, want string
		var heard []int16
		now := int64(0)
		ticks := func(n int) {
			for range n {
				if random.IntN(50) == 0 {
					old.lost()
				} else {
					old.Tick()
				}
				anna.Tick()
				ben.Tick()
				now += int64(20 * ms)
				room.Tick(now)
				digits += string(old.Leg.Digits())
				heard = append(heard, anna.Hears()...)
				ben.Hears()
			}
		}
		ticks(50)
		for range 20 {
			old.Dials("15#", 97*ms, 101*ms) // so that they begin anywhere in a frame
			want += "15#"
		}
		ticks(60*198/20 + 50)
		if digits != want {
			t.Errorf("seed %d: digits %q, want %q", seed, digits, want)
		}
		beeps := pieces(heard)
		for _, beep := range beeps {
			if beep > 5 {
				t.Errorf("seed %d: anna hears %.1f ms of a key", seed, beep)
			}
		}
		if old.Leg.Stats().Lost == 0 || len(beeps) > 15 {
			t.Errorf("seed %d: %d packets were lost, and %d of 60 keys heard, want some and 15 at most", seed, old.Leg.Stats().Lost, len(beeps))
		}
	}
}

// Any one packet may be lost, of a key, of the pause behind it, or of the key pressed again: nothing is doubled, nor swallowed if there is
// enough left of it.
func TestAKeyWithALostPacket(t *testing.T) {
	for _, tt := range []struct {
		held, pause time.Duration
		least       string
	}{{80 * ms, 60 * ms, "77"}, {50 * ms, 50 * ms, "7"}} {
		for begin := range 10 {
			for lost := range 14 {
				c := newOldCall(t, []*codec.Codec{codec.PCMA, codec.PCMU}[begin%2])
				c.Says(0)
				c.ticks(20)
				c.Pauses(time.Duration(2*begin) * ms)
				c.Dials("77", tt.held, tt.pause)
				c.ticks(lost)
				c.loses()
				c.ticks(30)
				if got := string(c.digits); got != "77" && got != tt.least {
					t.Errorf("%v, begins %d ms late, packet %d is lost: digits %q, want %q at least", tt.held, 2*begin, lost, got, tt.least)
				}
			}
		}
	}
}

// Concealment repeats the last tone that came, and that makes no key: neither of a short one nor of one that has ended.
func TestConcealmentPressesNothing(t *testing.T) {
	for begin := range 10 {
		c := newOldCall(t, codec.PCMA)
		c.Says(0)
		c.ticks(20)
		c.Pauses(time.Duration(2*begin) * ms)
		c.Dials("3", 22*ms, 0)
		c.ticks(2)
		for range 5 {
			c.loses()
		}
		c.ticks(20)
		c.wantDigits("")
		if got := c.Leg.Stats().Concealed; got < 40*ms {
			t.Errorf("begins %d ms late: %v were made up: this shows nothing", 2*begin, got)
		}
		if c.Leg.State().Tones.Key != 0 {
			t.Errorf("begins %d ms late: %+v half a second later", 2*begin, c.Leg.State().Tones)
		}
	}
}

// The packet that it begins in is lost.  Then it has begun when the next one comes, and nothing of that is heard.
func TestAKeyThatBeginsInALostPacket(t *testing.T) {
	for begin := range 10 {
		c := newOldCall(t, codec.PCMA)
		c.Says(0)
		c.ticks(20)
		c.Pauses(time.Duration(2*begin) * ms)
		c.Dials("6", 100*ms, 0)
		c.loses()
		c.ticks(20)
		c.wantDigits("6")
		if got := pieces(c.mixed); got != nil {
			t.Errorf("begins %d ms before the end of the lost packet: %v ms of it are heard", 20-2*begin, got)
		}
	}
}

// A burst of loss in the middle of a long key, and the sound before and after it.
func TestALongKeyWithAGap(t *testing.T) {
	for _, lost := range []int{1, 2, 3, 4, 6, 8} {
		c := newOldCall(t, codec.PCMA)
		c.Says(300)
		c.ticks(20)
		c.Dials("9", 400*ms, 0)
		c.ticks(6)
		start := len(c.mixed)
		for range lost {
			c.loses()
		}
		c.ticks(14 - lost)
		c.wantLevel(c.mixed[start:], 852, -60)
		c.ticks(40)
		c.wantDigits("9")
		c.wantLevel(c.last(30), 300, -12)
		if c.heard < c.frames-23 {
			t.Errorf("%d lost: %d of %d frames are heard, want all but those of a key of 20", lost, c.heard, c.frames)
		}
	}
}

// The packets come in bursts, and the sender's clock is fast or slow: what the playout cuts out and plays twice makes no difference to the keys.
func TestKeysOverAPoorLine(t *testing.T) {
	for _, drift := range []int{0, 50, -50} { // one packet more, or less, in so many
		c := newOldCall(t, codec.PCMA)
		c.Says(200)
		c.ticks(20)
		want := ""
		for range 20 {
			c.Dials("2580", 110*ms, 90*ms)
			want += "2580"
		}
		for i := range 900 {
			switch {
			case i%3 == 1 && i%2 == 0: // held up
			case i%3 == 2 && (i-1)%2 == 0:
				c.Tick()
				c.Tick()
			case drift > 0 && i%drift == 0:
				c.Tick()
				c.Tick()
			case drift < 0 && i%-drift == 0:
			default:
				c.Tick()
			}
			c.pull()
		}
		c.wantDigits(want)
		if drift != 0 && c.Leg.Stats().Discarded == 0 && c.Leg.Stats().Concealed == 0 {
			t.Error("nothing was cut out or made up: this shows nothing")
		}
	}
}

// The phone says INFO too, while the key is down or when it comes up, as it has been set to.
func TestKeysInTheSoundAndByInfo(t *testing.T) {
	c := newOldCall(t, codec.PCMA)
	c.Says(0)
	c.ticks(20)
	c.Dials("4", 100*ms, 200*ms)
	c.ticks(3)
	c.Leg.Press('4')
	c.ticks(20)
	c.Leg.Press('5') // INFO comes first
	c.Dials("5", 100*ms, 200*ms)
	c.ticks(20)
	c.Dials("6", 2000*ms, 200*ms)
	c.ticks(103)
	c.Leg.Press('6')
	c.ticks(20)
	c.wantDigits("456")
	c.wantStats("echoes", c.Leg.Stats().Echoes, 3)
	c.wantStats("presses", c.Leg.Stats().Presses, 3)
}

// Who has agreed to send events may play what tones he likes: it is sound.  And who has not any more, by a re-INVITE, is listened to again.
func TestTonesAreSoundWhereEventsAre(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(0)
	c.ticks(20)
	c.Dials("1", 200*ms, 0)
	c.ticks(11)
	c.wantDigits("")
	c.wantLevel(c.last(8), 697, -16)

	s := c.Session()
	s.EventType = 0
	c.Leg.Update(s)
	c.ticks(10)
	c.Dials("2", 200*ms, 0)
	c.ticks(6)
	c.wantDigits("2")
	if c.Leg.Heard() {
		t.Error("a key is heard")
	}
	c.Leg.Update(c.Session()) // in the middle of it
	c.ticks(4)
	c.wantLevel(c.last(3), 697, -16)
	if got := c.Leg.State().Tones; got != (media.Tones{}) {
		t.Errorf("with events: %+v", got)
	}
	c.Presses("3")
	c.ticks(10)
	c.wantDigits("23")
}

// Somebody talks until he presses a key and goes on when he lets it go.  All but a frame or two of it is heard, and without a click where it is muted.
func TestSoundAroundAKey(t *testing.T) {
	for begin := 0; begin < 160; begin += 16 {
		c := newOldCall(t, codec.PCMA)
		c.Says(300)
		said := c.talks(50*160 + begin)
		said = append(append(said, mediatest.Key('8', 100*ms, 8000)...), c.talks(30*160)...)
		for ; len(said) >= 160; said = said[160:] {
			c.Sound(said[:160])
			c.TS += 160
			c.pull()
		}
		c.wantDigits("8")
		const held = 160 // back
		start, end := held+50*160+begin, len(c.mixed)-1
		if got := steepest(c.mixed[held:start]); got > 4000 {
			t.Errorf("begins after %d samples: a step of %d before it, 300 Hz have 2,700", begin, got)
		}
		for c.mixed[end] != 0 || c.mixed[end-1] != 0 {
			end--
		}
		if got := steepest(c.mixed[end:]); got > 4000 || end > start+9*160 {
			t.Errorf("begins after %d samples: heard again %d samples later, with a step of %d", begin, end-start, got)
		}
		muted := 0
		for _, s := range c.mixed[start-160 : end] {
			if s == 0 {
				muted++
			}
		}
		if leaked := end - start - muted; leaked > 8*8 {
			t.Errorf("begins after %d samples: %d samples of it are heard", begin, leaked)
		}
	}
}

// talks makes that many samples of what it says.
func (c *call) talks(samples int) (said []int16) {
	for len(said) < samples {
		said = append(said, c.Frame()...)
	}
	return said[:samples]
}

// A loud key teaches the levelling nothing of his voice.
func TestKeysAreNotLevelled(t *testing.T) {
	c := newOldCall(t, codec.PCMA)
	c.Leg = media.NewLeg(media.LegConfig{Level: true}, c.Conn)
	s := c.Session()
	s.EventType = 0
	c.Leg.Update(s)
	c.Says(300)
	c.ticks(1000)
	c.Says(0)
	c.ticks(5)
	before := c.Leg.State().Levelling
	c.Dials("0", 1000*ms, 0)
	c.ticks(60)
	c.wantDigits("0")
	if after := c.Leg.State().Levelling; after.Gain != before.Gain || after.Speech != before.Speech {
		t.Errorf("%+v before the key, %+v after it", before, after)
	}
}

// The line is silent between two presses of one key, and says so instead of sending it.
func TestComfortNoiseBetweenKeys(t *testing.T) {
	c := newOldCall(t, codec.PCMA)
	c.Says(0)
	c.ticks(20)
	for range 2 {
		c.Dials("1", 100*ms, 0)
		c.ticks(5)
		c.Packet(13, c.TS, false, []byte{70})
		c.Silent = true
		c.ticks(5)
		c.Silent = false
	}
	c.ticks(10)
	c.wantDigits("11")
}
