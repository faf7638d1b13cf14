package phone

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// polled is a non-blocking socket outside Go's poller, asked once per tick: a thousand phones then need no thousand
// wake-ups, and the generator leaves the machine's cores to the server that it measures. SO_TIMESTAMPNS makes the
// kernel note when each datagram came (socket(7)), so that the time does not depend on when it is read.
type polled struct {
	fd   int
	addr netip.AddrPort
	oob  [64]byte
	to   netip.AddrPort // of the last send, with its form for the kernel
	sa   unix.Sockaddr
}

func openSocket(addr netip.AddrPort) (socket, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("rtp socket: %w", err)
	}
	if err := prepare(fd, addr); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("rtp socket %s: %w", addr, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("rtp socket %s: %w", addr, err)
	}
	return &polled{fd: fd, addr: fromSockaddr(bound)}, nil
}

func prepare(fd int, addr netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	// Twice the default: 500 packets, 10 s, before a generator that was held up loses any.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<19)
	return unix.Bind(fd, toSockaddr(addr))
}

func (s *polled) recv(b []byte) (int, netip.AddrPort, time.Time, bool) {
	for {
		n, oobn, _, from, err := unix.Recvmsg(s.fd, b, s.oob[:], unix.MSG_DONTWAIT)
		if err == unix.EINTR || err == unix.ECONNREFUSED {
			continue // ECONNREFUSED is the news of an earlier send (ICMP), not of this read
		}
		if err != nil {
			return 0, netip.AddrPort{}, time.Time{}, false
		}
		return n, fromSockaddr(from), arrival(s.oob[:oobn]), true
	}
}

// arrival reads the control message of SO_TIMESTAMPNS: a struct cmsghdr (16 bytes on 64-bit systems), then a timespec.
func arrival(oob []byte) time.Time {
	const header = 16
	if len(oob) < header+16 || binary.NativeEndian.Uint32(oob[12:]) != unix.SCM_TIMESTAMPNS {
		return time.Now()
	}
	sec := int64(binary.NativeEndian.Uint64(oob[header:]))
	nsec := int64(binary.NativeEndian.Uint64(oob[header+8:]))
	return time.Unix(sec, nsec)
}

func (s *polled) send(b []byte, to netip.AddrPort) {
	if to != s.to {
		s.to, s.sa = to, toSockaddr(to)
	}
	// The first send after an ICMP error returns that error and sends nothing: try once more.
	if err := unix.Sendto(s.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, s.sa); err == unix.ECONNREFUSED {
		_ = unix.Sendto(s.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, s.sa)
	}
}

func (s *polled) local() netip.AddrPort { return s.addr }

func (s *polled) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

func toSockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
