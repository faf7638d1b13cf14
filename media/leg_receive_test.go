package media_test

import (
	"math"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// call is a phone and its leg, and a clock that has them talk.
type call struct {
	*mediatest.Phone
	t      *testing.T
	now    int64
	frames int     // pulled
	heard  int     // of them, that could be mixed
	sound  []int16 // all that was pulled
	mixed  []int16 // the same, with silence for what is not heard
	digits []byte
}

func newCall(t *testing.T, c *codec.Codec) *call {
	return &call{Phone: mediatest.NewPhone(t, c), t: t}
}

// pull is one tick of the leg.
func (c *call) pull() []int16 {
	c.now += int64(20 * time.Millisecond)
	frame := c.Leg.Pull(c.now)
	if len(frame) != c.Codec.FrameSize() {
		c.t.Fatalf("Pull gave %d samples, want %d", len(frame), c.Codec.FrameSize())
	}
	c.frames++
	c.sound = append(c.sound, frame...)
	if c.Leg.Heard() {
		c.heard++
		c.mixed = append(c.mixed, frame...)
	} else {
		c.mixed = append(c.mixed, make([]int16, len(frame))...)
	}
	c.digits = append(c.digits, c.Leg.Digits()...)
	return frame
}

// ticks lets the phone and the leg go on for n ticks.
func (c *call) ticks(n int) {
	for range n {
		c.Tick()
		c.pull()
	}
}

// last is the last n frames that were pulled.
func (c *call) last(n int) []int16 { return c.sound[len(c.sound)-n*c.Codec.FrameSize():] }

func (c *call) wantLevel(samples []int16, hz, want float64) {
	c.t.Helper()
	if got := mediatest.Level(samples, hz, c.Codec.Rate); math.Abs(got-want) > 1 && !(want <= -60 && got <= want) {
		c.t.Errorf("tone of %.0f Hz is at %.1f dBov, want %.1f", hz, got, want)
	}
}

func (c *call) wantDigits(want string) {
	c.t.Helper()
	if string(c.digits) != want {
		c.t.Errorf("digits %q, want %q", c.digits, want)
	}
}

func (c *call) wantStats(what string, got, want uint64) {
	c.t.Helper()
	if got != want {
		c.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// smooth fails when the samples jump by more than a 1 kHz tone of that level can: a click.
func (c *call) smooth(samples []int16) {
	c.t.Helper()
	for i := 1; i < len(samples); i++ {
		if d := int(samples[i]) - int(samples[i-1]); d > 11000 || d < -11000 {
			c.t.Errorf("click of %d at sample %d", d, i)
			return
		}
	}
}

func TestToneArrivesUntouched(t *testing.T) {
	for _, law := range []*codec.Codec{codec.PCMA, codec.PCMU} {
		t.Run(law.Name, func(t *testing.T) {
			c := newCall(t, law)
			c.Says(1000)
			var said []int16
			for range 500 {
				frame := c.Frame()
				coded := make([]byte, len(frame))
				law.Encode(coded, frame)
				law.Decode(frame, coded)
				said = append(said, frame...)
			}
			c.ticks(500) // says the same once more: 1,000 Hz has whole periods in a frame
			delay := 160 // 20 ms are held back
			for i, s := range c.sound[delay:] {
				if s != said[i] {
					t.Fatalf("sample %d is %d, want %d: not what was said", i, s, said[i])
				}
			}
			if c.heard != 499 {
				t.Errorf("heard %d of 500 frames, want all but the one held back", c.heard)
			}
			if s := c.Leg.Stats(); s.Concealed != 0 || s.Discarded != 0 || s.Lost != 0 || s.PacketsIn != 500 {
				t.Errorf("stats %+v", s)
			}
			if got := c.Leg.Level(); got != -12 {
				t.Errorf("level %d dBov, want -12", got)
			}
		})
	}
}

// Packets of any length, which the ring makes no difference of.
func TestPacketLengths(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 40, 60, 200} {
		c := newCall(t, codec.PCMU)
		c.Says(800)
		var pending []int16
		for range 300 {
			pending = append(pending, c.Frame()...)
			for len(pending) >= 8*ms {
				c.Sound(pending[:8*ms])
				c.TS += uint32(8 * ms)
				pending = pending[8*ms:]
			}
			c.pull()
		}
		if s := c.Leg.Stats(); s.Concealed != 0 || s.Discarded > 20*time.Millisecond || s.Late != 0 || s.Malformed != 0 {
			t.Errorf("%d ms: stats %+v", ms, s)
		}
		c.wantLevel(c.last(200), 800, -12)
	}
}

func TestReorderedAndDoubled(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(10)
	for range 50 { // pairs swapped within a tick, each packet twice
		first, seq, ts := c.Frame(), c.Seq, c.TS
		second := c.Frame()
		c.Seq, c.TS = seq+1, ts+160
		c.Sound(second)
		c.Seq = seq + 1
		c.Sound(second)
		c.Seq, c.TS = seq, ts
		c.Sound(first)
		c.Seq = seq
		c.Sound(first)
		c.Seq, c.TS = seq+2, ts+320
		c.pull()
		c.pull()
	}
	s := c.Leg.Stats()
	c.wantStats("duplicates", s.Duplicates, 100)
	c.wantStats("late", s.Late, 0)
	if s.Concealed != 0 || s.Lost != 0 {
		t.Errorf("concealed %v, lost %d, want none", s.Concealed, s.Lost)
	}
	c.wantLevel(c.last(100), 1000, -12)
	c.smooth(c.sound[320:])
}

func TestOneLostPacketIsMadeUp(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(400)
	c.ticks(50)
	c.Frame() // its packet is lost
	c.Seq++
	c.TS += 160
	c.pull()
	c.ticks(50)
	s := c.Leg.Stats()
	if s.Concealed != 20*time.Millisecond || s.Lost != 1 {
		t.Errorf("concealed %v, lost %d, want 20ms and 1", s.Concealed, s.Lost)
	}
	c.wantLevel(c.sound[45*160:60*160], 400, -12)
	c.smooth(c.sound[320:])
	if c.heard != c.frames-1 {
		t.Errorf("heard %d of %d frames: the made-up one has to be mixed", c.heard, c.frames)
	}
}

// Nothing comes any more: 60 ms fade away, and after that it is silence, not loss.
func TestSilenceIsNotConcealedForEver(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(400)
	c.ticks(50)
	c.Silent = true
	c.ticks(100)
	if got := c.Leg.Stats().Concealed; got != 60*time.Millisecond {
		t.Errorf("concealed %v, want 60ms", got)
	}
	if c.Leg.Heard() || c.Leg.Level() != -127 {
		t.Error("still heard after two seconds of nothing")
	}
	c.Says(400)
	heard := c.heard
	c.ticks(50)
	if c.heard-heard != 49 {
		t.Errorf("heard %d of the 50 frames after the silence, want 49", c.heard-heard)
	}
	c.wantStats("lost", uint64(c.Leg.Stats().Lost), 0)
	c.wantLevel(c.last(40), 400, -12)
}

func TestComfortNoiseIsSilence(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(400)
	c.ticks(50)
	c.Packet(13, c.TS, false, []byte{70})
	c.pull()
	c.Silent = true
	c.ticks(20)
	c.Packet(13, c.TS, false, []byte{70})
	c.ticks(20)
	if got := c.Leg.Stats(); got.Concealed != 0 || got.UnknownType != 0 {
		t.Errorf("concealed %v, unknown types %d, want none", got.Concealed, got.UnknownType)
	}
	if c.Leg.Heard() {
		t.Error("comfort noise is heard")
	}
}

func TestJitterIsTakenUp(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	for range 100 { // every third packet comes one tick late, together with the next one
		c.ticks(2)
		c.pull()
		c.Tick()
		c.Tick()
		c.pull()
		c.ticks(1)
	}
	before := c.Leg.Stats()
	for range 100 {
		c.ticks(2)
		c.pull()
		c.Tick()
		c.Tick()
		c.pull()
	}
	if after := c.Leg.Stats(); after.Concealed != before.Concealed {
		t.Errorf("still concealing after %v: %v more", before.Concealed, after.Concealed-before.Concealed)
	}
	c.wantLevel(c.last(100), 1000, -12)
}

// A burst after a stall must not leave its delay behind.
func TestDelayComesBackAfterAStall(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	for range 2 { // a hiccup of 40 ms each: what was late is still played
		c.pull()
		c.pull()
		c.Tick()
		c.Tick()
		c.ticks(10)
	}
	high := c.slack()
	c.ticks(3000)
	if low := c.slack(); low > 50*8 || low >= high {
		t.Errorf("slack %d samples after the hiccups and %d a minute later, want it back under 400", high, low)
	}
	c.smooth(c.last(2900))
	c.wantLevel(c.last(1000), 1000, -12)
}

// slack is what is on hand after a tick.
func (c *call) slack() int64 {
	s := c.Leg.State().Playout
	return s.End - s.Next
}

// A second of packets at once: the cap holds.
func TestDelayIsCapped(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	for range 25 {
		c.Tick()
	}
	for range 4 { // what this tick does not need may wait for so long
		c.Tick()
		c.pull()
	}
	if got := c.slack(); got > 120*8 {
		t.Errorf("%d samples on hand after a storm, want at most 960", got)
	}
	if c.Leg.Stats().Discarded < 300*time.Millisecond {
		t.Errorf("discarded %v, want the most of 500ms", c.Leg.Stats().Discarded)
	}
	c.ticks(100)
	c.wantLevel(c.last(50), 1000, -12)
}

// A radio link that lets packets through every 400 ms only: with all the jitter that can be had there is no gap and no jump, and asking for
// more gives no more.
func TestTheMostJitter(t *testing.T) {
	for _, limit := range []time.Duration{media.MostJitter, time.Second, time.Hour} {
		c := newCall(t, codec.PCMA)
		c.Leg = media.NewLeg(media.LegConfig{JitterMax: limit}, c.Conn)
		c.Leg.Update(c.Session())
		c.Says(1000)
		through := func(n int) {
			for range n {
				for range 20 {
					c.Tick()
				}
				for range 20 {
					c.pull()
				}
			}
		}
		through(20)
		before := c.Leg.Stats()
		through(50)
		if got := c.Leg.State().Playout.Limit; got != 400*8 {
			t.Errorf("%v: the limit is %d ms, want 400", limit, got/8)
		}
		after := c.Leg.Stats()
		if after.Concealed != before.Concealed || after.Jumps != 0 {
			t.Errorf("%v: concealed %v more, %d jumps", limit, after.Concealed-before.Concealed, after.Jumps)
		}
		c.wantLevel(c.last(500), 1000, -12)
	}
}

// A phone whose clock runs 0.2 % fast or slow for a minute: the delay stays, the tone stays.
func TestClocksThatDrift(t *testing.T) {
	for _, every := range []int{500, -500} {
		c := newCall(t, codec.PCMA)
		c.Says(1000)
		for i := range 3000 {
			switch {
			case every > 0 && i%every == every-1:
				c.Tick() // one packet more
				c.Tick()
			case every < 0 && i%-every == -every-1: // one packet less
			default:
				c.Tick()
			}
			c.pull()
		}
		if got := c.slack(); got > 60*8 {
			t.Errorf("drift %d: %d samples on hand, want at most 480", every, got)
		}
		if got := c.Leg.Stats().Concealed; got > 130*time.Millisecond {
			t.Errorf("drift %d: concealed %v", every, got)
		}
		c.wantLevel(c.last(400), 1000, -12)
	}
}

func TestNumbersWrap(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Seq, c.TS = 65520, 0xffffffff-1600
	c.Says(1000)
	c.ticks(100)
	if s := c.Leg.Stats(); s.Lost != 0 || s.Concealed != 0 || s.Late != 0 || s.Jumps != 0 {
		t.Errorf("stats over the wrap: %+v", s)
	}
	c.smooth(c.sound[320:])
	if c.heard != 99 {
		t.Errorf("heard %d of 100", c.heard)
	}
}

func TestPeerSetsItsClock(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	c.TS += 1 << 20 // the same SSRC
	c.ticks(50)
	c.wantLevel(c.last(40), 1000, -12)
	c.Packet(8, c.TS+1<<24, false, make([]byte, 160)) // a stray one
	c.Seq--
	c.ticks(50)
	c.wantLevel(c.last(50), 1000, -12)
	c.wantStats("jumps", c.Leg.Stats().Jumps, 2)
}

func TestWhatIsNotForUs(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	for range 10 {
		c.Packet(96, c.TS, false, make([]byte, 160)) // a type that was not agreed
		c.Conn.Deliver([]byte("not RTP at all"), c.Addr)
		c.Packet(8, c.TS, false, make([]byte, 1700)) // more than 200 ms
		c.ticks(1)
	}
	own := c.SSRC
	c.Leg.Push(c.now, nil)
	c.SSRC = c.Received()[0].SSRC
	c.Packet(8, c.TS, false, make([]byte, 160))
	c.SSRC = own
	c.ticks(20)
	s := c.Leg.Stats()
	c.wantStats("unknown types", s.UnknownType, 10)
	c.wantStats("malformed", s.Malformed, 20)
	c.wantStats("looped", s.Looped, 1)
	c.wantStats("sources", s.Sources, 0)
	c.wantLevel(c.last(30), 1000, -12)
	c.smooth(c.last(60))
}

func TestHeldAndListening(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(20)
	s := c.Session()
	s.Held = true
	c.Leg.Update(s)
	heard := c.heard
	c.ticks(20)
	if !c.Leg.Held() || c.heard != heard || c.Leg.Level() != -127 {
		t.Errorf("on hold: Held %v, %d frames heard, level %d", c.Leg.Held(), c.heard-heard, c.Leg.Level())
	}
	s.Held, s.Listens = false, true
	c.Leg.Update(s)
	c.Presses("9")
	c.ticks(20)
	if c.heard != heard {
		t.Error("one who only listens is heard")
	}
	c.wantDigits("9")
	s.Listens = false
	c.Leg.Update(s)
	c.ticks(20)
	if c.heard-heard != 19 {
		t.Errorf("heard %d of 20 frames after the hold, want 19", c.heard-heard)
	}
	c.wantStats("lost", uint64(c.Leg.Stats().Lost), 0)
	if got := c.Leg.Stats().Concealed; got != 0 {
		t.Errorf("concealed %v", got)
	}
}

func TestLastHeard(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := newCall(t, codec.PCMA)
	conn := c.Conn
	c.Leg = media.NewLeg(media.LegConfig{Epoch: epoch}, conn)
	c.Leg.Update(c.Session())
	opened := c.Leg.LastHeard()
	c.pull()
	if got := c.Leg.LastHeard(); got != opened {
		t.Errorf("heard at %v though nothing came", got)
	}
	c.ticks(20) // others are told every 320 ms
	heard := c.Leg.State().Figures.HeardAt
	if got := c.Leg.LastHeard(); heard != int64(21*20*time.Millisecond) || !got.After(epoch) || got.Before(epoch.Add(time.Duration(heard)-320*time.Millisecond)) {
		t.Errorf("heard at %v, and %v since the epoch, want the latter 420 ms and the former 320 ms before it at most", got, time.Duration(heard))
	}
}
