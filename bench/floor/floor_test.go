package floor

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"
)

// peer is a socket that says something to a leg.
func peer(t *testing.T, leg netip.AddrPort) *net.UDPConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(leg))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	says(t, conn)
	return conn
}

func says(t *testing.T, conn *net.UDPConn) {
	t.Helper()
	if _, err := conn.Write([]byte("here")); err != nil {
		t.Fatal(err)
	}
}

// hears is the next packet that a peer gets.
func hears(t *testing.T, conn *net.UDPConn) []byte {
	t.Helper()
	b := make([]byte, 2048)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second)) // only a floor that does not answer needs so long
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}

func open(t *testing.T, host string, n int) (*Floor, []netip.AddrPort) {
	t.Helper()
	return openAs(t, Open, host, n)
}

func openAs(t *testing.T, open func([]netip.AddrPort) (*Floor, error), host string, n int) (*Floor, []netip.AddrPort) {
	t.Helper()
	addrs := Addrs(netip.MustParseAddr(host), n)
	f, err := open(addrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, addrs
}

// TestEachPeerIsAnswered: three of four legs have a peer; each of them gets one packet of RTP per tick, and to the fourth
// nothing is sent. Run by hand, tick by tick.
func TestEachPeerIsAnswered(t *testing.T) {
	f, addrs := open(t, "127.78.1.1", 4)
	var peers []*net.UDPConn
	for _, addr := range addrs[:3] {
		peers = append(peers, peer(t, addr))
	}
	for want := uint32(1); want <= 3; want++ {
		f.Tick()
		for i, p := range peers {
			b := hears(t, p)
			if len(b) != 172 || b[0] != 0x80 || b[1] != 8 {
				t.Fatalf("leg %d: %d bytes, % x", i, len(b), b[:2])
			}
			seq, ts := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
			if uint32(seq) != want || ts != want*samples {
				t.Errorf("leg %d: packet %d at %d, want %d at %d", i, seq, ts, want, want*samples)
			}
		}
	}
	if f.legs[3].tied {
		t.Error("the fourth leg has a peer")
	}
	f.Tick()
	for _, p := range peers {
		hears(t, p)
	}
	peer(t, addrs[0]) // a stranger
	f.Tick()
	if b := hears(t, peers[0]); binary.BigEndian.Uint16(b[2:]) != 5 {
		t.Errorf("the first leg's peer hears % x after a stranger has spoken", b[:4])
	}
}

// TestNothingWaitsForLong: a tick takes one packet of those who send in time, and now and then looks whether there are more.
func TestNothingWaitsForLong(t *testing.T) {
	f, addrs := open(t, "127.78.1.5", 1)
	p := peer(t, addrs[0])
	f.Tick()
	says(t, p)
	says(t, p)
	if f.Tick(); f.legs[0].missed {
		t.Error("nothing came of two packets")
	}
	for range 2 * lookEvery {
		says(t, p)
	}
	for range lookEvery {
		f.Tick()
	}
	if f.legs[0].receive(f.in[:]) {
		t.Error("packets wait although the leg has looked")
	}
	if f.Tick(); !f.legs[0].missed {
		t.Error("something came of nothing")
	}
	for range 2 {
		says(t, p)
	}
	f.Tick()
	if f.legs[0].receive(f.in[:]) {
		t.Error("after a tick without a packet there may be two")
	}
}

// TestABareLoopAnswersWhoeverSentLast: all that waits is read at once, and nobody is kept out.
func TestABareLoopAnswersWhoeverSentLast(t *testing.T) {
	f, addrs := openAs(t, OpenBare, "127.78.1.6", 2)
	first := peer(t, addrs[0])
	says(t, first)
	f.Tick()
	if b := hears(t, first); len(b) != 172 || binary.BigEndian.Uint16(b[2:]) != 1 {
		t.Errorf("%d bytes, % x", len(b), b[:4])
	}
	if f.legs[0].receive(f.in[:]) || f.legs[1].tied {
		t.Error("something waits, or the other leg has a peer")
	}
	f.Tick() // nobody has said anything
	hears(t, first)
	second := peer(t, addrs[0])
	f.Tick()
	if b := hears(t, second); binary.BigEndian.Uint16(b[2:]) != 3 {
		t.Errorf("who has spoken last hears % x", b[:4])
	}
}

func TestTickDoesNotAllocate(t *testing.T) {
	for i, open := range []func([]netip.AddrPort) (*Floor, error){Open, OpenBare} {
		f, addrs := openAs(t, open, []string{"127.78.1.2", "127.78.1.7"}[i], 2)
		p := peer(t, addrs[0])
		hello := []byte("here")
		if n := testing.AllocsPerRun(100, func() { _, _ = p.Write(hello); f.Tick() }); n != 0 {
			t.Errorf("%v allocations per tick", n)
		}
	}
}

func TestRunTicksUntilItsContextEnds(t *testing.T) {
	f, addrs := open(t, "127.78.1.3", 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Run(ctx) }() // ends by cancel
	p := peer(t, addrs[0])
	for range 5 {
		hears(t, p)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPortInUseIsSaid(t *testing.T) {
	_, addrs := open(t, "127.78.1.4", 2)
	if _, err := Open(addrs[1:]); err == nil {
		t.Error("two floors on one port")
	}
}
