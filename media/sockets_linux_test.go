package media

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketsAreAskedTogether: the kernel is asked about all of a stretch and no others, a socket that is closed and one that is none do no harm, and what waits is still there.
func TestSocketsAreAskedTogether(t *testing.T) {
	var sockets Sockets
	sockets.Reserve(6)
	var legs []*Leg
	for i := range 5 {
		conn, err := listenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		legs = append(legs, NewLeg(LegConfig{}, conn))
		sockets.Note(i, legs[i])
	}
	sockets.Note(6, legs[0]) // one too many
	at := boundTo(t, legs[0])
	if !legs[1].conn.Send([]byte("here"), at) {
		t.Fatal("not sent")
	}
	legs[2].conn.Close()
	closed := func() bool {
		was := sockets.asked[2].revents&unix.POLLNVAL != 0
		sockets.asked[2].revents = 0
		return was
	}
	for _, stretch := range []struct {
		first, end int
		asks       bool
	}{{0, 6, true}, {0, 3, false}, {2, 6, true}, {2, 9, true}, {0, 1, false}} {
		sockets.Ready()
		if sockets.Fetch(stretch.first, stretch.end); closed() != stretch.asks {
			t.Errorf("from %d to %d: asked: %v, want %v", stretch.first, stretch.end, !stretch.asks, stretch.asks)
		}
	}
	var b [16]byte
	if n, _, ok := legs[0].conn.Recv(b[:]); !ok || string(b[:n]) != "here" {
		t.Errorf("%q waits, want what was sent", b[:n])
	}
	legs[3].shut.Store(true)
	if sockets.Note(3, legs[3]); sockets.asked[3].fd != -1 {
		t.Error("it is asked about the number of a leg that is shut")
	}
	var many Sockets
	many.Reserve(70) // two times 30, and 10
	for i := range 70 {
		many.Note(i, legs[2])
	}
	many.Fetch(0, 70)
	for i := range 70 {
		if many.asked[i].revents&unix.POLLNVAL == 0 {
			t.Errorf("of 70, it is not asked about the one at %d", i)
		}
	}
	if sockets.Reserve(4); len(sockets.asked) != 4 {
		t.Errorf("room for %d, want 4", len(sockets.asked))
	}
	if n := testing.AllocsPerRun(10, func() { sockets.Note(1, legs[1]); sockets.Fetch(0, 4) }); n != 0 {
		t.Errorf("%v allocations in the tick", n)
	}
	if sockets.Reserve(3); len(sockets.asked) != 0 {
		t.Errorf("room for %d, want none for three", len(sockets.asked))
	}
	for i, leg := range legs {
		if i != 2 {
			leg.conn.Close()
		}
	}
}

// boundTo is where a leg's socket is bound to.
func boundTo(t *testing.T, l *Leg) netip.AddrPort {
	t.Helper()
	name, err := unix.Getsockname(l.conn.(*udpSocket).fd)
	if err != nil {
		t.Fatal(err)
	}
	return addrPort(name)
}
