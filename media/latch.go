package media

import "net/netip"

// Latch decides whose packets are those of the peer, and so where ours go (symmetric RTP, RFC 4961).
//
//   - Packets from the address that SDP names are the peer's, always: SIP vouches for it.
//   - A phone behind NAT sends from another address than its SDP names.  The first such source is taken for the peer only when
//     nothing has come from the SDP address since the negotiation; from then on it is the only one.
//   - Only a new negotiation lets another source in.  Whoever else sends is a stranger, and is neither heard nor sent to:
//     a latch that follows the last sender gives any call to anyone who can guess a port ("RTP bleed").
//
// After a negotiation that moves the address, packets of the old source are still on their way.  They are heard, but they
// do not take the latch from the new source, unless they go on for a second: then the peer has simply not moved.
//
// Plain data; the zero value admits nobody.  Owned by the leg's owner.
type Latch struct {
	SDP    netip.AddrPort // where SDP says the peer is
	Source netip.AddrPort // where the peer is; invalid: not seen since the last negotiation
	Before netip.AddrPort // the source of the last negotiation in which there was one
	Of     netip.AddrPort // the SDP address under which Before was the source
	Stale  uint8          // packets from Before since the negotiation
}

// lingering is how many packets of the old source it takes to believe that the peer has not moved: one second.
const lingering = 50

// negotiated re-arms the latch: SDP has been exchanged.
func (l *Latch) negotiated(sdp netip.AddrPort) {
	if l.Source.IsValid() {
		l.Before, l.Of = l.Source, l.SDP
	}
	l.SDP, l.Source, l.Stale = sdp, netip.AddrPort{}, 0
}

// admit says whether a packet from there is the peer's.  firm: the packet is of the negotiated kind, so that it may close the latch.
func (l *Latch) admit(from netip.AddrPort, firm bool) bool {
	switch {
	case from == l.Source:
		return true
	case !reachable(l.SDP): // on hold by 0.0.0.0: nobody new is let in, the peer stays known
		return from == l.Before
	case from == l.SDP:
		if firm {
			l.Source = from
		}
		return true
	case l.Source.IsValid() || !firm:
		return false
	case from == l.Before && l.SDP != l.Of && l.Stale < lingering:
		l.Stale++
		return true
	}
	l.Source = from
	return true
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
