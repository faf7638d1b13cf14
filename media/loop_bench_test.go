package media_test

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mixer"
)

// tenParty is a room in which some talk: mix-minus for them, and one encoded mix for all who listen.
type tenParty struct {
	legs   []*media.Leg
	frames [][]int16
	sum    []int32
	mix    []int16
	shared []byte
}

func (p *tenParty) Tick(now int64) {
	mixer.Zero(p.sum)
	for i, l := range p.legs {
		p.frames[i] = l.Pull(now)
		if l.Heard() {
			mixer.Add(p.sum, p.frames[i])
		} else {
			p.frames[i] = nil
		}
		l.Level()
	}
	mixer.Saturate(p.mix, p.sum)
	codec.PCMA.Encode(p.shared, p.mix)
	for i, l := range p.legs {
		if p.frames[i] == nil {
			l.PushEncoded(now, p.shared)
			continue
		}
		mixer.Minus(p.mix, p.sum, p.frames[i])
		l.Push(now, p.mix)
	}
}

// BenchmarkTick200 is the tick of 200 legs in 20 rooms over loopback sockets, all of them talking: receive, jitter buffer, decode, level,
// mix, encode, send.  Only the server's part is measured; us/leg is what one leg costs in one tick.
func BenchmarkTick200(b *testing.B) {
	e := newEngine(b, media.Config{})
	const legs = 200
	var rooms []*tenParty
	var peers []*net.UDPConn
	var all []*media.Leg
	for i := range legs {
		leg, err := e.Open(loopback)
		if err != nil {
			b.Fatal(err)
		}
		peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer peer.Close()
		peer.SetReadBuffer(4096) // what it does not take is dropped by the kernel
		leg.Update(media.Session{Remote: peer.LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMA, PayloadType: 8})
		if i%10 == 0 {
			rooms = append(rooms, &tenParty{sum: make([]int32, 160), mix: make([]int16, 160), shared: make([]byte, 160)})
		}
		r := rooms[len(rooms)-1]
		r.legs, r.frames = append(r.legs, leg), append(r.frames, nil)
		peers, all = append(peers, peer), append(all, leg)
	}
	payload := make([]byte, 160)
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	ports := make([]netip.AddrPort, legs)
	for i, leg := range all {
		ports[i] = leg.LocalAddr()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	spent := make([]time.Duration, 0, b.N)
	now := int64(0)
	b.ReportAllocs()
	for n := range b.N {
		b.StopTimer()
		for i, peer := range peers {
			p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 8, SSRC: uint32(i), SequenceNumber: uint16(n), Timestamp: uint32(160 * n)}, Payload: payload}
			raw, _ := p.Marshal()
			if _, err := peer.WriteToUDPAddrPort(raw, ports[i]); err != nil {
				b.Fatal(err)
			}
		}
		now += int64(20 * time.Millisecond)
		b.StartTimer()
		begin := time.Now()
		for _, r := range rooms {
			r.Tick(now)
		}
		spent = append(spent, time.Since(begin))
	}
	slices.Sort(spent)
	b.ReportMetric(float64(spent[b.N/2].Nanoseconds())/1000/legs, "us/leg") // the median: machines are noisy
	b.ReportMetric(float64(spent[b.N/20].Nanoseconds())/1000/legs, "us/leg-p5")
	if s := all[0].Stats(); s.PacketsIn != uint64(b.N) || s.PacketsOut != uint64(b.N) || s.Concealed != 0 {
		b.Errorf("%+v", s)
	}
}
