package sip

import (
	"net"
	"syscall"
)

// signalling is the class that phones and switches expect call signalling in:
// DSCP CS3 (RFC 2474 section 4.2.2), in the upper six bits of the octet.
const signalling = 24 << 2

// classify has what a socket sends travel as signalling. A container may
// forbid that, and each family knows only its own option: a refusal is no
// error. That of a listener is for what answers a SYN: a Multipath TCP one, as
// net.Listen makes them, knows no option of IPv6 and passes none on, so that
// accepted connections are classified again.
func classify(socket any) {
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			classifyRaw("", "", raw)
		}
	}
}

// classifyRaw is a Control function of net.Dialer.
func classifyRaw(_, _ string, raw syscall.RawConn) error {
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TOS, signalling)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, signalling)
	})
	return nil
}

// dialer makes the connections that we open to peers.
var dialer = net.Dialer{Control: classifyRaw}
