package media_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// takeOver is what the test's binary does when it is the other process of a hand-over.
var takeOver func(as string)

func TestMain(m *testing.M) {
	if as := os.Getenv("SIPCONF_TEST_PROCESS"); as != "" {
		takeOver(as)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var loopback = netip.MustParseAddr("127.0.0.1")

func newEngine(t testing.TB, cfg media.Config) *media.Engine {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Ports == (media.PortRange{}) {
		cfg.Ports = media.PortRange{First: 34000, Last: 36999}
	}
	e, err := media.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// run has f run on the loop and waits for it.
func run(t testing.TB, l *media.Loop, f func()) {
	t.Helper()
	done := make(chan struct{})
	if !l.Do(func() { f(); close(done) }) {
		t.Fatal("the loop is closed")
	}
	<-done
}

// busFunc is a bus made of a function.
type busFunc struct{ tick func(now int64) }

func (b *busFunc) Tick(now int64) { b.tick(now) }

func TestE2ETwoCallersOnLoopback(t *testing.T) {
	for _, local := range []string{"127.0.0.1", "::1"} {
		t.Run(local, func(t *testing.T) {
			addr := netip.MustParseAddr(local)
			peer, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
			if err != nil {
				t.Skip("no such loopback: ", err)
			}
			defer peer.Close()
			e := newEngine(t, media.Config{})
			leg, err := e.Open(addr)
			if err != nil {
				t.Fatal(err)
			}
			if leg.LocalAddr().Port()%2 != 0 || leg.LocalAddr().Addr() != addr {
				t.Errorf("bound to %s, want an even port of %s", leg.LocalAddr(), addr)
			}
			leg.Update(media.Session{Remote: peer.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMA, PayloadType: 8, EventType: 101})
			heard := make(chan struct{}, 1000)
			bus := &busFunc{}
			bus.tick = func(now int64) {
				frame := leg.Pull(now)
				if leg.Heard() {
					heard <- struct{}{}
				}
				leg.Push(now, frame)
			}
			loop := e.Loop()
			run(t, loop, func() { loop.Attach(leg); loop.Add(bus) })
			var b [2048]byte
			hum := bytes.Repeat([]byte{0xc5, 0x45}, 80) // 264 and -264
			peer.SetDeadline(time.Now().Add(10 * time.Second))
			for i := range 20 { // in step with what it sends us
				n, err := peer.Read(b[:])
				var p rtp.Packet
				if err != nil || p.Unmarshal(b[:n]) != nil || len(p.Payload) != 160 {
					t.Fatalf("read %x: %v", b[:n], err)
				}
				out := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: 5, SequenceNumber: uint16(i), Timestamp: uint32(160 * i)}, Payload: hum}
				raw, _ := out.Marshal()
				peer.WriteToUDPAddrPort(raw, leg.LocalAddr())
			}
			for range 10 {
				select {
				case <-heard:
				case <-time.After(10 * time.Second):
					t.Fatal("what was sent is not heard")
				}
			}
			run(t, loop, func() { loop.Remove(bus) })
			leg.Close()
			if s := e.Stats(); s.Legs != 0 || s.Attached != 0 || s.Ports != 0 {
				t.Errorf("left behind: %+v", s)
			}
		})
	}
}

// descriptors counts the open files of the process; -1 when it cannot be known.
func descriptors() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(files)
}

func TestE2ENothingIsLeftOfAThousandLegs(t *testing.T) {
	e := newEngine(t, media.Config{PortRest: time.Nanosecond})
	fds, routines := descriptors(), runtime.NumGoroutine()
	for range 100 {
		var legs []*media.Leg
		for range 10 {
			leg, err := e.Open(loopback)
			if err != nil {
				t.Fatal(err)
			}
			legs = append(legs, leg)
			loop := e.Loop()
			loop.Do(func() { loop.Attach(leg) })
		}
		closed := make(chan struct{})
		for _, leg := range legs {
			go func() { leg.Close(); closed <- struct{}{} }()
		}
		for range legs {
			<-closed
		}
	}
	if got := descriptors(); got != fds {
		t.Errorf("%d descriptors, %d before", got, fds)
	}
	for runtime.NumGoroutine() > routines { // those above are at their last step; others would hold the test up until it fails
		runtime.Gosched()
	}
	if s := e.Stats(); s.Legs != 0 || s.Attached != 0 || s.Ports != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestE2EPortsRunOut(t *testing.T) {
	taken, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 21903}) // the RTCP port of the second pair
	if err != nil {
		t.Skip(err)
	}
	defer taken.Close()
	e := newEngine(t, media.Config{Ports: media.PortRange{First: 21900, Last: 21907}})
	var got []uint16
	for range 3 {
		leg, err := e.Open(loopback)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, leg.LocalAddr().Port())
	}
	if got[0] != 21900 || got[1] != 21904 || got[2] != 21906 {
		t.Errorf("ports %v", got)
	}
	const want = "no free RTP ports: media.ports: 4 pairs, 3 in calls, 1 used by other programs"
	if _, err := e.Open(loopback); !errors.Is(err, media.ErrNoPorts) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	for _, addr := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.MustParseAddr("192.0.2.1")} {
		if leg, err := e.Open(addr); err == nil {
			t.Errorf("opened %s on %s", leg.LocalAddr(), addr)
		}
	}
}

func TestLoopSurvivesPanics(t *testing.T) {
	var log strings.Builder
	broken := make(chan media.Bus, 4)
	e := newEngine(t, media.Config{Loops: 1, Log: slog.New(slog.NewTextHandler(&log, nil)), Broken: func(b media.Bus, _ any) { broken <- b }})
	loop := e.Loop()
	var before, after atomic.Int64
	first, last := &busFunc{func(int64) { before.Add(1) }}, &busFunc{func(int64) { after.Add(1) }}
	bad, worse := &busFunc{func(int64) { panic("a room went wrong") }}, &busFunc{}
	worse.tick = func(int64) { loop.Remove(worse); panic("and one that was leaving") }
	run(t, loop, func() {
		for _, b := range []media.Bus{first, bad, worse, last} {
			loop.Add(b)
		}
	})
	loop.Do(func() { panic("in a function") })
	if got := []media.Bus{<-broken, <-broken}; got[0] != bad || got[1] != worse {
		t.Errorf("told of %v, want the two that panicked", got)
	}
	n := after.Load()
	run(t, loop, func() {})
	run(t, loop, func() {})
	if before.Load() < 2 || after.Load() <= n {
		t.Errorf("the others ticked %d and %d times", before.Load(), after.Load())
	}
	if got := e.Stats().Panics; got != 3 {
		t.Errorf("%d panics counted, want 3", got)
	}
	e.Close()
	for _, want := range []string{"a room went wrong", "in a function", "engine_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, log.String())
		}
	}
	if loop.Do(func() {}) {
		t.Error("Do on a closed loop")
	}
}

// Forty rooms break in one tick, while the owner is still busy with the first.
func TestOwnersOfAllBrokenRoomsAreTold(t *testing.T) {
	const rooms = 40
	told, goOn := make(chan struct{}, rooms), make(chan struct{})
	e := newEngine(t, media.Config{Loops: 1, Broken: func(media.Bus, any) { <-goOn; told <- struct{}{} }})
	loop := e.Loop()
	run(t, loop, func() {
		for range rooms {
			loop.Add(&busFunc{func(int64) { panic("a room went wrong") }})
		}
	})
	run(t, loop, func() {}) // after the tick
	close(goOn)
	e.Close()
	if len(told) != rooms {
		t.Errorf("%d owners were told, want %d", len(told), rooms)
	}
}

func TestLegsMoveAndCloseAnywhere(t *testing.T) {
	e := newEngine(t, media.Config{Loops: 2})
	leg, err := e.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	one := e.Loop()
	run(t, one, func() {
		if !one.Attach(leg) || one.Attach(leg) {
			t.Error("want a leg to be attached once")
		}
	})
	one.Expect(1023)
	if e.Loop() != one {
		t.Fatal("want the first loop until it is full")
	}
	one.Expect(1)
	two := e.Loop()
	if one == two {
		t.Fatal("want the loop without legs")
	}
	two.Expect(1100)
	if e.Loop() != one {
		t.Fatal("all are full: want the loop with the fewest legs")
	}
	one.Expect(-1024)
	run(t, one, func() { one.Detach(leg) })
	run(t, two, func() {
		if !two.Attach(leg) {
			t.Error("the leg did not move")
		}
	})
	leg.Close()
	leg.Close()
	run(t, two, func() {
		if two.Attach(leg) {
			t.Error("attached a closed leg")
		}
	})
	if s := e.Stats(); s.Attached != 0 || s.Legs != 0 {
		t.Errorf("left behind: %+v", s)
	}
}

func TestLoopRunsFunctionsInOrder(t *testing.T) {
	e := newEngine(t, media.Config{Loops: 1})
	var order []int
	for i := range 100 {
		e.Loop().Do(func() { order = append(order, i) })
	}
	run(t, e.Loop(), func() {})
	for i, n := range order {
		if i != n {
			t.Fatalf("order %v", order)
		}
	}
}

// The reports of a leg, on their own port and on that of RTP: a sender report, the sign of life in what the peer sends, the round trip
// though reports are read now and then only, BYE.
func TestE2EReportsByRTCP(t *testing.T) {
	for _, mux := range []bool{false, true} {
		t.Run(fmt.Sprintf("mux %v", mux), func(t *testing.T) {
			t.Parallel()
			reports(t, mux)
		})
	}
}

func reports(t *testing.T, mux bool) {
	if testing.Short() {
		t.Skip("takes some seconds: the first report comes within 4 s")
	}
	peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	e := newEngine(t, media.Config{})
	leg, err := e.Open(loopback)
	if err != nil {
		t.Fatal(err)
	}
	at := peer.LocalAddr().(*net.UDPAddr).AddrPort()
	own := netip.AddrPortFrom(loopback, leg.LocalAddr().Port()+1)
	session := media.Session{Remote: netip.AddrPortFrom(loopback, 9), RemoteRTCP: at, Codec: codec.PCMA, PayloadType: 8}
	if mux {
		own, session.Remote, session.Mux = leg.LocalAddr(), at, true
	}
	leg.Update(session)
	loop, bus := e.Loop(), &busFunc{func(now int64) { leg.Push(now, leg.Pull(now)) }}
	run(t, loop, func() { loop.Attach(leg); loop.Add(bus) })
	opened := leg.LastHeard()
	var b [2048]byte
	read := func() []rtcp.Packet { // the next report, between whatever sound
		t.Helper()
		for peer.SetReadDeadline(time.Now().Add(15 * time.Second)); ; {
			n, from, err := peer.ReadFromUDPAddrPort(b[:])
			if err != nil {
				t.Fatal(err)
			}
			if b[1] < 192 {
				continue
			}
			packets, err := rtcp.Unmarshal(b[:n])
			if err != nil || from != own {
				t.Fatalf("from %v, want %v: %v", from, own, err)
			}
			return packets
		}
	}
	says := func(packets ...rtcp.Packet) {
		report, err := rtcp.Marshal(append(packets, rtcp.NewCNAMESourceDescription(7, "peer")))
		if err != nil {
			t.Fatal(err)
		}
		peer.WriteToUDPAddrPort(report, own)
	}
	says(&rtcp.SenderReport{SSRC: 7, NTPTime: 0x1234567890})
	packets := read()
	came := time.Now()
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.PacketCount == 0 || sr.OctetCount != 160*sr.PacketCount {
		t.Errorf("first report %v", packets)
	}
	if _, ok := packets[1].(*rtcp.SourceDescription); !ok {
		t.Errorf("no SDES in %v", packets)
	}
	if !leg.LastHeard().After(opened) {
		t.Error("RTCP of the peer is not taken for a sign of life")
	}
	time.Sleep(100 * time.Millisecond)
	held := time.Since(came) // is no part of the round trip, nor is the second until we look at his report
	says(&rtcp.ReceiverReport{SSRC: 7, Reports: []rtcp.ReceptionReport{{SSRC: sr.SSRC, LastSenderReport: uint32(sr.NTPTime >> 16),
		Delay: uint32(held << 16 / time.Second), TotalLost: 3}}})
	trip := time.Duration(0)
	for deadline := time.Now().Add(10 * time.Second); trip == 0 && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		run(t, loop, func() {
			if s := leg.Stats(); s.PeerLost == 3 {
				trip = s.RoundTrip
			}
		})
	}
	if trip == 0 || trip > 300*time.Millisecond {
		t.Errorf("the round trip over loopback is %v", trip)
	}
	run(t, loop, func() { loop.Remove(bus) })
	leg.Close()
	packets = read()
	for { // reports that were on their way
		if _, ok := packets[len(packets)-1].(*rtcp.Goodbye); ok {
			break
		}
		packets = read()
	}
	if bye := packets[len(packets)-1].(*rtcp.Goodbye); bye.Sources[0] != sr.SSRC {
		t.Errorf("last report %v, want our BYE", packets)
	}
}
