package media

import (
	"encoding/binary"
	"time"
)

// eventTimeout ends a press of which no more packets come: four times the longest usual distance between updates.
// RFC 4733 section 2.5.1.4 leaves the figure to the receiver; Asterisk waits 150 ms.
const eventTimeout = 200 * time.Millisecond

// event is the payload of RFC 4733 section 2.3:
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     event     |E|R| volume    |          duration             |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type event struct {
	code     uint8
	end      bool
	duration uint16 // since the packet's timestamp, in timestamp units
}

// parse says false when the payload is too short, or is no key: flash hook (16) and all that comes after it is not for us.
func (e *event) parse(payload []byte) bool {
	if len(payload) < 4 || payload[0] > 15 {
		return false
	}
	e.code, e.end, e.duration = payload[0], payload[1]&0x80 != 0, binary.BigEndian.Uint16(payload[2:])
	return true
}

// digit is the key of an event code, RFC 4733 table 3.
func digit(code uint8) byte { return eventCodes[code] }

// Press names one press of one key: however often it is reported, these three stay the same.
type Press struct {
	SSRC, TS uint32
	Code     uint8
	Known    bool // false: no press
}

// Presses finds the key presses in a stream of event packets, each exactly once.
//
// A digit is reported with the first packet that shows it, whichever that is.  All later packets of the press only prolong it,
// so lost beginnings, lost ends and tripled ends (with the same sequence number or with rising ones) need no further care:
//
//	begin, update ... end, end, end      reported at the begin
//	              ... end                reported at the end, when all before it was lost
//	begin, update                        ends by time-out, or by the next press
//	end, update                          the update was overtaken: the press is known, nothing happens
//	update(ts) , update(ts+0xFFFF)       one long press in two segments (RFC 4733 section 2.5.1.3): the same press
//	update(ts, 65530), update(ts, 10)    the same, by Asterisk: the duration wraps, the timestamp stays
//
// Plain data; the zero value is ready.  Owned by the leg's owner.
type Presses struct {
	Past    [8]Press // the presses and segments before, in turn: their late packets are no presses
	Last    int64    // when the last packet of the current one came
	Current Press    // the last press begun
	Origin  uint32   // timestamp of its first segment
	Length  uint32   // how long it has lasted since Origin, in timestamp units
	Turn    uint8    // of Past
	Ended   bool     // it ended by its end bit: nothing can prolong it
	Active  bool     // it is going on; each tick asks
}

// packet takes one event packet, and returns the digit when this is a new press, else 0.
func (s *Presses) packet(ssrc, ts uint32, e event, now int64) byte {
	p := Press{ssrc, ts, e.code, true}
	switch {
	case p == s.Current:
		s.prolong(e, now)
		return 0
	case s.past(p):
		return 0
	case s.segment(p):
		s.retire()
		s.Current = p
		s.prolong(e, now)
		return 0
	case s.Active && ssrc == s.Current.SSRC && int32(ts-s.Current.TS) < 0:
		s.remember(p) // a press of which all packets were overtaken by the next one
		return digit(e.code)
	}
	s.retire()
	s.Current, s.Origin, s.Length, s.Active, s.Ended = p, ts, 0, true, false
	s.prolong(e, now)
	return digit(e.code)
}

// prolong takes one more packet of the current press.
func (s *Presses) prolong(e event, now int64) {
	if s.Ended {
		return // late, or one of the three ends
	}
	length := s.Current.TS - s.Origin + uint32(e.duration)
	for length+0x8000 < s.Length { // the 16 bits of the duration have wrapped
		length += 0x10000
	}
	s.Length = max(s.Length, length)
	s.Last, s.Active, s.Ended = now, !e.end, e.end
}

// segment says whether p goes on where the current press stopped counting.  0xFFFF is what the RFC says; some count to 0x10000.
func (s *Presses) segment(p Press) bool {
	c, step := s.Current, p.TS-s.Current.TS
	return c.Known && !s.Ended && p.SSRC == c.SSRC && p.Code == c.Code && (step == 0xffff || step == 0x10000)
}

// expire ends the press when no packet of it has come for a while, and says whether it did.
func (s *Presses) expire(now int64) bool {
	if !s.Active || now-s.Last < int64(eventTimeout) {
		return false
	}
	s.Active = false
	return true
}

func (s *Presses) past(p Press) bool {
	for i := range s.Past {
		if s.Past[i] == p {
			return true
		}
	}
	return false
}

func (s *Presses) retire() {
	if s.Current.Known {
		s.remember(s.Current)
	}
}

func (s *Presses) remember(p Press) {
	s.Past[s.Turn%uint8(len(s.Past))] = p
	s.Turn++
}
