package floor

import "net/netip"

// OpenBare binds the sockets of a bare loop, or none: the receive-and-send loop as one writes it first. Every 20 ms, on one
// locked thread, from each leg recvfrom until nothing waits; and when all legs are read, one sendto of 172 bytes for each, to whoever sent last. No socket is
// connected; the system calls are as raw as the floor's.
func OpenBare(addrs []netip.AddrPort) (*Floor, error) {
	f, err := Open(addrs)
	if err == nil {
		f.bare = make([]source, len(f.legs))
	}
	return f, err
}

func (f *Floor) tickBare() {
	for i := range f.legs {
		for l := &f.legs[i]; l.receiveFrom(f.in[:], &f.bare[i]); {
			l.tied = true
		}
	}
	for i := range f.legs {
		if l := &f.legs[i]; l.tied {
			l.sendTo(f.out[:], &f.bare[i])
		}
	}
}
