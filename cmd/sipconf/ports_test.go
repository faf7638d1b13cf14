package main

import (
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
)

// The ports of the tests' servers: none that the system hands out (from 32768 on), for a server comes to have its port a while after that was chosen, and phones by the
// thousand take theirs meanwhile; and none of any media.ports.
const firstPort, portCount = 12000, 7000

var portsUsed atomic.Uint32

func init() { portsUsed.Store(uint32(os.Getpid()) * 101) } // where another run does not begin

// unusedPort is a port of 127.0.0.1 that nobody has for UDP or TCP, and no other test gets.
func unusedPort(t testing.TB) int {
	t.Helper()
	var err error
	for range portCount {
		port := firstPort + uint16(portsUsed.Add(1)%portCount)
		if err = tryPort(port); err == nil {
			return int(port)
		}
	}
	t.Fatal("no port is free: ", err)
	return 0
}

func unusedAddress(t testing.TB) netip.AddrPort {
	t.Helper()
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(unusedPort(t)))
}
