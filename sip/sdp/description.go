package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// Description is a session description, parsed. The zero value is not valid SDP: it lacks the origin and
// the timing; take one from Parse, Offer or Answer.
//
// What RFC 8866 lets a session state on behalf of its media (c=, direction) is folded down into each Media by
// Parse, so that nobody who reads a Media has to look elsewhere.
type Description struct {
	Origin     Origin
	Connection Address // session-level c=; zero: none
	Timing     string  // value of t=, "0 0" for a call
	Media      []Media // one per m= line, refused ones included; nil: none
}

// Origin is the o= line. The peer's is opaque; only a change of its Version says something: when it stayed
// the same, the description did (RFC 3264 section 8).
type Origin struct {
	Username  string
	SessionID string
	Version   string
	Address   Address
}

// Address is the triple that o=, c= and a=rtcp use, as it was written. The host may be a name, which we
// do not resolve, or carry a multicast TTL ("224.2.1.1/127").
type Address struct {
	Network string // "IN"
	Type    string // "IP4" or "IP6"
	Host    string
}

// Media is one m= line with its attributes.
type Media struct {
	Kind       string // "audio", "video", "image", ...
	Port       uint16 // 0: the stream is refused or removed
	Proto      string // "RTP/AVP"
	Formats    []Format
	Connection Address // its own c=, else the session's
	Direction  Direction
	RTCP       RTCP          // a=rtcp (RFC 3605); zero: none, which means the next port
	Mux        bool          // a=rtcp-mux (RFC 5761): RTCP may come to the port of RTP
	Ptime      time.Duration // whole milliseconds; 0: not stated
	MaxPtime   time.Duration // whole milliseconds; 0: not stated
}

// RTCP is where a peer says it receives RTCP. Port 0: not stated. Address zero: that of the media.
type RTCP struct {
	Port    uint16
	Address Address
}

// Format is one entry of the m= line's list.
type Format struct {
	ID        string // as the m= line has it: a payload number for RTP, else a word ("t38")
	Encoding  string // of a=rtpmap, "PCMA"; empty: no rtpmap, as is legal for static payload numbers
	ClockRate int    // of a=rtpmap, in Hz; 0: not stated
	Channels  int    // of a=rtpmap; 0: not stated, which means one
	Params    string // of a=fmtp, "0-16"; empty: none
}

// addressOf writes ip as SDP does. A zone has no meaning for anybody but us, and no place in SDP.
func addressOf(ip netip.Addr) Address {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return Address{Network: "IN", Type: "IP6", Host: ip.String()}
	}
	return Address{Network: "IN", Type: "IP4", Host: ip.String()}
}

// IP returns the address that a states, and false if that is a host name or nothing at all. The stated type (IP4,
// IP6) is not compared with it: some devices write IP4 always. It may be multicast, or unspecified (hold).
func (a Address) IP() (netip.Addr, bool) {
	host, _, _ := strings.Cut(a.Host, "/")
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return ip.Unmap().WithZone(""), true
}

// HasAudio reports whether d holds an audio stream that is not removed (port 0). An offer in mid-call without
// one is no error: its author takes the audio away for a while. See Decline.
func (d *Description) HasAudio() bool {
	return d.audio() >= 0
}

// audio is the index of the first audio line with a port, or -1.
func (d *Description) audio() int {
	for i := range d.Media {
		if d.Media[i].isAudio() && d.Media[i].Port != 0 {
			return i
		}
	}
	return -1
}

func (m *Media) isAudio() bool {
	return strings.EqualFold(m.Kind, "audio")
}

// codecs are those of m's formats that we know, in m's order of preference.
func (m *Media) codecs() []*codec.Codec {
	var known []*codec.Codec
	for i := range m.Formats {
		if c, ok := m.Formats[i].codec(); ok {
			known = append(known, c)
		}
	}
	return known
}

// has reports whether m lists a format called id.
func (m *Media) has(id string) bool {
	return slices.ContainsFunc(m.Formats, func(f Format) bool { return f.ID == id })
}

// codec is the voice codec that f names. An rtpmap wins over the static meaning of the number, for its author
// went out of his way to write it; without one the number alone says it (RFC 3551 section 6: 0 and 8).
func (f *Format) codec() (*codec.Codec, bool) {
	number, ok := f.payloadType()
	if !ok {
		return nil, false
	}
	if f.Encoding == "" {
		return codec.ByPayloadType(number)
	}
	c, ok := codec.ByName(f.Encoding)
	if !ok || !f.runsAt(c.ClockRate) || f.Channels > 1 {
		return nil, false
	}
	return c, true
}

// runsAt reports whether f's RTP clock is rate; one that is not stated fits any.
func (f *Format) runsAt(rate int) bool {
	return f.ClockRate == rate || f.ClockRate == 0
}

// payloadType is f's number, 0 to 127: the RTP header has seven bits for it. Leading zeros would give one
// number two names.
func (f *Format) payloadType() (uint8, bool) {
	number, err := strconv.ParseUint(f.ID, 10, 7)
	return uint8(number), err == nil && strconv.FormatUint(number, 10) == f.ID
}
