package media

import (
	"net/netip"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// Session is what offer/answer agreed: all that a Leg needs to know of SIP.  Plain data; the zero value says nothing
// was agreed yet: nothing is sent, nothing is heard.
type Session struct {
	Remote      netip.AddrPort // where RTP goes by SDP; invalid, unspecified (0.0.0.0) or port 0: nothing can be sent
	RemoteRTCP  netip.AddrPort // where RTCP goes; invalid: the port above Remote
	Mux         bool           // RTCP uses the ports of RTP (RFC 5761)
	Signalling  netip.Addr     // where the call's SIP comes from, as a phone behind NAT sends from there; invalid: unknown (Latch)
	Codec       *codec.Codec   // the one voice codec of the call, both ways
	PayloadType uint8          // of Codec, by the offerer's numbering
	EventType   uint8          // payload type of telephone-event (RFC 4733); 0: not negotiated
	EventRate   int            // its clock in Hz, as rtpmap says; 0: that of Codec
	Ptime       time.Duration  // how much one packet of ours holds, 10 to 60 ms; 0: 20 ms
	Held        bool           // the peer is sendonly, inactive or at 0.0.0.0: he is not heard and gets silence
	Listens     bool           // the peer is recvonly: he hears the mix and is not heard
}

// reachable says whether RTP can be sent there at all.  RFC 3264 section 8.4 (hold by 0.0.0.0) and section 5.1 (port 0).
func reachable(to netip.AddrPort) bool {
	return to.IsValid() && to.Port() != 0 && !to.Addr().IsUnspecified()
}

// unmapped writes ::ffff:192.0.2.1 as 192.0.2.1, so that one address has one value.
func unmapped(to netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())
}

// packetTime is the ptime that we send: RFC 3551 section 4.2 makes 20 ms the default; multiples of 10 ms up to 60 are obeyed.
func (s *Session) packetTime() time.Duration {
	if s.Ptime == 0 {
		return frameTime
	}
	return min(max(s.Ptime.Truncate(10*time.Millisecond), 10*time.Millisecond), 60*time.Millisecond)
}
