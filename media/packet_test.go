package media

import (
	"bytes"
	"testing"

	"github.com/pion/rtp"
)

func TestPacketParse(t *testing.T) {
	tests := []struct {
		name string
		raw  []byte
		want []byte // payload; nil: refused
	}{
		{"plain", []byte{0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 1, 2, 3, 4, 0xd5, 0xd6}, []byte{0xd5, 0xd6}},
		{"exactly a header", []byte{0x80, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4}, []byte{}},
		{"too short", []byte{0x80, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3}, nil},
		{"empty", nil, nil},
		{"version 1", []byte{0x40, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5}, nil},
		{"STUN", append([]byte{0x00, 0x01, 0, 8, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 20)...), nil},
		{"one contributing source", []byte{0x81, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9, 0xd5}, []byte{0xd5}},
		{"contributing source cut off", []byte{0x81, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9}, nil},
		{"extension of one word", []byte{0x90, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 0xd5}, []byte{0xd5}},
		{"extension longer than the packet", []byte{0x90, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xbe, 0xde, 0, 9, 0xd5}, nil},
		{"extension header cut off", []byte{0x90, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xbe, 0xde}, nil},
		{"padding of three", []byte{0xa0, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0xd5, 0, 0, 3}, []byte{0xd5}},
		{"padding of all", []byte{0xa0, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 3}, []byte{}},
		{"padding longer than the payload", []byte{0xa0, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0, 4}, nil},
		{"padding of zero", []byte{0xa0, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0}, nil},
	}
	for _, tt := range tests {
		var p packet
		ok := p.parse(tt.raw)
		if ok != (tt.want != nil) || ok && !bytes.Equal(p.payload, tt.want) {
			t.Errorf("%s: parse = %v with payload %x, want %x", tt.name, ok, p.payload, tt.want)
		}
	}
	var p packet
	p.parse(tests[0].raw)
	if !p.marker || p.typ != 8 || p.seq != 0x1234 || p.ts != 160 || p.ssrc != 0x01020304 {
		t.Errorf("fields of the plain packet: %+v", p)
	}
}

// FuzzPacket holds our parser against pion's: whatever both accept they must read alike, and what pion reads of version 2 we read.
func FuzzPacket(f *testing.F) {
	f.Add([]byte{0x80, 0x88, 0x12, 0x34, 0, 0, 0, 160, 1, 2, 3, 4, 0xd5, 0xd6})
	f.Add([]byte{0xb1, 0x08, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0, 0xd5, 0, 2})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var got packet
		ok := got.parse(raw)
		var want rtp.Packet
		err := want.Unmarshal(bytes.Clone(raw))
		zeroPadding := len(raw) > 0 && raw[0]&0x20 != 0 && raw[len(raw)-1] == 0 // pion lets it pass
		if err == nil && want.Version == 2 && !zeroPadding && !ok {
			t.Fatalf("refused what pion reads: %x", raw)
		}
		if !ok {
			return
		}
		if err != nil {
			if raw[0]&0x30 == 0 { // we skip extensions that pion looks into, and allow nothing but padding
				t.Fatalf("accepted what pion refuses (%v): %x", err, raw)
			}
			return
		}
		if got.marker != want.Marker || got.typ != want.PayloadType || got.seq != want.SequenceNumber || got.ts != want.Timestamp ||
			got.ssrc != want.SSRC || !bytes.Equal(got.payload, want.Payload) {
			t.Fatalf("read %+v, pion read %+v", got, want)
		}
	})
}
