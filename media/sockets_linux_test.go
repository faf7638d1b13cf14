package media

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

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
	for i, leg := range legs {
		if i != 2 {
			leg.conn.Close()
		}
	}
}

// trio is a bus of some legs.
type trio []*Leg

func (t *trio) Tick(now int64) {
	for _, l := range *t {
		l.Pull(now)
	}
}

// TestALoopAsksForItsSockets: forty legs in rooms of three are pulled one after the other.  In each tick the kernel is asked about all of them, once, and no others; and
// about those who are left when some have been closed, or have moved to another loop.
func TestALoopAsksForItsSockets(t *testing.T) {
	e, err := New(Config{Loops: 2, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	loop := e.loops[0]
	on := func(l *Loop, f func()) {
		done := make(chan struct{})
		l.Do(func() { defer close(done); f() })
		<-done
	}
	var legs []*Leg
	var buses []*trio
	for i := range 40 {
		leg, err := e.Open(netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		legs = append(legs, leg)
		if i%3 == 0 {
			buses = append(buses, new(trio))
		}
		*buses[i/3] = append(*buses[i/3], leg)
		on(loop, func() { loop.Attach(leg) })
	}
	for _, b := range buses {
		on(loop, func() { loop.Add(b) })
	}
	asked := func() (fds []int32) { // in the last tick
		const untouched = -1
		row := &loop.work.row
		on(loop, func() {
			for i := range row.asked {
				row.asked[i].revents = untouched
			}
		})
		on(loop, func() {}) // what is set here is seen after the next tick
		on(loop, func() {
			for _, q := range row.asked {
				if q.revents != untouched {
					fds = append(fds, q.fd)
				}
			}
		})
		return fds
	}
	wants := func(what string, legs ...*Leg) {
		t.Helper()
		var want []int32
		for _, l := range legs {
			want = append(want, descriptorOf(l.conn))
		}
		var got []int32
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
			if got = asked(); slices.Equal(got, want) {
				return
			}
		}
		t.Errorf("%s: the kernel is asked about %v, want %v", what, got, want)
	}
	wants("forty", legs...)
	on(loop, func() {
		for _, l := range legs[:3] {
			loop.Detach(l)
		}
		last, _ := loop.Leave(buses[0])
		e.loops[1].Do(func() {
			for _, l := range legs[:3] {
				e.loops[1].Attach(l)
			}
			e.loops[1].Join(buses[0], last)
		})
	})
	wants("37", legs[3:]...)
	legs[5].Close()
	wants("36", append(slices.Clone(legs[3:5]), legs[6:]...)...)
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
