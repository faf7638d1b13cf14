package media

import "encoding/binary"

// headerSize is the fixed part of an RTP header, which is all that we send.
const headerSize = 12

// packet is a received RTP packet.  It is parsed by hand because pion/rtp allocates for extensions, contributing sources
// and errors, all of which a stranger can send; a fuzz test keeps the two of the same mind.
type packet struct {
	marker  bool
	typ     uint8 // payload type
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte // within the datagram
}

// parse reads a datagram as RFC 3550 section 5.1 draws it, and says false when it is none:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|X|  CC   |M|     PT      |       sequence number         |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                           timestamp                           |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|           synchronization source (SSRC) identifier            |
//	+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
//	|     contributing sources (CC of them), then the extension     |
func (p *packet) parse(b []byte) bool {
	if len(b) < headerSize || b[0]>>6 != 2 {
		return false
	}
	start, end := headerSize+4*int(b[0]&0x0f), len(b)
	if b[0]&0x10 != 0 { // section 5.3.1: 16 bits of profile, 16 bits of length in 32-bit words, not counting themselves
		if end < start+4 {
			return false
		}
		start += 4 + 4*int(binary.BigEndian.Uint16(b[start+2:]))
	}
	if end < start {
		return false
	}
	if b[0]&0x20 != 0 { // the last byte counts the padding, itself included: 0 is impossible
		padding := int(b[end-1])
		if padding == 0 || end-padding < start {
			return false
		}
		end -= padding
	}
	p.marker, p.typ = b[1]&0x80 != 0, b[1]&0x7f
	p.seq = binary.BigEndian.Uint16(b[2:])
	p.ts = binary.BigEndian.Uint32(b[4:])
	p.ssrc = binary.BigEndian.Uint32(b[8:])
	p.payload = b[start:end]
	return true
}
