package rooms

import (
	"fmt"
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
)

// BenchmarkBigRoom is the tick of a room of 1,000 over loopback sockets, all of whom send a soft noise. In turn the loop does it alone
// and with 1, 3, 7 hands and so on, as many as there are cores for, so that whatever else the machine does disturbs all of them: ms is
// the median tick, ratio is to that of the loop alone.
func BenchmarkBigRoom(b *testing.B) {
	const legs = 1000
	room := newRoom("5234", nil, newWork(), newTones(mixRate), newQueue(queueSize))
	local := netip.MustParseAddr("127.0.0.1")
	peers, ports := make([]*net.UDPConn, legs), make([]netip.AddrPort, legs)
	for i := range legs {
		ports[i] = netip.AddrPortFrom(local, uint16(29000+i))
		conn, err := media.Listen(ports[i])
		if err != nil {
			b.Fatal(err)
		}
		leg := media.NewLeg(media.LegConfig{}, conn)
		defer leg.Close()
		if peers[i], err = net.ListenUDP("udp", &net.UDPAddr{IP: local.AsSlice()}); err != nil {
			b.Fatal(err)
		}
		defer peers[i].Close()
		peers[i].SetReadBuffer(4096) // what it does not take is dropped by the kernel
		leg.Update(media.Session{Remote: peers[i].LocalAddr().(*net.UDPAddr).AddrPort(), Codec: codec.PCMA, PayloadType: 8})
		p := &Participant{id: fmt.Sprint(i), leg: leg, seat: &Seat{room: room}}
		room.receive(p)
		room.enter(p)
	}
	var crews []large
	for hands := 0; hands < runtime.GOMAXPROCS(0); hands = 2*hands + 1 {
		crew := media.NewCrew(hands)
		defer crew.Close()
		room.enlarge(crew)
		room.large.shared = true
		crews = append(crews, room.large)
	}
	payload := make([]byte, 160)
	for i := range payload {
		payload[i] = 0xd5 ^ byte(rand.Uint32N(12))
	}
	spent := make([][]time.Duration, len(crews))
	now := int64(time.Hour)
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
		turn := n % len(crews)
		room.large = crews[turn]
		b.StartTimer()
		begin := time.Now()
		room.Tick(now)
		spent[turn] = append(spent[turn], time.Since(begin))
	}
	if b.N < len(crews) {
		return // the first try of the testing package
	}
	median := func(turn int) float64 {
		slices.Sort(spent[turn])
		return spent[turn][len(spent[turn])/2].Seconds() * 1000
	}
	for turn, l := range crews {
		b.ReportMetric(median(turn), fmt.Sprintf("ms-%d", l.crew.Hands()-1))
		b.ReportMetric(median(turn)/median(0), fmt.Sprintf("ratio-%d", l.crew.Hands()-1))
	}
}
