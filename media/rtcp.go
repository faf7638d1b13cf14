package media

import "encoding/binary"

// The packets of RTCP that we send and heed (RFC 3550 section 6), by hand because pion/rtcp makes half a KiB of garbage of each report, which
// was all the garbage that a server with 200 callers made.  A fuzz test keeps the two of the same mind.
const (
	typeSender      = 200 // SR
	typeReceiver    = 201 // RR
	typeDescription = 202 // SDES
	typeGoodbye     = 203 // BYE
)

// sending is what a sender report says of the sender's own stream.
type sending struct {
	ntp             uint64 // the wall time of the report
	ts              uint32 // the same in the stream's timestamps
	packets, octets uint32
}

// reception is a report block: what is said of a stream by whoever receives it.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                         SSRC of the stream                    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	| fraction lost |               packets lost, signed            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                  newest sequence number, extended             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                  jitter in timestamp units                    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|       LSR: the middle of the NTP time of the last SR          |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|       DLSR: the time since then, in 1/65536 s                 |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type reception struct {
	ssrc         uint32
	fractionLost uint8 // of 256, since the report before
	lost         int32 // 24 bits
	newest       uint32
	jitter       uint32
	lastReport   uint32
	delay        uint32
}

// What comes before the blocks, the SSRC included, and the size of a block, in bytes.
const (
	senderSize   = 24
	receiverSize = 4
	blockSize    = 24
)

// appendReport adds a sender report, or a receiver report when sent is nil, about one stream, or none when heard is nil.
func appendReport(b []byte, ssrc uint32, sent *sending, heard *reception) []byte {
	typ, size, blocks := byte(typeReceiver), receiverSize, 0
	if sent != nil {
		typ, size = typeSender, senderSize
	}
	if heard != nil {
		blocks, size = 1, size+blockSize
	}
	b = appendHead(b, typ, blocks, size)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if sent != nil {
		b = binary.BigEndian.AppendUint64(b, sent.ntp)
		b = binary.BigEndian.AppendUint32(b, sent.ts)
		b = binary.BigEndian.AppendUint32(b, sent.packets)
		b = binary.BigEndian.AppendUint32(b, sent.octets)
	}
	if heard != nil {
		b = binary.BigEndian.AppendUint32(b, heard.ssrc)
		b = binary.BigEndian.AppendUint32(b, uint32(heard.fractionLost)<<24|uint32(heard.lost)&0xffffff)
		b = binary.BigEndian.AppendUint32(b, heard.newest)
		b = binary.BigEndian.AppendUint32(b, heard.jitter)
		b = binary.BigEndian.AppendUint32(b, heard.lastReport)
		b = binary.BigEndian.AppendUint32(b, heard.delay)
	}
	return b
}

// appendDescription adds the CNAME, of 255 bytes at most, which section 6.1 demands in each datagram.
func appendDescription(b []byte, ssrc uint32, cname string) []byte {
	const item = 1                               // CNAME
	size := (4 + 2 + len(cname) + 1 + 3) / 4 * 4 // section 6.5: at least one null byte ends the items, and more fill the word up
	b = appendHead(b, typeDescription, 1, size)
	end := len(b) + size
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(append(b, item, byte(len(cname))), cname...)
	for len(b) < end {
		b = append(b, 0)
	}
	return b
}

// appendGoodbye adds a BYE without a reason.
func appendGoodbye(b []byte, ssrc uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHead(b, typeGoodbye, 1, 4), ssrc)
}

// appendHead adds what begins every packet of RTCP; size is that of what follows, in bytes, and a multiple of four.
//
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|V=2|P|  count  |      type     |  length in words, less one    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func appendHead(b []byte, typ byte, count, size int) []byte {
	return binary.BigEndian.AppendUint16(append(b, 2<<6|byte(count), typ), uint16(size/4))
}

// controlPacket is one packet of RTCP that has come, of the several in a datagram.
type controlPacket struct {
	typ   uint8
	count int    // of its blocks
	body  []byte // what follows the head, within the datagram
}

// cut takes the first packet off a datagram, and says false when there is none, or one that is not whole.
func (p *controlPacket) cut(b []byte) (rest []byte, ok bool) {
	if len(b) < 4 || b[0]>>6 != 2 {
		return nil, false
	}
	size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
	if size > len(b) {
		return nil, false
	}
	*p = controlPacket{b[1], int(b[0] & 0x1f), b[4:size]}
	return b[size:], !p.hasBlocks() || len(p.body) >= p.blocks()+blockSize*p.count
}

// whole says whether all of a datagram is packets of RTCP.
func whole(b []byte) bool {
	var p controlPacket
	ok := len(b) > 0
	for ok && len(b) > 0 {
		b, ok = p.cut(b)
	}
	return ok
}

// hasBlocks says whether it is a report.
func (p *controlPacket) hasBlocks() bool { return p.typ == typeSender || p.typ == typeReceiver }

// blocks is where the blocks of a report begin.
func (p *controlPacket) blocks() int {
	if p.typ == typeSender {
		return senderSize
	}
	return receiverSize
}

// ssrc is who has sent a report.
func (p *controlPacket) ssrc() uint32 { return binary.BigEndian.Uint32(p.body) }

// ntp is the middle 32 bits of the wall time of a sender report: what LSR repeats.
func (p *controlPacket) ntp() uint32 { return binary.BigEndian.Uint32(p.body[4+2:]) }

// about reads the n-th block of a report.
func (p *controlPacket) about(n int) reception {
	b := p.body[p.blocks()+n*blockSize:]
	word := func(i int) uint32 { return binary.BigEndian.Uint32(b[4*i:]) }
	return reception{ssrc: word(0), fractionLost: b[4], lost: int32(word(1)<<8) >> 8, newest: word(2), jitter: word(3),
		lastReport: word(4), delay: word(5)}
}
