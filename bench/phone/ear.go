package phone

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// offeredEventPT is the payload type of telephone-event in our own offers.
const offeredEventPT = 101

// packet is a received RTP packet (RFC 3550 5.1).
type packet struct {
	pt      uint8
	marker  bool
	seq     uint16
	ts      uint32
	ssrc    uint32
	payload []byte
}

// parsePacket reads an RTP packet; false for anything that is none.
func parsePacket(b []byte) (packet, bool) {
	if len(b) < 12 || b[0]>>6 != 2 {
		return packet{}, false
	}
	p := packet{pt: b[1] & 0x7f, marker: b[1]&0x80 != 0, seq: binary.BigEndian.Uint16(b[2:]),
		ts: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:])}
	at := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < at+4 {
			return packet{}, false
		}
		at += 4 + 4*int(binary.BigEndian.Uint16(b[at+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if at > end {
		return packet{}, false
	}
	p.payload = b[at:end]
	return p, true
}

// ear is the listening side of a call: it places every packet by its timestamp on one long line of samples and counts.
// It knows no clock, socket or lock.
type ear struct {
	ring []int16 // the last len(ring) samples; sample i of the line is ring[i%len(ring)]
	head int64   // the end of the line

	streams []*stream
	current *stream
	eventPT uint8 // what the peer sends digits with
	lastTS  uint32
	lastPos int64 // of the packet with lastTS

	lastArrival time.Time
	heard       Heard
	kinds       kinds
	gaps        Histogram

	event     [2]uint32 // SSRC and timestamp of the last telephone-event
	digits    []byte
	threshold int16 // of an onset; 0: not looked for
	quiet     int   // samples below the threshold in a row
	offset    int   // mean of the last frame, while onsets are looked for
	onsets    []time.Time

	recording []int16
	records   bool
	recordPos int64
	frame     [2048]int16
}

// stream is one SSRC.
type stream struct {
	ssrc     uint32
	base     uint32 // extended sequence number of the first packet that counts
	highest  uint32
	window   uint64 // bit i: highest-i has come
	received uint64 // without duplicates
	nextTS   uint32
	jitter   float64 // RFC 3550 6.4.1, in timestamp units
	transit  float64
}

// Heard counts what came from the peer since the call began, or since ResetHeard.
type Heard struct {
	Packets    uint64 // RTP packets, also duplicates
	Lost       uint64 // gaps in the sequence numbers that were not filled later
	Duplicates uint64
	Reordered  uint64           // came after a later one
	Late       uint64           // came more than 20 ms later than the distance to the packet before it asks
	TSJumps    uint64           // consecutive packets whose timestamps are not as far apart as the sound in them, without a marker
	Unsent     uint64           // samples by which timestamps of consecutive packets are further apart than the sound in them, marker or not: what was never sent
	Markers    uint64           // packets with the marker bit
	Malformed  uint64           // not RTP
	SSRCs      []uint32         // in order of appearance
	Types      map[uint8]uint64 // packets by payload type
	Sources    []netip.AddrPort // where they came from, in order of appearance
	Gaps       Histogram        // time between consecutive packets
	RTCP       RTCPHeard        // what came on the RTCP socket
	Last       time.Time        // arrival of the last packet
	Payload    map[int]uint64   // packets by payload size in bytes: 160 for 20 ms of G.711
}

// kind is packets of one payload type and size.
type kind struct {
	pt   uint8
	size int
}

// kinds counts them; there are two or three in a call, so a list is found through faster than a map.
type kinds []struct {
	kind
	packets uint64
}

func (k *kinds) count(of kind) {
	for i := range *k {
		if (*k)[i].kind == of {
			(*k)[i].packets++
			return
		}
	}
	*k = append(*k, struct {
		kind
		packets uint64
	}{of, 1})
}

const ringMinimum = time.Second

func newEar(memory time.Duration) *ear {
	return &ear{ring: make([]int16, samplesIn(max(memory, ringMinimum))), eventPT: offeredEventPT}
}

// receive takes one datagram from the RTP socket.
func (e *ear) receive(b []byte, from netip.AddrPort, at time.Time) {
	p, ok := parsePacket(b)
	if !ok {
		e.heard.Malformed++
		return
	}
	e.count(p, from, at)
	if !e.follow(p, at) {
		e.heard.Duplicates++
		return
	}
	switch p.pt {
	case uint8(PCMA), uint8(PCMU):
		n := min(len(p.payload), len(e.frame))
		Codec(p.pt).decode(e.frame[:n], p.payload[:n])
		e.place(p, e.frame[:n])
		e.watch(e.frame[:n], at)
	case e.eventPT:
		e.press(p)
	}
}

// count is what concerns every packet alike.
func (e *ear) count(p packet, from netip.AddrPort, at time.Time) {
	h := &e.heard
	h.Packets++
	e.kinds.count(kind{p.pt, len(p.payload)})
	if p.marker {
		h.Markers++
	}
	if len(h.Sources) == 0 || h.Sources[len(h.Sources)-1] != from {
		h.Sources = append(h.Sources, from)
	}
	if !e.lastArrival.IsZero() {
		e.gaps.Add(at.Sub(e.lastArrival))
	}
	e.lastArrival, h.Last = at, at
}

// follow keeps the sequence of the packet's stream; false for a duplicate.
func (e *ear) follow(p packet, at time.Time) bool {
	s := e.current
	if s == nil || s.ssrc != p.ssrc {
		s = e.stream(p)
	}
	distance := int16(p.seq - uint16(s.highest))
	switch {
	case s.received == 0:
	case distance > 0:
		s.window <<= uint(distance)
		if distance == 1 && p.pt != e.eventPT && p.ts != s.nextTS && !p.marker {
			e.heard.TSJumps++
		}
		if distance == 1 && p.pt != e.eventPT {
			e.heard.Unsent += uint64(max(0, int32(p.ts-s.nextTS)))
		}
		s.highest += uint32(distance)
	case distance > -64 && s.window&(1<<-distance) != 0:
		return false
	default:
		e.heard.Reordered++
		s.base = min(s.base, s.highest-uint32(-distance))
	}
	if distance <= 0 && distance > -64 {
		s.window |= 1 << -distance
	} else {
		s.window |= 1
	}
	s.received++
	if distance >= 0 && p.pt != e.eventPT {
		s.nextTS = p.ts + uint32(len(p.payload))
	}
	e.measure(s, p, at)
	return true
}

// stream finds or begins the stream of a packet's SSRC and makes it the current one.
func (e *ear) stream(p packet) *stream {
	for _, s := range e.streams {
		if s.ssrc == p.ssrc {
			e.current = s
			return s
		}
	}
	// The extended number begins one cycle up, so that a packet from before the first one has a number, too.
	first := 1<<16 + uint32(p.seq)
	s := &stream{ssrc: p.ssrc, base: first, highest: first, nextTS: p.ts}
	e.streams, e.current = append(e.streams, s), s
	e.heard.SSRCs = append(e.heard.SSRCs, p.ssrc)
	e.lastTS, e.lastPos = p.ts, e.head // a new stream goes on where the old one ended
	return s
}

// measure is the jitter of RFC 3550 6.4.1 and the count of late packets.
func (e *ear) measure(s *stream, p packet, at time.Time) {
	if p.pt == e.eventPT {
		return
	}
	transit := float64(at.UnixNano())/1e9*Rate - float64(p.ts)
	if s.received > 1 {
		d := transit - s.transit
		// The timestamp wraps every 149 hours; such a step is none.
		if d > -Rate*3600 && d < Rate*3600 {
			if d > Rate/50 {
				e.heard.Late++
			}
			s.jitter += (max(d, -d) - s.jitter) / 16
		}
	}
	s.transit = transit
}

// place writes the sound where its timestamp belongs.
func (e *ear) place(p packet, frame []int16) {
	step := int64(int32(p.ts - e.lastTS))
	if step > 60*Rate || step < -60*Rate {
		step = e.head - e.lastPos // a jump of the clock, not a pause
	}
	pos := e.lastPos + step
	e.lastTS, e.lastPos = p.ts, pos
	if pos < 0 || pos+int64(len(e.ring)) <= e.head {
		return
	}
	size := int64(len(e.ring))
	for at := max(e.head, pos-size); at < pos; at++ {
		e.ring[at%size] = 0
	}
	n := copy(e.ring[pos%size:], frame)
	copy(e.ring, frame[n:])
	e.head = max(e.head, pos+int64(len(frame)))
	e.record(pos, frame)
}

// maxRecording bounds a forgotten recording to an hour.
const maxRecording = 3600 * Rate

func (e *ear) record(pos int64, frame []int16) {
	if !e.records {
		return
	}
	at := pos - e.recordPos
	end := at + int64(len(frame))
	if at < 0 || end > maxRecording {
		return
	}
	if grow := end - int64(len(e.recording)); grow > 0 {
		e.recording = append(e.recording, make([]int16, grow)...)
	}
	copy(e.recording[at:], frame)
}

// last returns a copy of the last n samples, fewer if fewer have been heard.
func (e *ear) last(n int) []int16 {
	n = int(min(int64(n), int64(len(e.ring)), e.head))
	pcm := make([]int16, n)
	if n > 0 {
		done := copy(pcm, e.ring[(e.head-int64(n))%int64(len(e.ring)):])
		copy(pcm[done:], e.ring)
	}
	return pcm
}

// press reads a telephone-event: one (SSRC, timestamp) is one press, however many packets tell of it (RFC 4733 2.5.1.3).
func (e *ear) press(p packet) {
	if len(p.payload) < 4 || p.payload[0] > 15 {
		return
	}
	if e.event == [2]uint32{p.ssrc, p.ts} {
		return
	}
	e.event = [2]uint32{p.ssrc, p.ts}
	e.digits = append(e.digits, keypad[p.payload[0]])
}

// quietBefore is how long it must have been quiet for a sound to have an onset.
const quietBefore = Rate / 20

// watch looks for onsets. What is the same all the time is no sound: A-law has no zero, so that in one room the silence of 500 legs adds up to an
// offset of -18 dBFS. sipconf leaves it out, ConfBridge does not: of its rooms of more than 200 no beep would be heard.
func (e *ear) watch(frame []int16, at time.Time) {
	if e.threshold == 0 || len(frame) == 0 {
		return
	}
	offset, sum, threshold := e.offset, 0, int(e.threshold)
	for _, v := range frame {
		sum += int(v)
	}
	e.offset = sum / len(frame)
	for i, v := range frame {
		if v := int(v) - offset; v < threshold && v > -threshold {
			e.quiet++
			continue
		}
		if e.quiet >= quietBefore {
			e.onsets = append(e.onsets, at.Add(time.Duration(i)*time.Second/Rate))
		}
		e.quiet = 0
	}
}

// stats is a copy of the counts, with the losses as they stand.
func (e *ear) stats() Heard {
	h := e.heard
	h.SSRCs = append([]uint32(nil), h.SSRCs...)
	h.Sources = append([]netip.AddrPort(nil), h.Sources...)
	h.Types, h.Payload = map[uint8]uint64{}, map[int]uint64{}
	for _, k := range e.kinds {
		h.Types[k.pt] += k.packets
		h.Payload[k.size] += k.packets
	}
	h.Gaps = e.gaps
	for _, s := range e.streams {
		h.Lost += s.lost()
	}
	return h
}

func (s *stream) lost() uint64 {
	expected := uint64(s.highest-s.base) + 1
	if s.received == 0 || expected < s.received {
		return 0
	}
	return expected - s.received
}

// reset begins the counts anew; the streams go on, so that a loss across the reset is still seen as one afterwards.
func (e *ear) reset() {
	e.heard, e.kinds, e.gaps, e.lastArrival = Heard{}, nil, Histogram{}, time.Time{}
	var kept []*stream
	if s := e.current; s != nil {
		s.base, s.received, s.window = s.highest, 1, s.window|1
		kept = []*stream{s}
		e.heard.SSRCs = []uint32{s.ssrc}
	}
	e.streams = kept
}
