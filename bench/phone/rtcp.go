package phone

import (
	"encoding/binary"
	"time"
)

// RTCPHeard is what the peer's RTCP told.
type RTCPHeard struct {
	SenderReports, ReceiverReports, Byes uint64
	Malformed                            uint64
	// Reported is the peer's newest report about our stream: the only witness of loss on the way to it.
	Reported bool
	Fraction uint8  // of 256 lost since the report before
	Lost     int32  // in all, may be negative by duplicates
	Highest  uint32 // extended sequence number
	Jitter   uint32 // in timestamp units
}

// Types of RTCP packets (RFC 3550 12.1).
const (
	rtcpSR   = 200
	rtcpRR   = 201
	rtcpSDES = 202
	rtcpBye  = 203
)

// receive takes one compound packet; own is our SSRC.
func (r *RTCPHeard) receive(b []byte, own uint32) {
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			r.Malformed++
			return
		}
		size := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if size > len(b) {
			r.Malformed++
			return
		}
		part, blocks := b[:size], int(b[0]&0x1f)
		b = b[size:]
		switch part[1] {
		case rtcpSR:
			r.SenderReports++
			r.blocks(part, 28, blocks, own)
		case rtcpRR:
			r.ReceiverReports++
			r.blocks(part, 8, blocks, own)
		case rtcpBye:
			r.Byes++
		}
	}
}

func (r *RTCPHeard) blocks(part []byte, at, count int, own uint32) {
	for ; count > 0 && at+24 <= len(part); count, at = count-1, at+24 {
		if b := part[at:]; binary.BigEndian.Uint32(b) == own {
			r.Reported = true
			r.Fraction = b[4]
			r.Lost = int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8
			r.Highest = binary.BigEndian.Uint32(b[8:])
			r.Jitter = binary.BigEndian.Uint32(b[12:])
		}
	}
}

// report is our compound packet: SR or RR, SDES with a CNAME, and BYE at the end (RFC 3550 6.1).
func (l *line) report(now time.Time, bye bool) []byte {
	kind, blocks := byte(rtcpRR), []byte(nil)
	if s := l.ear.current; s != nil {
		blocks = s.block()
	}
	body := binary.BigEndian.AppendUint32(nil, l.ssrc)
	if l.sent > 0 {
		kind = rtcpSR
		const toNTP = 2208988800 // seconds from 1900 to 1970
		body = binary.BigEndian.AppendUint32(body, uint32(now.Unix()+toNTP))
		body = binary.BigEndian.AppendUint32(body, uint32(uint64(now.Nanosecond())<<32/1e9))
		body = binary.BigEndian.AppendUint32(body, l.ts)
		body = binary.BigEndian.AppendUint32(body, uint32(l.sent))
		body = binary.BigEndian.AppendUint32(body, uint32(l.sentBytes))
	}
	b := rtcpPart(nil, byte(len(blocks)/24), kind, append(body, blocks...))
	sdes := binary.BigEndian.AppendUint32(nil, l.ssrc)
	sdes = append(sdes, 1, byte(len(l.cname)))
	sdes = append(sdes, l.cname...)
	sdes = append(sdes, 0)
	for len(sdes)%4 != 0 {
		sdes = append(sdes, 0)
	}
	b = rtcpPart(b, 1, rtcpSDES, sdes)
	if bye {
		b = rtcpPart(b, 1, rtcpBye, binary.BigEndian.AppendUint32(nil, l.ssrc))
	}
	return b
}

func rtcpPart(b []byte, count, kind byte, body []byte) []byte {
	b = append(b, 0x80|count, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)/4))
	return append(b, body...)
}

// block is the report about what we hear of a stream. LSR and DLSR stay 0: we measure no round trips.
func (s *stream) block() []byte {
	b := binary.BigEndian.AppendUint32(nil, s.ssrc)
	b = binary.BigEndian.AppendUint32(b, uint32(min(s.lost(), 1<<23-1)))
	b = binary.BigEndian.AppendUint32(b, s.highest-1<<16)
	b = binary.BigEndian.AppendUint32(b, uint32(s.jitter))
	return append(b, make([]byte, 8)...)
}
