package media_test

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// peer is a socket that sends a hum.
type peer struct {
	*net.UDPConn
	t    *testing.T
	ssrc uint32
	seq  uint16
}

func newPeer(t *testing.T, ssrc uint32) *peer {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{UDPConn: conn, t: t, ssrc: ssrc}
}

func (p *peer) addr() netip.AddrPort { return p.LocalAddr().(*net.UDPAddr).AddrPort() }

// hums sends one packet to the leg, and has it take one tick.
func (p *peer) hums(leg *media.Leg, now *int64) {
	p.t.Helper()
	p.seq++
	out := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: p.ssrc, SequenceNumber: p.seq, Timestamp: 160 * uint32(p.seq)},
		Payload: bytes.Repeat([]byte{0xc5, 0x45}, 80)} // 264 and -264
	raw, err := out.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.WriteToUDPAddrPort(raw, leg.LocalAddr()); err != nil {
		p.t.Fatal(err)
	}
	*now += int64(20 * time.Millisecond)
	leg.Pull(*now)
	leg.Push(*now, nil)
}

// wantNothing fails if anything was sent to the peer.
func (p *peer) wantNothing() {
	p.t.Helper()
	var b [2048]byte
	p.SetReadDeadline(time.Now())
	if n, err := p.Read(b[:]); err == nil {
		p.t.Errorf("%d bytes of the new call went to the peer of the old one", n)
	}
}

// forget takes all that has come.
func (p *peer) forget() {
	var b [2048]byte
	p.SetReadDeadline(time.Now().Add(time.Millisecond))
	for {
		if _, err := p.Read(b[:]); err != nil {
			return
		}
	}
}

// freePair is a range of one pair of ports that no other program has.
func freePair(t *testing.T) media.PortRange {
	for first := uint16(37000); first < 38000; first += 2 {
		rtp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, first)))
		if err != nil {
			continue
		}
		rtcp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, first+1)))
		rtp.Close()
		if err == nil {
			rtcp.Close()
			return media.PortRange{First: first, Last: first + 1}
		}
	}
	t.Fatal("500 pairs of ports are all taken")
	return media.PortRange{}
}

// Anna's phone has missed our BYE and talks on, to a pair of ports that Boris's call has now, because there is no other and none that has rested.
// Then Anna calls again, and her phone sends from the same port.
func TestE2EWhatIsLeftOfACallDoesNotEnterTheNext(t *testing.T) {
	e := newEngine(t, media.Config{Ports: freePair(t)})
	var now int64
	open := func(says netip.AddrPort) *media.Leg {
		leg, err := e.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		leg.Update(media.Session{Remote: says, Codec: codec.PCMA, PayloadType: 8})
		return leg
	}
	anna, boris := newPeer(t, 1), newPeer(t, 2)
	elsewhere := netip.AddrPortFrom(loopback, 9) // what the SDP of a phone behind a router says
	leg := open(elsewhere)
	for range 50 {
		anna.hums(leg, &now)
	}
	if s := leg.Stats(); s.PacketsIn < 45 || leg.State().Latch.Source != anna.addr() {
		t.Fatalf("%d packets of Anna's have come, we send to %v", s.PacketsIn, leg.State().Latch.Source)
	}
	leg.Close()
	anna.forget()

	leg = open(boris.addr())
	for range 100 {
		anna.hums(leg, &now)
		if leg.Heard() {
			t.Fatal("what is left of Anna's call is heard in Boris's")
		}
	}
	anna.wantNothing()
	for range 50 {
		anna.hums(leg, &now)
		boris.hums(leg, &now)
	}
	if s := leg.State(); s.Latch.Source != boris.addr() || s.Source.SSRC != boris.ssrc || s.Figures.PacketsIn < 45 {
		t.Errorf("Boris is not heard: %+v %+v", s.Latch, s.Source)
	}
	anna.wantNothing()
	leg.Close()

	leg = open(elsewhere)
	boris.hums(leg, &now)
	anna.ssrc = 3
	for range 50 {
		anna.hums(leg, &now)
	}
	if s := leg.State(); s.Latch.Source != anna.addr() || s.Figures.PacketsIn < 45 {
		t.Errorf("Anna is not heard when she calls again: %+v", s.Latch)
	}
	leg.Close()
}
