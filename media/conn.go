package media

import "net/netip"

// Conn is one UDP socket, seen from the tick: it never blocks, and its methods allocate nothing.
// Used by one goroutine at a time; Close comes last.
type Conn interface {
	// Recv takes the oldest datagram that waits into b; ok is false when none waits.  Longer ones are cut.
	Recv(b []byte) (n int, from netip.AddrPort, ok bool)
	// Send sends b to the address, or drops it and says false: there is no time to try again.
	Send(b []byte, to netip.AddrPort) bool
	// Connect says that all datagrams that are of interest come from that address and go there; the zero AddrPort, that they may come from
	// anywhere again.  It is a hint, for speed: Send takes any address as before, and what others had sent before, or send all the same, may
	// still be received.
	Connect(peer netip.AddrPort)
	// Arrived is when the datagram came that Recv took last, in nanoseconds of the ticks' clock; 0: unknown.  To ask costs a system call.
	Arrived() int64
	// LocalAddr is the address that the socket is bound to.
	LocalAddr() netip.AddrPort
	// Close gives the socket back.  Nothing else is called after it.
	Close() error
}
