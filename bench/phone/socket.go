package phone

import (
	"fmt"
	"net/netip"
	"time"
)

// socket is one UDP socket for RTP or RTCP. Used by one goroutine at a time.
type socket interface {
	// recv returns a waiting datagram, or false at once if there is none. at is when it came to this machine.
	recv(b []byte) (n int, from netip.AddrPort, at time.Time, ok bool)
	// send does not block; a datagram that cannot be sent is lost, as UDP has it.
	send(b []byte, to netip.AddrPort)
	// connect hears that peer alone from now on, where that makes sending cheaper; else it does nothing.
	connect(peer netip.AddrPort)
	local() netip.AddrPort
	close()
}

// openPair opens an RTP socket on an even port and an RTCP socket on the odd one above it (RFC 3550 11).
// port 0: any.
func openPair(addr netip.Addr, port uint16) (rtp, rtcp socket, err error) {
	if port != 0 {
		return openPairAt(addr, port)
	}
	for range 200 {
		if rtp, err = openSocket(netip.AddrPortFrom(addr, 0)); err != nil {
			return nil, nil, err
		}
		got := rtp.local().Port()
		if got%2 == 1 || got == 65534 {
			rtp.close()
			continue
		}
		if rtcp, err = openSocket(netip.AddrPortFrom(addr, got+1)); err == nil {
			return rtp, rtcp, nil
		}
		rtp.close()
	}
	return nil, nil, fmt.Errorf("no free pair of ports on %s", addr)
}

func openPairAt(addr netip.Addr, port uint16) (rtp, rtcp socket, err error) {
	if rtp, err = openSocket(netip.AddrPortFrom(addr, port)); err != nil {
		return nil, nil, err
	}
	if rtcp, err = openSocket(netip.AddrPortFrom(addr, port+1)); err != nil {
		rtp.close()
		return nil, nil, err
	}
	return rtp, rtcp, nil
}
