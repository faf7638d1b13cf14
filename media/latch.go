package media

import "net/netip"

// Latch decides whose packets are those of the peer, and so where ours go (symmetric RTP, RFC 4961).
//
//   - Packets from the address that SDP names are the peer's, always: SIP vouches for it.
//   - A phone behind NAT sends from another address than its SDP names: from another port of that host, or from the host that its
//     SIP comes from.  The first such source is taken for the peer, and from then on it is the only one.
//   - Whoever sends from any other host is a stranger, and is neither heard nor sent to, however long the peer is silent:
//     a latch that follows the last sender, or the first, gives a call to anyone who can guess a port ("RTP bleed").
//   - Only a negotiation that moves an address lets another source in.  One that moves nothing, such as a session refresh, leaves the
//     source as it is.  (A router may have given the phone another port meanwhile: if a second's worth of packets
//     comes from the phone's hosts and none from the source, the new one takes its place.)
//
// The price: media from a host that neither SDP nor SIP names never comes in.  That is a phone behind NAT without STUN
// whose SIP goes through a proxy or an Asterisk with direct_media: there the media has to go through the proxy, too.
//
// After a negotiation that moves the address, packets of the old source are still on their way.  They are heard, but they
// do not take the latch from the new source, unless they go on for a second: then the peer has simply not moved.
//
// A call before this one may have had the same ports, and its peer may not know that it is over: what goes on of his stream is nobody's
// here, unless SDP names the place that it comes from.  He is known by his SSRC as well, because he may be the one who calls again, through
// the same hole in his router: a new call is a new stream.
//
// Plain data; the zero value admits nobody.  Owned by the leg's owner.
type Latch struct {
	Source     netip.AddrPort // where the peer is; invalid: not seen since the address moved
	SDP        netip.AddrPort // where SDP says the peer is
	Doubted    bool           // nothing has come from Source since the negotiation: a router may have moved it
	Stale      uint8          // packets since the negotiation from Before, or, when Source is doubted, from others
	Signalling netip.Addr     // where the peer's SIP comes from; invalid: unknown
	Before     netip.AddrPort // the source before the address moved
	Of         netip.AddrPort // the SDP address under which Before was the source
	Gone       Stream         // of the call that had the ports before; zero: none is known
}

// Stream is one sender's packets: where they come from, and their SSRC.
type Stream struct {
	From netip.AddrPort
	SSRC uint32
}

// lingering is how many packets it takes to believe that the peer is not where he should be: one second.
const lingering = 50

// negotiated tells the latch what SDP has been exchanged, and where SIP came from.
func (l *Latch) negotiated(sdp netip.AddrPort, signalling netip.Addr) {
	l.Stale = 0
	if sdp == l.SDP && signalling == l.Signalling && l.Source.IsValid() {
		l.Doubted = true
		return
	}
	if l.Source.IsValid() {
		l.Before, l.Of = l.Source, l.SDP
	}
	l.SDP, l.Signalling, l.Source, l.Doubted = sdp, signalling, netip.AddrPort{}, false
}

// admit says whether a packet from there, of that SSRC, is the peer's.  firm: the packet is of the negotiated kind, so that it may close the latch.
func (l *Latch) admit(from netip.AddrPort, ssrc uint32, firm bool) bool {
	switch {
	case ssrc == l.Gone.SSRC && from == l.Gone.From && from != l.SDP:
		return false
	case from == l.Source:
		l.Doubted = false
		return true
	case !reachable(l.SDP): // on hold by 0.0.0.0: nobody new is let in, the peer stays known
		return from == l.Before
	case from == l.SDP:
		if firm {
			l.Source, l.Doubted = from, false
		}
		return true
	case !firm || !l.vouched(from):
		return false
	case l.Source.IsValid():
		return l.replaced(from)
	case from == l.Before && l.SDP != l.Of && l.Stale < lingering:
		l.Stale++
		return true
	}
	l.Source = from
	return true
}

// vouched says whether SIP knows the host that a packet comes from; he who was the peer before is known, too.
func (l *Latch) vouched(from netip.AddrPort) bool {
	host := from.Addr()
	return host == l.SDP.Addr() || host == l.Signalling || from == l.Before
}

// replaced says whether somebody else has been heard for so long that he must be the peer.  The first packet from the source ends the doubt.
func (l *Latch) replaced(by netip.AddrPort) bool {
	if !l.Doubted {
		return false
	}
	if l.Stale++; l.Stale <= lingering {
		return false
	}
	l.Source, l.Doubted = by, false
	return true
}

// certain says that until the next negotiation the source is the peer and nobody else can become it: he is where SDP says.
func (l *Latch) certain() bool { return l.Source == l.SDP && l.Source.IsValid() && !l.Doubted }

// peer is where he was last, also when he is on hold; invalid: he never was.
func (l *Latch) peer() netip.AddrPort {
	if l.Source.IsValid() {
		return l.Source
	}
	return l.Before
}

// destination is where packets to the peer go.
func (l *Latch) destination() netip.AddrPort {
	switch {
	case !reachable(l.SDP): // hold by 0.0.0.0, or no media: whatever the source was, SIP says no
		return netip.AddrPort{}
	case l.Source.IsValid():
		return l.Source
	case l.SDP == l.Of: // negotiated again without a move: the way through his NAT is still the old one
		return l.Before
	}
	return l.SDP
}
