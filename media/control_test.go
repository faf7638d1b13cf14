package media

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/sipconf/sipconf/codec"
)

// What we report of a stream is how it came: the packets that are missing, in all and since the report before, and the jitter, as reckoned here
// by RFC 3550 A.3 and A.8 from each packet.
func TestReportsSayHowItCame(t *testing.T) {
	for name, c := range map[string]struct {
		lost func(n int64) bool
		late func(n int64) time.Duration
	}{
		"every tenth lost, every other late": {
			func(n int64) bool { return n%10 == 9 }, func(n int64) time.Duration { return time.Duration(n%2) * 5 * time.Millisecond }},
		"three in fifty lost, every third late": {
			func(n int64) bool { return n%50 > 46 }, func(n int64) time.Duration { return time.Duration(n%3/2) * 6 * time.Millisecond }},
		"as sent": {
			func(int64) bool { return false }, func(int64) time.Duration { return 0 }},
	} {
		for _, mux := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, mux %v", name, mux), func(t *testing.T) { howItCame(t, mux, c.lost, c.late) })
		}
	}
}

func howItCame(t *testing.T, mux bool, lost func(n int64) bool, late func(n int64) time.Duration) {
	peer := netip.MustParseAddrPort("192.0.2.9:4000")
	w := newTwin(LegConfig{})
	w.leg.Update(Session{Remote: peer, Mux: mux, Codec: codec.PCMA, PayloadType: 8})
	const first, ssrc = 65000, 5 // the numbers run over
	missing, jitter, transit := int64(0), 0.0, 0.0
	missed, noise := map[int64]int64{}, map[int64]float64{} // as of that number
	told := struct{ expected, missing int64 }{}
	reports := 0
	b := make([]byte, maxDatagram)
	for n := int64(0); n < 3000; n++ {
		now := (n + 1) * int64(frameTime)
		if lost(n) {
			missing++
		} else {
			at := now - int64(17*time.Millisecond) + int64(late(n))
			packet := append(binary.BigEndian.AppendUint16([]byte{0x80, 8}, uint16(first+n)), 0, 0, 0, 0, 0, 0, 0, ssrc)
			binary.BigEndian.PutUint32(packet[4:], uint32(160*n))
			w.rtp.in = append(w.rtp.in, arrived{append(packet, make([]byte, 160)...), peer, at})
			units := float64(at)/float64(time.Second)*8000 - float64(160*n)
			if n > 0 {
				jitter += (math.Abs(units-transit) - jitter) / 16
			}
			transit = units
		}
		missed[first+n], noise[first+n] = missing, jitter
		w.leg.Pull(now)
		if n%50 != 49 {
			continue
		}
		w.leg.control.serve(w.leg, now, b)
		sent := w.rtcp
		if mux {
			w.leg.control.mux.flush(w.rtp)
			sent = w.rtp
		}
		for _, d := range sent.out {
			_, raw, _ := bytes.Cut(d, []byte(" "))
			packets, err := rtcp.Unmarshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			blocks := packets[0].(*rtcp.ReceiverReport).Reports // nothing was pushed
			if reports++; len(blocks) != 1 {
				t.Fatalf("%d blocks in %v", len(blocks), packets[0])
			}
			got := blocks[0]
			newest := int64(got.LastSequenceNumber)
			expected, gone := newest-first+1, missed[newest]
			fraction := (gone - told.missing) * 256 / (expected - told.expected)
			if got.SSRC != ssrc || int64(got.TotalLost) != gone || int64(got.FractionLost) != fraction {
				t.Errorf("as of %d: %d are missing, %d/256 of late, of source %d; want %d and %d/256", newest, got.TotalLost, got.FractionLost, got.SSRC, gone, fraction)
			}
			if want := noise[newest]; math.Abs(float64(got.Jitter)-want) > 10 { // 1.25 ms: we look at one packet in seven
				t.Errorf("as of %d: the jitter is %d, want %.1f, 10 more or less", newest, got.Jitter, want)
			}
			told.expected, told.missing = expected, gone
		}
		sent.out = nil
	}
	if reports < 6 {
		t.Errorf("%d reports in a minute", reports)
	}
}

// A peer changes his source in the middle of a call, as Asterisk does: what is said of the new one has nothing of the old one in it, and what we count for
// ourselves has both.
func TestReportsAreOfOneSource(t *testing.T) {
	peer := netip.MustParseAddrPort("192.0.2.9:4000")
	w := newTwin(LegConfig{})
	w.leg.Update(Session{Remote: peer, Codec: codec.PCMA, PayloadType: 8})
	now := int64(0)
	hears := func(ssrc byte, numbers ...byte) (r reception) {
		for _, n := range numbers {
			now += int64(frameTime)
			packet := []byte{0x80, 8, 0, n, 0, 0, 0, 0, 0, 0, 0, ssrc}
			binary.BigEndian.PutUint32(packet[4:], 160*uint32(n))
			w.rtp.in = append(w.rtp.in, arrived{append(packet, make([]byte, 160)...), peer, now - int64(frameTime)/2})
			w.leg.Pull(now)
		}
		w.leg.show()
		shown := w.leg.shown()
		return w.leg.control.reception(&shown, now)
	}
	if r := hears(5, 0, 1, 2, 6, 7); r.ssrc != 5 || r.lost != 3 || r.fractionLost != 3*256/8 {
		t.Errorf("of the first source: %+v, want that 3 of 8 are lost", r)
	}
	if r := hears(6, 0, 1, 3); r.ssrc != 6 || r.lost != 1 || r.fractionLost != 256/4 {
		t.Errorf("of the second source: %+v, want that 1 of 4 is lost", r)
	}
	if lost := w.leg.Stats().Lost; lost != 4 {
		t.Errorf("%d are lost in all, want 4", lost)
	}
}

// Anna's phone has missed our BYE, and reports on, to the pair of ports that Boris's call has now, and from the host that Boris's phone is on, too: what
// it says is not about his call. When she calls again, from the same port, it is about hers.
func TestReportsOfTheCallBeforeAreNobodys(t *testing.T) {
	anna := Stream{netip.MustParseAddrPort("192.0.2.9:4000"), 1}
	boris := Stream{netip.MustParseAddrPort("192.0.2.9:6000"), 2}
	for _, c := range []struct {
		name  string
		says  netip.AddrPort // SDP of the call of now
		ssrc  uint32         // who reports
		heard bool
	}{
		{"Anna's old stream, in Boris's call", boris.From, anna.SSRC, false},
		{"Boris's", boris.From, boris.SSRC, true},
		{"Anna's new stream", boris.From, 3, true},
		{"Anna's old one, in a call of which SDP says that it is there", anna.From, anna.SSRC, true},
	} {
		w := newTwin(LegConfig{})
		w.leg.control.gone = anna
		w.leg.Update(Session{Remote: c.says, Codec: codec.PCMA, PayloadType: 8})
		report := appendDescription(appendReport(nil, c.ssrc, nil, &reception{ssrc: w.leg.control.ssrc, lost: 7}), c.ssrc, "peer")
		w.rtcp.in = append(w.rtcp.in, arrived{report, netip.AddrPortFrom(anna.From.Addr(), 4001), 1})
		w.leg.control.serve(w.leg, 1, make([]byte, maxDatagram))
		if got := w.leg.control.peerLost.Load() == 7; got != c.heard {
			t.Errorf("%s: taken for the call's: %v, want %v", c.name, got, c.heard)
		}
	}
}
