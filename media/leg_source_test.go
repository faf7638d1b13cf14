package media_test

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

func TestPeerChangesItsSSRC(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	c.SSRC, c.Seq, c.TS = 77, 5, 12345 // Asterisk bridges it to somebody else
	c.Presses("1")
	c.ticks(50)
	s := c.Leg.Stats()
	c.wantStats("sources", s.Sources, 1)
	c.wantStats("lost", uint64(s.Lost), 0)
	c.wantDigits("1")
	c.wantLevel(c.last(30), 1000, -12)
}

// stream is what tells a sender's packets from another's.
type stream struct {
	ssrc uint32
	seq  uint16
	ts   uint32
}

// switchTo goes on as another sender, and returns the one it was.
func (c *call) switchTo(s stream) stream {
	was := stream{c.SSRC, c.Seq, c.TS}
	c.SSRC, c.Seq, c.TS = s.ssrc, s.seq, s.ts
	return was
}

// Music on hold comes from the PBX, which calls us back to the phone by a re-INVITE: what the phone says then is heard at once.
func TestPeerComesBackFromMusicOnHold(t *testing.T) {
	c := newCall(t, codec.PCMA)
	home, pbx := c.Addr, netip.MustParseAddrPort("198.51.100.1:14000")
	moveTo := func(to netip.AddrPort) {
		c.Addr = to
		c.Leg.Update(c.Session())
	}
	c.Says(1000)
	c.ticks(50)
	moveTo(pbx)
	voice := c.switchTo(stream{77, 5, 12345})
	c.ticks(50)
	moveTo(home)
	c.switchTo(voice)
	heard := c.heard
	c.ticks(10)
	if got := c.heard - heard; got != 9 {
		t.Errorf("heard %d of the 10 frames after the hold, want all but the one held back", got)
	}
	c.wantStats("late", c.Leg.Stats().Late, 0)
}

// Asterisk goes from one source to another and back without SIP: after three packets that is believed.
func TestPeerComesBackWithoutANegotiation(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(50)
	voice := c.switchTo(stream{77, 5, 12345})
	c.ticks(50)
	c.switchTo(voice)
	c.ticks(50)
	c.wantStats("late", c.Leg.Stats().Late, 2)
	c.wantStats("sources", c.Leg.Stats().Sources, 2)
	c.wantLevel(c.last(40), 1000, -12)
}

// Two voices on one address, packet by packet: the newer one is heard, whole.
func TestASecondVoiceDoesNotTearTheFirst(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(300)
	c.ticks(50)
	second := stream{77, 5, 12345}
	for range 50 {
		c.Says(300)
		c.Tick()
		second = c.switchTo(second)
		c.Says(1000)
		c.Tick()
		second = c.switchTo(second)
		c.pull()
	}
	c.wantStats("sources", c.Leg.Stats().Sources, 1)
	c.wantStats("late", c.Leg.Stats().Late, 49)
}

func TestStrangersNeverEnter(t *testing.T) {
	c := newCall(t, codec.PCMA)
	home := c.Addr
	c.Says(1000)
	c.ticks(50)
	for range 50 {
		c.Tick()
		seq, ts, ssrc := c.Seq, c.TS, c.SSRC
		c.Addr, c.SSRC = netip.MustParseAddrPort("198.51.100.66:9"), 666
		c.Packet(8, ts, true, bytes.Repeat([]byte{0x2a}, 160))
		c.Event('5', ts, 800, true, true)
		c.Addr, c.Seq, c.TS, c.SSRC = home, seq, ts, ssrc
		c.pull()
		c.Leg.Push(c.now, nil)
	}
	c.ticks(4) // what a tick does not need may wait for so long
	c.wantStats("strangers", c.Leg.Stats().Strangers, 200)
	c.wantDigits("")
	c.wantLevel(c.last(50), 1000, -12)
	c.Conn.Sent(func(_ []byte, to netip.AddrPort) {
		if to != home {
			t.Errorf("sent to %s", to)
		}
	})
}

// Anna mutes her phone, which sends nothing then; SIP goes on as it always does; and a stranger tries all ports.
func TestStrangersNeverEnterWhileThePeerIsSilent(t *testing.T) {
	c := newCall(t, codec.PCMA)
	home := c.Addr
	c.Says(1000)
	c.ticks(50)
	c.Silent = true
	c.ticks(50)
	c.Leg.Update(c.Session()) // a session refresh
	heard := c.heard
	c.Addr, c.SSRC = netip.MustParseAddrPort("198.51.100.66:9"), 666
	c.Says(440)
	for range 50 {
		c.ticks(1)
		c.Leg.Push(c.now, nil)
	}
	if c.heard != heard {
		t.Errorf("%d frames of a stranger in the room", c.heard-heard)
	}
	c.wantStats("strangers", c.Leg.Stats().Strangers, 50)
	c.Conn.Sent(func(_ []byte, to netip.AddrPort) {
		if to != home {
			t.Errorf("the room's sound went to %s", to)
		}
	})
}

func TestBehindNAT(t *testing.T) {
	c := newCall(t, codec.PCMA)
	outside := netip.MustParseAddrPort("203.0.113.7:61000")
	s := c.Session()
	s.Signalling = outside.Addr()
	c.Leg.Update(s)
	c.Addr = outside
	c.Says(1000)
	c.Packet(13, c.TS, false, []byte{70}) // comfort noise was not agreed and does not open the latch
	c.ticks(20)
	c.Leg.Push(c.now, nil)
	c.Conn.Sent(func(_ []byte, to netip.AddrPort) {
		if to != outside {
			t.Errorf("sent to %s, want %s", to, outside)
		}
	})
	c.wantStats("strangers", c.Leg.Stats().Strangers, 1)
	c.wantLevel(c.last(15), 1000, -12)
}
