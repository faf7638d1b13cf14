package media

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/pion/rtcp"

	"github.com/sipconf/sipconf/codec"
)

// TestReportsAreReadByPion: what we write says to others what it shall.
func TestReportsAreReadByPion(t *testing.T) {
	sent := &sending{ntp: 0x0123456789abcdef, ts: 0xfffffff0, packets: 7, octets: 1120}
	heard := &reception{ssrc: 9, fractionLost: 128, lost: -3, newest: 0x10005, jitter: 11, lastReport: 0x45678901, delay: 65536}
	block := rtcp.ReceptionReport{SSRC: 9, FractionLost: 128, TotalLost: 0xfffffd, LastSequenceNumber: 0x10005, Jitter: 11,
		LastSenderReport: 0x45678901, Delay: 65536}
	tests := []struct {
		name  string
		sent  *sending
		heard *reception
		cname string
		want  rtcp.Packet
	}{
		{"sends and hears", sent, heard, "0123456789abcdef01234567", &rtcp.SenderReport{SSRC: 5, NTPTime: sent.ntp, RTPTime: sent.ts,
			PacketCount: 7, OctetCount: 1120, Reports: []rtcp.ReceptionReport{block}}},
		{"sends only", sent, nil, "a", &rtcp.SenderReport{SSRC: 5, NTPTime: sent.ntp, RTPTime: sent.ts, PacketCount: 7, OctetCount: 1120}},
		{"hears only", nil, heard, "ab", &rtcp.ReceiverReport{SSRC: 5, Reports: []rtcp.ReceptionReport{block}}},
		{"neither", nil, nil, "abc", &rtcp.ReceiverReport{SSRC: 5}},
		{"a name that fills its word", nil, nil, "abcdef", &rtcp.ReceiverReport{SSRC: 5}},
	}
	for _, tt := range tests {
		want, err := rtcp.Marshal([]rtcp.Packet{tt.want, rtcp.NewCNAMESourceDescription(5, tt.cname), &rtcp.Goodbye{Sources: []uint32{5}}})
		if err != nil {
			t.Fatal(err)
		}
		got := appendGoodbye(appendDescription(appendReport(nil, 5, tt.sent, tt.heard), 5, tt.cname), 5)
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\nwe write   %x\npion writes %x", tt.name, got, want)
		}
		if !whole(got) {
			t.Errorf("%s: we do not read what we write", tt.name)
		}
	}
}

// FuzzReports: what pion takes for RTCP we take for it too, and read the same in it.
func FuzzReports(f *testing.F) {
	heard := &reception{ssrc: 9, lost: -3, newest: 0x10005, jitter: 11, lastReport: 0x45678901, delay: 65536}
	f.Add(appendDescription(appendReport(nil, 5, &sending{ntp: 1 << 40}, heard), 5, "cname"))
	f.Add(appendGoodbye(appendReport(nil, 5, nil, heard), 5))
	f.Add([]byte{0x81, typeReceiver, 0, 1, 0, 0, 0, 5}) // a block is announced and none is there
	f.Add([]byte{0x80, typeSender, 0, 9, 0, 0, 0, 5})   // cut off
	f.Fuzz(func(t *testing.T, raw []byte) {
		packets, err := rtcp.Unmarshal(raw)
		ok := whole(raw)
		if err == nil && !ok {
			t.Fatalf("refused what pion reads: %x", raw)
		}
		if !ok {
			return
		}
		if err != nil { // pion finds fault with what we do not look into
			for reports := raw; len(reports) > 0; {
				var got controlPacket
				if reports, _ = got.cut(reports); !got.hasBlocks() {
					return
				}
			}
			t.Fatalf("accepted reports that pion refuses (%v): %x", err, raw)
		}
		for _, want := range packets {
			var got controlPacket
			raw, _ = got.cut(raw)
			var ssrc uint32
			var blocks []rtcp.ReceptionReport
			switch want := want.(type) {
			case *rtcp.SenderReport:
				ssrc, blocks = want.SSRC, want.Reports
				if got.typ != typeSender || got.ntp() != uint32(want.NTPTime>>16) {
					t.Fatalf("read type %d with NTP %x, pion read %+v", got.typ, got.ntp(), want)
				}
			case *rtcp.ReceiverReport:
				ssrc, blocks = want.SSRC, want.Reports
			default:
				if got.hasBlocks() {
					t.Fatalf("read a report where pion read %T", want)
				}
				continue
			}
			if !got.hasBlocks() || got.ssrc() != ssrc || got.count != len(blocks) {
				t.Fatalf("read %+v, pion read %+v", got, want)
			}
			for n, block := range blocks {
				r := got.about(n)
				if (rtcp.ReceptionReport{SSRC: r.ssrc, FractionLost: r.fractionLost, TotalLost: uint32(r.lost) & 0xffffff,
					LastSequenceNumber: r.newest, Jitter: r.jitter, LastSenderReport: r.lastReport, Delay: r.delay}) != block {
					t.Fatalf("block %d: read %+v, pion read %+v", n, r, block)
				}
			}
		}
		if len(raw) > 0 {
			t.Fatalf("%x is left over", raw)
		}
	})
}

// TestReportsMakeNoGarbage: reports are all that a server in which nothing happens could make some of, and then its memory would grow by it
// between two collections.
func TestReportsMakeNoGarbage(t *testing.T) {
	leg := NewLeg(LegConfig{}, deaf{})
	leg.control.conn = deaf{}
	peer := netip.MustParseAddrPort("192.0.2.1:5000")
	leg.Update(Session{Remote: peer, Codec: codec.PCMA, PayloadType: 8})
	leg.board.copy = notice{stats: LegStats{PacketsOut: 5, Lost: -1}, clockRate: 8000, ssrc: 9, expected: 3}
	theirs := appendDescription(appendReport(nil, 9, &sending{ntp: 1 << 40}, &reception{ssrc: leg.control.ssrc, lost: 3}), 9, "peer")
	b := make([]byte, maxDatagram)
	if n := testing.AllocsPerRun(100, func() {
		leg.control.receive(theirs, peer, 1)
		leg.control.send(leg, 2, b, false)
	}); n > 0 {
		t.Errorf("a report of each side makes %v allocations, want none", n)
	}
	if !leg.control.started || leg.control.peerLost.Load() != 3 {
		t.Error("no report was sent, or none was read")
	}
}
