package media_test

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
	"github.com/sipconf/sipconf/media/mixer"
)

// party is a room as small as can be: everybody is mixed.
type party struct {
	legs []*media.Leg
	sum  []int32
	mix  []int16
}

func (p *party) Tick(now int64) {
	mixer.Zero(p.sum)
	for _, l := range p.legs {
		if frame := l.Pull(now); l.Heard() {
			mixer.Add(p.sum, frame)
		}
		l.Level()
	}
	for _, l := range p.legs {
		mixer.Saturate(p.mix, p.sum)
		l.Push(now, p.mix)
	}
}

// TestTickAllocatesNothing has a room in which everything happens that can happen within a tick.  Before every other tick the collector runs: what it
// takes away must not be needed.
func TestTickAllocatesNothing(t *testing.T) {
	var phones []*mediatest.Phone
	room := &party{sum: make([]int32, 160), mix: make([]int16, 160)}
	for i := range 8 {
		law := []*codec.Codec{codec.PCMA, codec.PCMU}[i%2]
		p := mediatest.NewPhoneWith(t, law, media.LegConfig{Level: true, MuteMusic: true}) // everything on
		p.Says(float64(300 + 100*i))
		s := p.Session()
		s.Ptime = []time.Duration{0, 10, 30, 60}[i/2] * time.Millisecond
		if i == 0 { // it sends keys as tones
			s.EventType = 0
		}
		if i == 6 { // its RTCP comes on the port of its sound
			p.Leg.Reports(mediatest.NewConn(p.Leg.LocalAddr()))
			s.Mux = true
		}
		p.Leg.Update(s)
		phones = append(phones, p)
		room.legs = append(room.legs, p.Leg)
	}
	dialled := []media.Keys{keys(t, "12", 60, 60), stroked(t, true, strokes("#D", 60, 60)...)}
	n, now := 0, int64(0)
	reported, desk := 0, make([]byte, 2048)
	send := func() { // not measured: what the phones do in a tick
		for i, p := range phones {
			switch {
			case i == 0 && n%20 == 0:
				p.Dials("5", 100*time.Millisecond, 0)
			case i == 1 && n%7 == 0: // lost
				p.Seq++
				p.TS += 160
				continue
			case i == 2 && n%20 == 0:
				p.Presses("5")
			case i == 3 && n%2 == 0: // two at a time
				continue
			case i == 3:
				p.Tick()
			case i == 4 && n%10 == 0:
				p.Packet(13, p.TS, false, []byte{70})
				p.Packet(99, p.TS, false, []byte{70})
				p.Conn.Deliver([]byte{0x9f, 8, 0, 1}, p.Addr)
			case i == 5 && n%25 == 0: // another source
				p.SSRC++
			case i == 6 && n%30 < 10: // silence suppression
				p.TS += 160
				continue
			case i == 7 && n%40 == 0: // a storm
				for range 20 {
					p.Tick()
				}
			}
			if i != 1 && n%50 == 10*(i%4) { // keys of ours, as tones and as events, in packets of all lengths
				p.Leg.SendKeys(dialled[i%2])
			}
			p.Tick()
		}
		if muxed := phones[6]; n%5 == 0 {
			raw, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 7, Reports: []rtcp.ReceptionReport{{SSRC: muxed.Leg.SSRC(), TotalLost: uint32(n)}}}})
			if err != nil {
				t.Fatal(err)
			}
			muxed.Conn.Deliver(raw, muxed.Addr)
			muxed.Leg.ServeReports(now, desk)
		}
		for _, p := range phones {
			p.Conn.Sent(func(b []byte, _ netip.AddrPort) {
				if b[1] >= 192 {
					reported++
				}
			})
		}
		n++
	}
	tick := func() {
		now += int64(20 * time.Millisecond)
		room.Tick(now)
	}
	for range 400 { // the buffers of the phones grow to their full size
		send()
		tick()
	}
	for range 400 {
		send()
		if n%2 == 0 {
			runtime.GC()
		}
		warm := false // AllocsPerRun calls once before it measures, and that call would take all the packets
		if got := testing.AllocsPerRun(1, func() {
			if warm {
				tick()
			}
			warm = true
		}); got != 0 {
			t.Fatalf("tick %d: %v allocations", n, got)
		}
	}
	for _, p := range phones {
		if s := p.Leg.Stats(); s.PacketsIn < 500 || s.PacketsOut < 250 {
			t.Errorf("%+v: nothing happened", s)
		}
	}
	if lost := phones[6].Leg.Stats().PeerLost; reported < 2 || lost < 700 {
		t.Errorf("%d reports are sent on the port of the sound, and the last that was read there says that %d are lost", reported, lost)
	}
}

func BenchmarkPull(b *testing.B)         { benchmarkLeg(b, media.LegConfig{}, true, false) }
func BenchmarkPullLevelled(b *testing.B) { benchmarkLeg(b, media.LegConfig{Level: true}, true, false) }
func BenchmarkPush(b *testing.B)         { benchmarkLeg(b, media.LegConfig{}, false, true) }

// benchmarkLeg measures a leg over a Conn in memory, which costs some 100 ns of its own each way.  The level is asked for as a room does.
func benchmarkLeg(b *testing.B, cfg media.LegConfig, pull, push bool) {
	p := mediatest.NewPhone(b, codec.PCMA)
	p.Conn = mediatest.NewConn(p.Leg.LocalAddr())
	p.Leg = media.NewLeg(cfg, p.Conn)
	p.Leg.Update(p.Session())
	b.Cleanup(p.Leg.Close)
	p.Says(440)
	frame, now := p.Frame(), int64(0)
	packets := make([][]byte, 50)
	for i := range packets {
		p.Sound(frame)
		p.TS += 160
		packets[i] = make([]byte, 172)
		p.Conn.Recv(packets[i])
	}
	seq, ts := p.Seq, p.TS
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now += int64(20 * time.Millisecond)
		if pull {
			datagram := packets[i%50]
			datagram[2], datagram[3] = byte(seq>>8), byte(seq)
			datagram[4], datagram[5], datagram[6], datagram[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
			seq, ts = seq+1, ts+160
			p.Conn.Deliver(datagram, p.Addr)
			p.Leg.Pull(now)
			p.Leg.Level()
		} else if i == 0 {
			p.Leg.Pull(now)
		}
		if push {
			p.Leg.Push(now, frame)
			if i%1000 == 0 {
				p.Conn.Sent(func([]byte, netip.AddrPort) {})
			}
		}
	}
	if s := p.Leg.Stats(); pull && s.Concealed != 0 {
		b.Fatalf("%+v", s)
	}
}
