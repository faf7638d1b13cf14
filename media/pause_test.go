package media

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipconf/sipconf/codec"
)

func TestLoopsStopWhereTheTimeToTheNextTickIsLongest(t *testing.T) {
	const ms = int64(time.Millisecond)
	for _, tt := range []struct {
		phases []int64
		now    int64
		want   int64
	}{
		{nil, 107 * ms, 107 * ms},
		{[]int64{5 * ms}, 107 * ms, 125 * ms},
		{[]int64{5 * ms}, 105 * ms, 125 * ms}, // its tick may have begun
		{[]int64{5 * ms}, 104 * ms, 105 * ms},
		{[]int64{0, 5 * ms}, 102 * ms, 120 * ms},                 // and the other at 125: 15 ms until 140
		{[]int64{0, 15 * ms}, 102 * ms, 115 * ms},                // and the first at 120: 15 ms until 135
		{[]int64{0, 10 * ms}, 102 * ms, 120 * ms},                // whichever
		{[]int64{1 * ms, 14 * ms, 6 * ms}, 100 * ms, 114 * ms},   // then 121 and 126: 8 ms until 134
		{[]int64{19 * ms, 12 * ms, 16 * ms}, 100 * ms, 112 * ms}, // then 116 and 119: 13 ms until 132
		{[]int64{19 * ms, 12 * ms, 16 * ms}, 118 * ms, 132 * ms},
	} {
		if got := lastRound(slices.Clone(tt.phases), tt.now); got != tt.want {
			t.Errorf("loops at %v, now %d ms: they stop from %d ms on, want %d", tt.phases, tt.now/ms, got/ms, tt.want/ms)
		}
	}
}

// carousel pulls and pushes a leg for ever.
type carousel struct{ leg *Leg }

func (c carousel) Tick(now int64) { c.leg.Push(now, c.leg.Pull(now)) }

// diary notes when it was ticked.
type diary struct{ ticks []int64 }

func (d *diary) Tick(now int64) { d.ticks = append(d.ticks, now) }

func newTestEngine(t *testing.T, cfg Config) *Engine {
	t.Helper()
	cfg.Ports = PortRange{30000, 30999}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// on runs f on the loop and waits for it.
func on(l *Loop, f func()) {
	done := make(chan struct{})
	l.Do(func() { f(); close(done) })
	<-done
}

func TestE2EPauseAndResume(t *testing.T) {
	e := newTestEngine(t, Config{Loops: 3})
	diaries := []*diary{{}, {}}
	for i, d := range diaries { // the third loop has nothing to tick
		on(e.loops[i], func() { e.loops[i].Add(d) })
	}
	for range 3 {
		before := 0
		e.loops[0].Do(func() { before++ })
		if err := e.Pause(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if before != 1 {
			t.Error("what was queued before the pause has not been run")
		}
		if err := e.Pause(time.Second); err == nil || !strings.Contains(err.Error(), "paused already") {
			t.Errorf("a pause in a pause: %v", err)
		}
		ticks := [2]int{len(diaries[0].ticks), len(diaries[1].ticks)} // the pause has made us the owner
		during := make(chan struct{})
		e.loops[1].Do(func() { close(during) })
		im := e.Save()
		if len(im.Due) != 3 {
			t.Fatalf("%d loops are due, want 3", len(im.Due))
		}
		for i, d := range diaries {
			if n := len(d.ticks); n > 0 && im.Due[i] != d.ticks[n-1]+int64(frameTime) {
				t.Errorf("loop %d ticked at %d and is due at %d", i, d.ticks[n-1], im.Due[i])
			}
		}
		if e.Beats(100 * time.Millisecond) {
			t.Error("a loop beats in a pause")
		}
		select {
		case <-during:
			t.Error("what was queued in the pause has been run in it")
		default:
		}
		if ticks != [2]int{len(diaries[0].ticks), len(diaries[1].ticks)} {
			t.Error("a loop has ticked in the pause")
		}
		e.Resume()
		<-during
		if !e.Beats(5 * time.Second) {
			t.Error("a loop stands still after the pause")
		}
	}
	e.Close()
	for i, d := range diaries {
		for n := 1; n < len(d.ticks); n++ {
			if step := d.ticks[n] - d.ticks[n-1]; step <= 0 || step%int64(frameTime) != 0 {
				t.Errorf("loop %d: a step of %d ns between two deadlines", i, step)
			}
		}
	}
}

// sleeper is a bus that hangs.
type sleeper struct{ wake chan struct{} }

func (s *sleeper) Tick(int64) { <-s.wake }

func TestE2EPauseGivesUpOnALoopThatHangs(t *testing.T) {
	e := newTestEngine(t, Config{Loops: 2})
	s, d := &sleeper{make(chan struct{})}, &diary{}
	on(e.loops[0], func() { e.loops[0].Add(s) })
	on(e.loops[1], func() { e.loops[1].Add(d) })
	if err := e.Pause(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "50ms") {
		t.Errorf("paused although a loop hangs: %v", err)
	}
	on(e.loops[1], func() {}) // it goes on
	close(s.wake)
	if !e.Beats(5 * time.Second) {
		t.Error("a loop stands still")
	}
	if err := e.Pause(5 * time.Second); err != nil {
		t.Error(err)
	}
	e.Close() // ends a pause
}

// A call that is over in another process is not over: who lets go of its leg says nothing to the peer, and a leg that is closed does.
func TestE2EAbandonedLegsSayNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, abandoned := range []bool{true, false} {
		e := newTestEngine(t, Config{Loops: 1})
		rtcp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
		if err != nil {
			t.Fatal(err)
		}
		leg, err := e.Open(netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			t.Fatal(err)
		}
		leg.Update(Session{Remote: netip.MustParseAddrPort("127.0.0.1:9"), RemoteRTCP: rtcp.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMA})
		loop := e.Loop()
		on(loop, func() { loop.Attach(leg); loop.Add(carousel{leg}) })
		on(loop, func() {})
		if err := e.Pause(5 * time.Second); err != nil {
			t.Fatal(err)
		}
		if abandoned {
			leg.given.Store(true) // as Giving.State does
			closing := make(chan struct{})
			go func() { leg.Close(); close(closing) }() // its call does not know
			e.Abandon()
			<-closing
			if _, err := e.Open(netip.MustParseAddr("127.0.0.1")); err == nil {
				t.Error("a leg was opened in an engine that is abandoned")
			}
		} else {
			e.Close()
		}
		rtcp.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		b := make([]byte, maxDatagram)
		if n, err := rtcp.Read(b); (err != nil) != abandoned {
			t.Errorf("abandoned: %v; the peer was told %x (%v)", abandoned, b[:n], err)
		}
		rtcp.Close()
		e.Abandon() // nothing is left to be abandoned
		e.Close()
	}
	goleak.VerifyNone(t, before)
}

func TestPortsGoOnResting(t *testing.T) {
	old, _ := newPorts(PortRange{20000, 20019}, time.Minute)
	now := time.Now()
	var lent []uint16
	for range 5 {
		port, err := old.take(now)
		if err != nil {
			t.Fatal(err)
		}
		lent = append(lent, port)
	}
	old.give(lent[0], Stream{}, now)                     // rests for a minute
	old.refused(lent[1], now)                            // the same, and is another program's
	old.give(lent[2], Stream{}, now.Add(-2*time.Minute)) // has rested
	im := old.save(now, monotonic())
	if len(im.Resting) != 2 || im.Next != 20010 {
		t.Fatalf("saved as %+v", im)
	}
	for _, r := range []PortRange{{20000, 20019}, {20002, 20015}} { // the range may have been changed
		p, _ := newPorts(r, time.Minute)
		p.restore(&im)
		for _, port := range lent[3:] {
			p.lendAgain(port)
		}
		used := p.inUse()
		var got []uint16
		for {
			port, err := p.take(time.Now())
			if err != nil {
				break
			}
			if slices.Contains(lent[3:], port) {
				t.Errorf("%v: port %d is lent a second time", r, port)
			}
			got = append(got, port)
		}
		if got[0] != 20010 || used != 2 || len(got) != r.Pairs()-2 {
			t.Errorf("%v: lent %v, %d of them before", r, got, used)
		}
		if last := got[len(got)-1]; last != lent[0] && last != lent[1] {
			t.Errorf("%v: lent %v, although %d and %d rest", r, got, lent[0], lent[1])
		}
		p.give(30000, Stream{}, time.Now()) // of a leg that was opened when there were other ports
		p.give(18, Stream{}, time.Now())
		if now := p.inUse(); now != used+len(got) {
			t.Errorf("%v: %d in use after ports came back that are not ours, %d before", r, now, used+len(got))
		}
	}
}
