package media_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// pushes has the leg send n frames of silence, and returns what the phone got.
func (c *call) pushes(n int) []rtp.Packet {
	for range n {
		c.pull()
		c.Leg.Push(c.now, nil)
	}
	return c.Received()
}

// wantStream fails unless the packets follow each other without a gap and only the first is marked.
func wantStream(t *testing.T, packets []rtp.Packet, marked bool) {
	t.Helper()
	for i, p := range packets {
		if p.Marker != (marked && i == 0) {
			t.Errorf("packet %d: marker %v", i, p.Marker)
		}
		if i == 0 {
			continue
		}
		before := packets[i-1]
		if p.SequenceNumber != before.SequenceNumber+1 || p.SSRC != before.SSRC || p.Timestamp != before.Timestamp+uint32(len(before.Payload)) {
			t.Fatalf("packet %d: %v after %v", i, p.Header, before.Header)
		}
	}
}

func TestSendsOneStream(t *testing.T) {
	c := newCall(t, codec.PCMU)
	packets := c.pushes(100)
	if len(packets) != 100 {
		t.Fatalf("%d packets in 100 ticks", len(packets))
	}
	wantStream(t, packets, true)
	for _, p := range packets {
		if p.PayloadType != 0 || len(p.Payload) != 160 || p.Payload[0] != codec.PCMU.Silence() || p.Payload[159] != codec.PCMU.Silence() {
			t.Fatalf("packet %v with %d bytes", p.Header, len(p.Payload))
		}
	}
}

func TestSendsThePacketTimeThatWasAskedFor(t *testing.T) {
	tests := []struct {
		ptime       time.Duration
		bytes, want int // of 120 frames
	}{{0, 160, 120}, {10, 80, 240}, {20, 160, 120}, {30, 240, 80}, {40, 320, 60}, {60, 480, 40}, {100, 480, 40}, {5, 80, 240}, {33, 240, 80}}
	for _, tt := range tests {
		c := newCall(t, codec.PCMA)
		s := c.Session()
		s.Ptime = tt.ptime * time.Millisecond
		c.Leg.Update(s)
		sent := make([]int16, 160)
		for i := range 120 {
			for j := range sent {
				sent[j] = int16(i * 256)
			}
			c.pull()
			c.Leg.Push(c.now, sent)
		}
		packets := c.Received()
		if len(packets) != tt.want || len(packets[0].Payload) != tt.bytes {
			t.Errorf("ptime %d: %d packets of %d bytes, want %d of %d", tt.ptime, len(packets), len(packets[0].Payload), tt.want, tt.bytes)
		}
		wantStream(t, packets, true)
		var word [1]byte
		all := 0
		for _, p := range packets {
			for _, b := range p.Payload {
				codec.PCMA.Encode(word[:], []int16{int16(all / 160 * 256)})
				if b != word[0] {
					t.Fatalf("ptime %d: byte %d is %#x, want %#x", tt.ptime, all, b, word[0])
				}
				all++
			}
		}
	}
}

// Hold, resume, another codec, another address: one stream all along.
func TestTheStreamGoesOnOverNegotiations(t *testing.T) {
	c := newCall(t, codec.PCMA)
	packets := c.pushes(10)
	s := c.Session()
	s.Held = true
	c.Leg.Update(s)
	c.pull()
	loud := make([]int16, 160)
	for i := range loud {
		loud[i] = 10000
	}
	c.Leg.Push(c.now, loud)
	held := c.Received()
	if len(held) != 1 || held[0].Payload[7] != codec.PCMA.Silence() {
		t.Error("on hold: want one packet of silence")
	}
	packets = append(packets, held...)
	s.Held, s.Codec, s.PayloadType = false, codec.PCMU, 0
	s.Remote = netip.MustParseAddrPort("192.0.2.99:7000")
	c.Leg.Update(s)
	packets = append(packets, c.pushes(10)...)
	wantStream(t, packets, true)
	if last := packets[len(packets)-1]; last.PayloadType != 0 || c.Leg.Codec() != codec.PCMU {
		t.Errorf("after the change: type %d, codec %s", last.PayloadType, c.Leg.Codec())
	}
}

// Without an address nothing is sent, but the time goes on, and the first packet after it is marked.
func TestNoAddress(t *testing.T) {
	for _, nowhere := range []string{"0.0.0.0:4000", "192.0.2.1:0"} {
		c := newCall(t, codec.PCMA)
		first := c.pushes(10)
		s := c.Session()
		s.Remote, s.Held = netip.MustParseAddrPort(nowhere), true
		c.Leg.Update(s)
		if got := c.pushes(25); len(got) != 0 {
			t.Errorf("%s: %d packets sent", nowhere, len(got))
		}
		c.Leg.Update(c.Session())
		second := c.pushes(10)
		if len(second) != 10 || second[0].SequenceNumber != first[9].SequenceNumber+1 || second[0].Timestamp != first[9].Timestamp+26*160 {
			t.Fatalf("%s: %d packets, first %v after %v", nowhere, len(second), second[0].Header, first[9].Header)
		}
		wantStream(t, second, true)
	}
}

func TestSkippedTicks(t *testing.T) {
	c := newCall(t, codec.PCMA)
	first := c.pushes(10)
	c.now += int64(100 * time.Millisecond)
	second := c.pushes(10)
	if second[0].Timestamp != first[9].Timestamp+6*160 || second[0].SequenceNumber != first[9].SequenceNumber+1 || !second[0].Marker {
		t.Errorf("after 5 skipped ticks: %v after %v", second[0].Header, first[9].Header)
	}
	c.now -= int64(7 * time.Millisecond) // moved to a loop of another phase
	wantStream(t, append(second[9:], c.pushes(10)...), false)
}

func TestNothingIsSentBeforeAnAgreement(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Leg = media.NewLeg(media.LegConfig{}, c.Conn)
	if got := c.pushes(5); len(got) != 0 {
		t.Errorf("%d packets sent", len(got))
	}
	c.Says(1000)
	c.ticks(10)
	if c.heard != 0 {
		t.Error("heard somebody before any agreement")
	}
}

func TestPushEncoded(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.pull()
	shared := make([]byte, 160)
	for i := range shared {
		shared[i] = byte(i)
	}
	c.Leg.PushEncoded(c.now, shared)
	if got := c.Received(); len(got) != 1 || got[0].Payload[159] != 159 {
		t.Errorf("got %v", got)
	}
}

func TestClosedLeg(t *testing.T) {
	c := newCall(t, codec.PCMA)
	c.Says(1000)
	c.ticks(10)
	c.Leg.Close()
	c.Leg.Close()
	heard := c.heard
	c.ticks(5)
	c.Leg.Push(c.now, nil)
	if c.heard != heard || len(c.Received()) != 0 || !c.Conn.Closed() {
		t.Error("a closed leg is heard, sends, or keeps its socket")
	}
}
