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

// idle is a bus of legs that have nothing to do, so that what is measured is the hand-over.
type idle struct{}

func (idle) Tick(int64) {}

// How long a hand-over of a thousand legs takes: before anything is stopped (sockets, drafts), and while nothing moves (state), of both sides at the same time.
func BenchmarkHandOver(b *testing.B) {
	cfg := Config{Ports: PortRange{30000, 33999}, Loops: 2}
	e, err := New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	const legs = 1000
	talkingLegs(b, e, legs)
	all := e.all(nil)
	for i, loop := range e.loops {
		attached := make(chan bool)
		loop.Do(func() {
			loop.Add(idle{})
			for _, leg := range all[i*legs/2 : (i+1)*legs/2] {
				loop.Attach(leg)
			}
			close(attached)
		})
		<-attached
	}
	var before, state time.Duration
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
		given := make(chan error, 1)
		both := func(give, take func() error) time.Duration {
			began := time.Now()
			go func() { given <- give() }()
			if err := take(); err != nil {
				b.Fatal(err)
			}
			if err := <-given; err != nil {
				b.Fatal(err)
			}
			return time.Since(began)
		}
		before += both(giving.Sockets, taking.Sockets) + both(giving.Drafts, taking.Drafts)
		if err := e.Pause(time.Second); err != nil {
			b.Fatal(err)
		}
		var engine *Engine
		state += both(giving.State, func() error {
			var found map[netip.AddrPort]*Leg
			if engine, found, err = taking.State(); err == nil && len(found) != legs {
				b.Fatal(len(found))
			}
			return err
		})
		engine.Abandon()
		taking.Close()
		ours.Close()
		other.Close()
		e.Resume()
	}
	b.ReportMetric(float64(before.Milliseconds())/float64(b.N), "ms-before/op")
	b.ReportMetric(float64(state.Microseconds())/1000/float64(b.N), "ms-state/op")
}
