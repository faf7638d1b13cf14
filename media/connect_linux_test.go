package media_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// speaker is a phone with a real socket that sends one packet when it is told to.
type speaker struct {
	testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	seq  byte
}

func newSpeaker(t testing.TB, at netip.AddrPort, to netip.AddrPort) *speaker {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &speaker{TB: t, conn: conn, to: to}
}

func (s *speaker) addr() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *speaker) says() {
	s.Helper()
	packet := make([]byte, 172)
	packet[0], packet[1], packet[3], packet[7], packet[11] = 0x80, 8, s.seq, s.seq, 7
	s.seq++
	s.conn.WriteToUDPAddrPort(packet, s.to) // a refusal of the kernel is what a test may want
}

// hears says whether a packet has come.
func (s *speaker) hears() bool {
	s.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := s.conn.Read(make([]byte, 2048))
	return err == nil
}

// The kernel keeps strangers out once the peer is known, and lets a new peer in after a negotiation; a phone whose port is closed for a
// while is heard again with its first packet.
func TestALegsSocketIsConnected(t *testing.T) {
	e := newEngine(t, media.Config{})
	leg, err := e.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	any := netip.AddrPortFrom(loopback, 0)
	anna, boris, stranger := newSpeaker(t, any, leg.LocalAddr()), newSpeaker(t, any, leg.LocalAddr()), newSpeaker(t, netip.MustParseAddrPort("127.0.0.9:0"), leg.LocalAddr())
	now := int64(0)
	silence := make([]byte, 160)
	tick := func() (in, strangers uint64) {
		before := leg.Stats()
		now += int64(20 * time.Millisecond)
		leg.Pull(now)
		leg.PushEncoded(now, silence)
		after := leg.Stats()
		return after.PacketsIn - before.PacketsIn, after.Strangers - before.Strangers
	}
	at := func(s *speaker) media.Session {
		return media.Session{Remote: s.addr(), Codec: codec.PCMA, PayloadType: 8}
	}
	leg.Update(at(anna))
	stranger.says()
	anna.says()
	if in, strangers := tick(); in != 1 || strangers != 1 {
		t.Fatalf("at first %d packets and %d of strangers came, want 1, 1", in, strangers)
	}
	stranger.says()
	anna.says()
	if in, strangers := tick(); in != 1 || strangers != 0 {
		t.Errorf("then %d packets and %d of strangers came, want 1, 0", in, strangers)
	}
	leg.Update(at(boris))
	tick()
	boris.says()
	if in, _ := tick(); in != 1 || !boris.hears() {
		t.Error("Boris is not heard or does not hear though the call has moved to him")
	}

	place := boris.addr()
	boris.conn.Close()
	for range 3 {
		tick() // ICMP says that nobody is there
	}
	boris = newSpeaker(t, place, leg.LocalAddr())
	boris.seq = 9
	boris.says()
	sent := leg.Stats().SendFailed
	if in, _ := tick(); in != 1 || !boris.hears() {
		t.Error("Boris is not heard or does not hear though he is back")
	}
	if failed := leg.Stats().SendFailed - sent; failed != 0 {
		t.Errorf("%d packets were not sent", failed)
	}
}
