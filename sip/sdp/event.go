package sdp

import (
	"strconv"
	"strings"
)

// eventEncoding is the rtpmap name of DTMF events (RFC 4733). Lower case, for Asterisk compares it exactly.
const eventEncoding = "telephone-event"

// firstEventType is the payload number that we offer for telephone-event: dynamic, and 101 by custom.
const firstEventType = 101

// events is a set of telephone events: bit n stands for event n. Those above 31 are of no interest.
type events uint32

// ourEvents are 0-9, *, #, A-D (RFC 4733 section 3.2) and 16, flash, which every Asterisk offers.
const ourEvents events = 1<<17 - 1

// event is the first of m's formats that carries telephone-event with the RTP clock of the voice codec, which it
// shares its timestamps with, and holds an event that we know; nil if there is none.
func (m *Media) event(rate int) *Format {
	for i := range m.Formats {
		f := &m.Formats[i]
		number, ok := f.payloadType()
		// Number 0 is PCMU's, and "none" in Agreed.
		if !ok || number == 0 || !strings.EqualFold(f.Encoding, eventEncoding) || !f.runsAt(rate) {
			continue
		}
		if parseEvents(f.Params)&ourEvents != 0 {
			return f
		}
	}
	return nil
}

// eventFormat is the telephone-event format with the given number.
func eventFormat(id string, rate int, carries events) Format {
	return Format{ID: id, Encoding: eventEncoding, ClockRate: rate, Params: carries.String()}
}

// parseEvents reads the fmtp of telephone-event, "0-15,66" (RFC 4733 section 2.4.1), also with "events=" before
// it. Without one, or with one that makes no sense, the DTMF events 0-15 are meant.
func parseEvents(params string) events {
	const dtmf events = 1<<16 - 1
	var set events
	for part := range strings.SplitSeq(strings.TrimPrefix(params, "events="), ",") {
		lowText, highText, isRange := strings.Cut(strings.TrimSpace(part), "-")
		low, err := strconv.ParseUint(lowText, 10, 8)
		high := low
		if err == nil && isRange {
			high, err = strconv.ParseUint(highText, 10, 8)
		}
		if err != nil {
			return dtmf
		}
		for n := low; n <= high; n++ {
			set |= 1 << n // nothing, from 32 up
		}
	}
	return set
}

// String returns the set as an fmtp states it, such as "0-16" or "0-9,11".
func (s events) String() string {
	var parts []string
	for low := 0; low < 32; low++ {
		if s&(1<<low) == 0 {
			continue
		}
		high := low
		for high < 31 && s&(1<<(high+1)) != 0 {
			high++
		}
		if part := strconv.Itoa(low); low == high {
			parts = append(parts, part)
		} else {
			parts = append(parts, part+"-"+strconv.Itoa(high))
		}
		low = high
	}
	return strings.Join(parts, ",")
}
