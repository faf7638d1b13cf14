package media

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
)

// deaf is a socket on which nothing comes.
type deaf struct{}

func (deaf) Recv([]byte) (int, netip.AddrPort, bool) { return 0, netip.AddrPort{}, false }
func (deaf) Send([]byte, netip.AddrPort) bool        { return true }
func (deaf) Arrived() int64                          { return 0 }
func (deaf) Connect(netip.AddrPort)                  {}
func (deaf) LocalAddr() netip.AddrPort               { return netip.AddrPort{} }
func (deaf) Close() error                            { return nil }

// TestLegIsSmall: of the 48 KiB that a call may take, its leg has 12.5; the rest is SIP, a stack and the collector's share.
func TestLegIsSmall(t *testing.T) {
	legs := make([]*Leg, 100)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range legs {
		legs[i] = NewLeg(LegConfig{JitterMax: 120 * time.Millisecond}, deaf{})
	}
	runtime.ReadMemStats(&after)
	if per := (after.TotalAlloc - before.TotalAlloc) / uint64(len(legs)); per > 12<<10+512 {
		t.Errorf("a leg takes %d bytes, want 12.5 KiB at most", per)
	}
	runtime.KeepAlive(legs)
}

// TestRingIsLongEnough: whatever may be held back, a packet of the longest kind finds its place behind it.
func TestRingIsLongEnough(t *testing.T) {
	for limit, size := range map[time.Duration]int{0: 4096, 20 * time.Millisecond: 4096, 120 * time.Millisecond: 4096, 200 * time.Millisecond: 8192, MostJitter: 8192} {
		var j jitter
		j.setUp(160, limit)
		if got := len(j.ring.samples); got != size {
			t.Errorf("%v: the ring has %d samples, want %d", limit, got, size)
		}
		if longest := j.samples(200); limit < MostJitter && j.reach() < j.Limit+longest {
			t.Errorf("%v: a packet may end %d samples ahead, want %d", limit, j.reach(), j.Limit+longest)
		}
	}
}

// TestStallLongerThanTheRing: what was held up comes at once, more of it than there is room for.  The newest is played.
func TestStallLongerThanTheRing(t *testing.T) {
	var j jitter
	j.setUp(160, 120*time.Millisecond)
	frame, dst := make([]int16, 160), make([]int16, 160)
	put := func(n int64) {
		for i := range frame {
			frame[i] = int16(n + 1)
		}
		if v := j.put(n*160, frame, whenever); v == jumped {
			t.Errorf("packet %d was taken for one that went astray", n)
		}
	}
	for n := range int64(50) {
		put(n)
		j.pop(dst)
	}
	for range 40 {
		j.pop(dst)
	}
	for n := int64(50); n < 90; n++ {
		put(n)
	}
	for n := int64(90); n < 140; n++ {
		j.pop(dst)
		if held := j.onHand(); held > j.Limit+2*160 {
			t.Fatalf("%d samples are held back", held)
		}
		put(n)
	}
	if newest := dst[159]; newest < 139-7 {
		t.Errorf("packet %d is played when 139 has come", newest-1)
	}
}
