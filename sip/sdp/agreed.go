package sdp

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// Agreed is the outcome of an offer and its answer for the one audio stream of a call. Plain data.
type Agreed struct {
	// Remote is where RTP goes. Unspecified address or port 0: nothing can be sent.
	Remote netip.AddrPort
	// RemoteRTCP is where RTCP goes. Invalid: nowhere.
	RemoteRTCP netip.AddrPort
	// Mux: RTCP uses the ports of RTP, both ways (RFC 5761).
	Mux bool

	Codec       *codec.Codec
	PayloadType uint8 // of Codec, as the peer numbers it
	EventType   uint8 // of telephone-event, as the peer numbers it; 0: not agreed
	EventRate   int   // its RTP clock in Hz; 0: not agreed

	// Ptime is what we send, as the peer wishes it: 10 to 60 ms in whole tens.
	Ptime time.Duration

	// Direction is ours. The next two say the same in the peer's terms, and are never both true.
	Direction Direction
	Held      bool // the peer has put us on hold, whatever way: it is not heard and gets no mix
	Listens   bool // the peer only listens (recvonly): it is not heard and gets the mix
}

// direct sets the direction and what follows from it.
func (a *Agreed) direct(ours Direction) {
	a.Direction = ours
	a.Held = !ours.Sends()
	a.Listens = ours.Sends() && !ours.Receives()
}

// agree works out what local and the peer's audio line m have in common.
func agree(m *Media, local Local) (Agreed, *Refusal) {
	if m.Port == 0 {
		return Agreed{}, &Refusal{codeMedia, "Media type not available: the audio stream has port 0"}
	}
	if !isPlainRTP(m.Proto) {
		return Agreed{}, &Refusal{codeTransport, "Incompatible transport protocol: only RTP/AVP is available"}
	}
	ip, refusal := remoteIP(m, local.Addr)
	if refusal != nil {
		return Agreed{}, refusal
	}
	voice, c := m.voice(local.Codecs)
	if voice == nil {
		return Agreed{}, &Refusal{codeFormat, "Incompatible media format: only " + codecNames(local.Codecs) + " is available"}
	}

	agreed := Agreed{Remote: netip.AddrPortFrom(ip, m.Port), Codec: c, Ptime: packetTime(m, local.Ptime)}
	agreed.PayloadType, _ = voice.payloadType()
	agreed.RemoteRTCP = remoteRTCP(m, agreed.Remote)
	if m.muxable() {
		agreed.mux()
	}
	if event := m.event(c.ClockRate); event != nil {
		agreed.EventType, _ = event.payloadType()
		agreed.EventRate = c.ClockRate
	}
	agreed.direct(m.direction(ip).Reverse())
	return agreed, nil
}

// isPlainRTP reports whether we can speak proto.
//
// RTP/AVPF (RFC 4585) is plain RTP whose receivers may send feedback sooner. It can be taken: which feedback
// there is, is negotiated by a=rtcp-fb, and we never answer one, so there is none; what is left are looser timing
// rules for RTCP that our RTCP keeps. Linphone and others offer it for plain calls. The answer must repeat
// the protocol (RFC 3264 section 6), so it says RTP/AVPF too. The secure profiles need keys, which we lack.
func isPlainRTP(proto string) bool {
	return strings.EqualFold(proto, "RTP/AVP") || strings.EqualFold(proto, "RTP/AVPF")
}

// remoteIP is the address that m's owner receives at, if one can send to it from local. Unspecified is
// fine: that is hold.
func remoteIP(m *Media, local netip.Addr) (netip.Addr, *Refusal) {
	if m.Connection == (Address{}) {
		return netip.Addr{}, &Refusal{codeAddress, "Incompatible network address formats: no connection address"}
	}
	if !strings.EqualFold(m.Connection.Network, "IN") {
		return netip.Addr{}, &Refusal{codeNetwork, "Incompatible network protocol: only IN is available"}
	}
	ip, ok := m.Connection.IP()
	switch {
	case !ok:
		// A name would have to be resolved, by somebody who may wait, at a time when the caller waits too.
		return netip.Addr{}, &Refusal{codeAddress, "Incompatible network address formats: host names are not resolved"}
	case ip.IsMulticast() || ip == broadcast:
		return netip.Addr{}, &Refusal{codeMulticast, "Multicast not available"}
	case ip.Is4() != local.Unmap().Is4() && !ip.IsUnspecified():
		// Our socket is of one family, and no packet of the other can leave from it.
		return netip.Addr{}, &Refusal{codeAddress, "Incompatible network address formats: the other IP version is in use here"}
	}
	return ip, nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// remoteRTCP is where the owner of m receives RTCP, rtp being where it receives RTP: as a=rtcp says, in part or
// in whole, else on the next port (RFC 3605 section 2.1, RFC 3550 section 11). On hold by c=0.0.0.0 RTCP must
// not be sent either (RFC 3264 section 8.4).
func remoteRTCP(m *Media, rtp netip.AddrPort) netip.AddrPort {
	ip, port := rtp.Addr(), m.RTCP.Port
	if port == 0 {
		port = rtp.Port() + 1
	}
	stated, ok := m.RTCP.Address.IP()
	if ok && stated.Is4() == ip.Is4() && !stated.IsMulticast() && stated != broadcast {
		ip = stated
	}
	if rtp.Addr().IsUnspecified() || ip.IsUnspecified() || port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, port)
}

// mux puts RTCP on the ports of RTP. On hold by c=0.0.0.0 there is nowhere to send it, as before.
func (a *Agreed) mux() {
	a.Mux = true
	if !a.Remote.Addr().IsUnspecified() {
		a.RemoteRTCP = a.Remote
	}
}

// muxable reports whether m's owner can take RTCP on the port of RTP, and whether the two can be told apart there: RFC 5761
// section 4 keeps the payload numbers 64 to 95 free for that.
func (m *Media) muxable() bool {
	return m.Mux && !slices.ContainsFunc(m.Formats, func(f Format) bool {
		number, ok := f.payloadType()
		return ok && number >= 64 && number <= 95
	})
}

// direction is the direction that m's owner means. A connection address of 0.0.0.0 is the hold of RFC 2543: he
// does not receive, whatever else the line says (RFC 3264 section 8.4).
func (m *Media) direction(connection netip.Addr) Direction {
	if connection.IsUnspecified() {
		return m.Direction.Both(SendOnly)
	}
	return m.Direction
}

// voice is the first of m's formats that is one of codecs, and that codec; nil if there is none.
//
// The peer's order decides, not ours: RFC 3264 section 6.1 lets us choose but recommends to keep the offerer's
// order, and his first choice is the one that he (or the PBX in between) need not transcode, while all of ours
// cost us the same.
func (m *Media) voice(codecs []*codec.Codec) (*Format, *codec.Codec) {
	for i := range m.Formats {
		c, ok := m.Formats[i].codec()
		if ok && slices.Contains(codecs, c) {
			return &m.Formats[i], c
		}
	}
	return nil, nil
}

func codecNames(codecs []*codec.Codec) string {
	names := make([]string, len(codecs))
	for i, c := range codecs {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// What we send lasts from 10 to 60 ms, in whole tens: the media loop makes frames of 20 ms and cuts and joins
// them, and more than 60 ms is too much delay and too much speech lost with a packet.
const (
	defaultPtime = 20 * time.Millisecond
	minPtime     = 10 * time.Millisecond
	maxPtime     = 60 * time.Millisecond
)

// packetTime is the packet time to send to m's owner: his ptime, else ours, at most his maxptime.
func packetTime(m *Media, ours time.Duration) time.Duration {
	wanted := m.Ptime
	if wanted == 0 {
		wanted = ours
	}
	if wanted == 0 {
		wanted = defaultPtime
	}
	if m.MaxPtime != 0 {
		wanted = min(wanted, m.MaxPtime)
	}
	return max(minPtime, min(wanted, maxPtime).Truncate(minPtime))
}
