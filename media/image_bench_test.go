package media

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/handover"
)

// talkingLegs opens legs in the middle of a talk.
func talkingLegs(b *testing.B, e *Engine, n int) {
	for i := range n {
		leg, err := e.Open(netip.MustParseAddr("127.0.0.1"))
		if err != nil {
			b.Fatal(err)
		}
		leg.Update(Session{Remote: netip.MustParseAddrPort("127.0.0.1:9"), Codec: codec.PCMA, PayloadType: 8, EventType: 101})
		for now := range int64(20) {
			pcm := make([]int16, 160)
			for k := range pcm {
				pcm[k] = int16(k * i)
			}
			leg.Pull(now * int64(frameTime))
			leg.jitter.put(now*160, pcm, 0)
		}
	}
}

// How long a hand-over of a thousand legs takes: before anything is stopped (sockets), and while nothing moves (state).
func BenchmarkHandOver(b *testing.B) {
	cfg := Config{Ports: PortRange{30000, 33999}, Loops: 2}
	e, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	const legs = 1000
	talkingLegs(b, e, legs)
	if err := e.Pause(time.Second); err != nil {
		b.Fatal(err)
	}
	var sockets, state time.Duration
	for b.Loop() {
		ours, theirs, err := handover.Pair()
		if err != nil {
			b.Fatal(err)
		}
		other, err := handover.Open(theirs)
		if err != nil {
			b.Fatal(err)
		}
		giving, taking := e.Give(ours), Take(cfg, other)
		began := time.Now()
		given := make(chan error, 1)
		go func() { given <- giving.Sockets() }()
		if err := taking.Sockets(); err != nil || <-given != nil {
			b.Fatal(err)
		}
		sockets += time.Since(began)
		go func() { given <- giving.Drafts() }()
		if err := taking.Drafts(); err != nil || <-given != nil {
			b.Fatal(err)
		}
		began = time.Now()
		go func() { given <- giving.State() }()
		engine, found, err := taking.State()
		if err != nil || <-given != nil || len(found) != legs {
			b.Fatal(err, len(found))
		}
		state += time.Since(began)
		engine.Abandon()
		taking.Close()
		ours.Close()
		other.Close()
	}
	b.ReportMetric(float64(sockets.Milliseconds())/float64(b.N), "ms-sockets/op")
	b.ReportMetric(float64(state.Microseconds())/1000/float64(b.N), "ms-state/op")
}
