package phone

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"
)

var (
	peer  = netip.MustParseAddrPort("127.0.0.1:4000")
	epoch = time.Unix(1_700_000_000, 0)
)

func rtp(pt byte, marker bool, seq uint16, ts, ssrc uint32, payload []byte) []byte {
	b := []byte{0x80, pt, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, payload...)
}

// sound is n packets of a constant code word, one after the other in time.
type script struct {
	ear *ear
	at  time.Time
}

func (s *script) packet(seq uint16, ts uint32) {
	payload := make([]byte, 160)
	for i := range payload {
		payload[i] = byte(seq)
	}
	s.ear.receive(rtp(0, false, seq, ts, 7, payload), peer, s.at)
	s.at = s.at.Add(20 * time.Millisecond)
}

func TestEarCounts(t *testing.T) {
	for _, tc := range []struct {
		name                                   string
		seqs                                   []uint16
		lost, duplicates, reordered, jumps, at uint64
	}{
		{name: "in order across the wrap", seqs: []uint16{65534, 65535, 0, 1}},
		{name: "one lost", seqs: []uint16{10, 11, 13, 14}, lost: 1},
		{name: "two swapped", seqs: []uint16{10, 12, 11, 13}, reordered: 1},
		{name: "first two swapped", seqs: []uint16{11, 10, 12}, reordered: 1},
		{name: "one twice", seqs: []uint16{10, 11, 11, 12}, duplicates: 1},
		{name: "a hundred lost", seqs: []uint16{10, 111}, lost: 100},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &script{newEar(0), epoch}
			for _, seq := range tc.seqs {
				s.packet(seq, 1000+160*uint32(int16(seq-tc.seqs[0])))
			}
			h := s.ear.stats()
			if h.Lost != tc.lost || h.Duplicates != tc.duplicates || h.Reordered != tc.reordered || h.TSJumps != 0 {
				t.Errorf("lost %d duplicates %d reordered %d jumps %d", h.Lost, h.Duplicates, h.Reordered, h.TSJumps)
			}
		})
	}
}

func TestEarPlacesByTimestamp(t *testing.T) {
	s := &script{newEar(0), epoch}
	s.packet(1, 0xffffff60) // the clock wraps after this one
	s.packet(3, 160)
	s.packet(2, 0)
	s.packet(5, 480) // one missing: silence in its place
	pcm := s.ear.last(5 * 160)
	for i, seq := range []int{1, 2, 3, -1, 5} {
		want := int16(0)
		if seq >= 0 {
			want = muDecode[seq]
		}
		for _, at := range []int{i * 160, i*160 + 159} {
			if pcm[at] != want {
				t.Errorf("sample %d is %d, want %d", at, pcm[at], want)
			}
		}
	}
}

func TestEarSurvivesAnotherStream(t *testing.T) {
	s := &script{newEar(0), epoch}
	s.packet(1, 0)
	s.ear.receive(rtp(0, true, 9000, 123456789, 8, make([]byte, 160)), peer, s.at)
	s.ear.receive(rtp(0, false, 9001, 123456789+160, 8, make([]byte, 160)), peer, s.at)
	h := s.ear.stats()
	if len(h.SSRCs) != 2 || h.Lost != 0 || h.TSJumps != 0 || s.ear.head != 480 {
		t.Errorf("%+v, %d samples", h, s.ear.head)
	}
}

func TestEarNotesGapsAndLatePackets(t *testing.T) {
	s := &script{newEar(0), epoch}
	for i := range 100 {
		if i == 50 {
			s.at = s.at.Add(25 * time.Millisecond)
		}
		s.packet(uint16(i), uint32(160*i))
	}
	h := s.ear.stats()
	if h.Late != 1 || h.Gaps.Max != 45*time.Millisecond || h.Gaps.Count != 99 {
		t.Errorf("late %d, max %s, %d gaps", h.Late, h.Gaps.Max, h.Gaps.Count)
	}
	if p50 := h.Gaps.Quantile(0.5); p50 < 20*time.Millisecond || p50 > 20250*time.Microsecond {
		t.Errorf("p50 %s", p50)
	}
	if p99 := h.Gaps.Quantile(0.999); p99 != 45*time.Millisecond {
		t.Errorf("p99.9 %s", p99)
	}
	s.packet(100, 160*100+7)
	if h := s.ear.stats(); h.TSJumps != 1 {
		t.Errorf("%d jumps", h.TSJumps)
	}
}

func TestEarOnsetsAreExact(t *testing.T) {
	e := newEar(0)
	e.threshold = 1000
	frame := make([]byte, 160)
	PCMU.encode(frame, make([]int16, 160))
	for i := range 10 {
		e.receive(rtp(0, false, uint16(i), uint32(160*i), 7, frame), peer, epoch.Add(time.Duration(i)*20*time.Millisecond))
	}
	loud := make([]int16, 160)
	for i := 40; i < 160; i++ {
		loud[i] = 5000
	}
	PCMU.encode(frame, loud)
	e.receive(rtp(0, false, 10, 1600, 7, frame), peer, epoch.Add(200*time.Millisecond))
	if want := epoch.Add(205 * time.Millisecond); len(e.onsets) != 1 || !e.onsets[0].Equal(want) {
		t.Errorf("onsets %v, want %s", e.onsets, want)
	}
}

// TestEarTakesAnOffsetForSilence: only what is on top of it is an onset.
func TestEarTakesAnOffsetForSilence(t *testing.T) {
	e := newEar(0)
	e.threshold = 823
	for i := range 20 {
		frame := make([]int16, 160)
		for j := range frame {
			frame[j] = 4000
			if i == 10 && j >= 40 {
				frame[j] += int16(5000 * math.Sin(2*math.Pi*float64(j-40)/8))
			}
		}
		e.watch(frame, epoch.Add(time.Duration(i)*20*time.Millisecond))
	}
	if want := epoch.Add(205*time.Millisecond + 125*time.Microsecond); len(e.onsets) != 1 || !e.onsets[0].Equal(want) {
		t.Errorf("onsets %v, want %s", e.onsets, want)
	}
}

func TestG711(t *testing.T) {
	// ITU-T G.711 tables 1 and 2: the ends and the middle of each law, in 16 bits.
	for code, want := range map[byte]int16{0x00: -32124, 0x80: 32124, 0xff: 0, 0x7f: 0, 0x8f: 16764, 0xfe: 8} {
		if muDecode[code] != want {
			t.Errorf("mu-law %#x is %d, want %d", code, muDecode[code], want)
		}
	}
	for code, want := range map[byte]int16{0x2a: -32256, 0xaa: 32256, 0xd5: 8, 0x55: -8, 0xc5: 264} {
		if aDecode[code] != want {
			t.Errorf("a-law %#x is %d, want %d", code, aDecode[code], want)
		}
	}
	for i := range 256 {
		code := byte(i)
		if got := muEncode[uint16(muDecode[code])]; got != code && code != 0x7f {
			t.Errorf("mu-law %#x comes back as %#x", code, got)
		}
		if got := aEncode[uint16(aDecode[code])]; got != code {
			t.Errorf("a-law %#x comes back as %#x", code, got)
		}
	}
	for s := -32000; s <= 32000; s++ {
		limit := max(8, (math.Abs(float64(s))+132)/32) // half a step at the low end of a segment
		if d := math.Abs(float64(muDecode[muEncode[uint16(int16(s))]]) - float64(s)); d > limit {
			t.Fatalf("mu-law: %d is off by %.0f", s, d)
		}
		if d := math.Abs(float64(aDecode[aEncode[uint16(int16(s))]]) - float64(s)); d > limit {
			t.Fatalf("a-law: %d is off by %.0f", s, d)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, codec := range []Codec{PCMA, PCMU} {
		for _, level := range []float64{-3, -10, -25, -40} {
			pcm := make([]int16, 8192)
			Tone(1000, level).Fill(pcm)
			payload := make([]byte, len(pcm))
			codec.encode(payload, pcm)
			codec.decode(pcm, payload)
			if got := ToneLevel(pcm[:3200], 1000); math.Abs(got-level) > 0.2 {
				t.Errorf("%s: %.0f dBFS measured as %.2f", codec, level, got)
			}
			if got := NewSpectrum(pcm).Level(1000); math.Abs(got-level) > 0.2 {
				t.Errorf("%s: %.0f dBFS in the spectrum is %.2f", codec, level, got)
			}
		}
	}
	// Ten talkers at once, with a neighbour 15 Hz away that must not be heard for another.
	var talkers []Source
	const line = Rate / 16384.0 // tones on lines of the spectrum
	for i := range 10 {
		talkers = append(talkers, Tone(line*float64(600+60*i), -25))
	}
	pcm := make([]int16, 16384)
	Sum(talkers...).Fill(pcm)
	s := NewSpectrum(pcm)
	for i := range 10 {
		hz := line * float64(600+60*i)
		if got := s.Level(hz); math.Abs(got+25) > 0.05 {
			t.Errorf("%.0f Hz at %.2f", hz, got)
		}
		if got := s.Level(hz + 15); got > -75 {
			t.Errorf("nobody at %.0f Hz: %.2f", hz+15, got)
		}
	}
}

func FuzzEar(f *testing.F) {
	f.Add(rtp(0, true, 1, 2, 3, []byte{1, 2, 3}))
	f.Add(rtp(101, true, 1, 2, 3, []byte{5, 10, 0, 160}))
	f.Add([]byte{0xb3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4})
	e, at := newEar(0), epoch
	f.Fuzz(func(t *testing.T, b []byte) {
		at = at.Add(20 * time.Millisecond)
		e.receive(b, peer, at)
		e.last(8000)
		var r RTCPHeard
		r.receive(b, 3)
	})
}
