package phone

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// polled is a non-blocking socket outside Go's poller, asked once per tick: a thousand phones then need no thousand
// wake-ups, and the generator leaves the machine's cores to the server that it measures. SO_TIMESTAMPNS makes the
// kernel note when each datagram came (socket(7)), so that the time does not depend on when it is read.
//
// The system calls are raw, as in package media, and for the same reason: the wrappers of x/sys/unix cost a quarter of what a packet does
// (an address allocated for each, and a getsockopt for each control message). Raw ones may not block, and these do not.
type polled struct {
	fd   int
	addr netip.AddrPort
	peer netip.AddrPort // to which it is connected

	// Of recv: the kernel's own structures, which point at each other.
	message unix.Msghdr
	vector  unix.Iovec
	name    unix.RawSockaddrInet6 // large enough for both families
	oob     [64]byte
	from    netip.AddrPort // name as it was last read, and
	read    unix.RawSockaddrInet6

	// Of send.
	to     netip.AddrPort // of the last one, with its form for the kernel
	to4    unix.RawSockaddrInet4
	to6    unix.RawSockaddrInet6
	target unsafe.Pointer
	length uintptr
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
	s := &polled{fd: fd, addr: fromSockaddr(bound)}
	s.to4.Family, s.to6.Family = unix.AF_INET, unix.AF_INET6
	s.vector.SetLen(0)
	s.message.Iov, s.message.Iovlen = &s.vector, 1
	s.message.Name, s.message.Control = (*byte)(unsafe.Pointer(&s.name)), &s.oob[0]
	return s, nil
}

func prepare(fd int, addr netip.AddrPort) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	// Twice the default: 500 packets, 10 s, before a generator that was held up loses any.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<19)
	return unix.Bind(fd, toSockaddr(addr))
}

// recv is recvmsg(2): "ssize_t recvmsg(int sockfd, struct msghdr *msg, int flags)"; the lengths in msg go in as the room and come out as the size.
func (s *polled) recv(b []byte) (int, netip.AddrPort, time.Time, bool) {
	s.vector.Base = unsafe.SliceData(b)
	s.vector.SetLen(len(b))
	for {
		s.message.Namelen = uint32(unsafe.Sizeof(s.name))
		s.message.SetControllen(len(s.oob))
		n, _, err := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.message)), unix.MSG_DONTWAIT)
		if err == unix.EINTR || err == unix.ECONNREFUSED {
			continue // ECONNREFUSED is the news of an earlier send (ICMP), not of this read
		}
		if err != 0 {
			return 0, netip.AddrPort{}, time.Time{}, false
		}
		return int(n), s.source(), arrival(s.oob[:s.message.Controllen]), true
	}
}

// source is where the last datagram came from: nearly always where the one before did.
func (s *polled) source() netip.AddrPort {
	if s.name != s.read || !s.from.IsValid() {
		s.read, s.from = s.name, addrPort(&s.name)
	}
	return s.from
}

// addrPort reads the kernel's form of an address. Ports are in network byte order (ip(7), ipv6(7)).
func addrPort(name *unix.RawSockaddrInet6) netip.AddrPort {
	if name.Family == unix.AF_INET {
		v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(name))
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swapped(v4.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(name.Addr), swapped(name.Port))
}

// swapped turns a port from or into network byte order.
func swapped(port uint16) uint16 {
	return binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, port))
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

// send is sendto(2): "ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr, socklen_t addrlen)";
// no address for the one to whom the socket is connected.
func (s *polled) send(b []byte, to netip.AddrPort) {
	if to != s.to {
		s.aim(to)
	}
	// The first send after an ICMP error returns that error and sends nothing: try once more.
	if s.sendto(b) == unix.ECONNREFUSED {
		s.sendto(b)
	}
}

func (s *polled) sendto(b []byte) syscall.Errno {
	_, _, err := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(s.target), s.length)
	return err
}

// aim sets where the next packets go.
func (s *polled) aim(to netip.AddrPort) {
	s.to = to
	switch {
	case to == s.peer:
		s.target, s.length = nil, 0
	case to.Addr().Is4():
		s.to4.Port, s.to4.Addr = swapped(to.Port()), to.Addr().As4()
		s.target, s.length = unsafe.Pointer(&s.to4), unsafe.Sizeof(s.to4)
	default:
		s.to6.Port, s.to6.Addr = swapped(to.Port()), to.Addr().As16()
		s.target, s.length = unsafe.Pointer(&s.to6), unsafe.Sizeof(s.to6)
	}
}

// connect lets the kernel look for the way to the peer once and not for each packet, a seventh of what sending costs. Others are not
// heard any more. Only for IPv4, as in package media.
func (s *polled) connect(peer netip.AddrPort) {
	if !s.addr.Addr().Is4() || peer == s.peer || !peer.IsValid() {
		return
	}
	if unix.Connect(s.fd, toSockaddr(peer)) == nil {
		s.peer = peer
		s.aim(peer)
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
