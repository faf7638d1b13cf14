package media

import "net/netip"

// Listen binds one UDP socket to exactly that address and port, as a leg has it but with nothing around it.  The bare loop of
// bench/floor measures with it what a packet costs before anything is done with it; a call has its sockets from Engine.Open.
func Listen(local netip.AddrPort) (Conn, error) { return listenUDP(local) }
