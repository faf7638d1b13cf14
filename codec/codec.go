// Package codec turns speech samples into the bytes of an RTP payload and back.
//
// A codec here is a plain, immutable value: it has no state and no buffers of its own, works over slices of the caller,
// allocates nothing, and is safe for concurrent use.  Today there are the two laws of G.711; wideband codecs will come,
// so nothing outside this package may assume 8,000 samples a second: a frame is FrameSize samples, whatever that is.
//
// Words: a sample is one int16 of linear PCM; a frame is 20 ms of samples; a code word is one byte of a G.711 payload;
// the clock rate is what RTP timestamps count (RFC 3551), which is not always the sampling rate (G.722).
package codec

import "strings"

// Codec is one audio format.  Its zero value is not a codec; use PCMA, PCMU or the lookups.
// Immutable; safe for concurrent use; compared by pointer.
type Codec struct {
	Name        string // the encoding name as in a=rtpmap, such as "PCMA"
	PayloadType uint8  // the static payload type of RFC 3551 section 6
	ClockRate   int    // RTP timestamp units per second
	Rate        int    // samples per second

	decode *[256]int16
	encode *[encodeSize]byte
}

var (
	// PCMA is G.711 A-law, payload type 8.
	PCMA = &Codec{Name: "PCMA", PayloadType: 8, ClockRate: 8000, Rate: 8000, decode: &alawDecode, encode: &alawEncode}
	// PCMU is G.711 mu-law, payload type 0.
	PCMU = &Codec{Name: "PCMU", PayloadType: 0, ClockRate: 8000, Rate: 8000, decode: &ulawDecode, encode: &ulawEncode}
)

// all is every codec we have, in the order in which we like to offer them.
var all = [...]*Codec{PCMA, PCMU}

// ByName finds a codec by its encoding name.  RFC 4855 section 3: encoding names are case-insensitive.
func ByName(name string) (*Codec, bool) {
	for _, c := range all {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return nil, false
}

// ByPayloadType finds a codec by its static payload type, which needs no a=rtpmap (RFC 3551 section 6).
func ByPayloadType(pt uint8) (*Codec, bool) {
	for _, c := range all {
		if c.PayloadType == pt {
			return c, true
		}
	}
	return nil, false
}

// FrameSize is the number of samples in one 20 ms frame.
func (c *Codec) FrameSize() int { return c.Rate / 50 }

// FrameBytes is the number of payload bytes that one 20 ms frame makes.  All our codecs have a constant bit rate.
func (c *Codec) FrameBytes() int { return c.Rate / 50 }

// Samples is how many samples a payload of n bytes holds.
func (c *Codec) Samples(n int) int { return n }

// String returns the encoding name, for logs.
func (c *Codec) String() string { return c.Name }
