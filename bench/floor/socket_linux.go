package floor

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is one non-blocking UDP socket outside of Go's poller, with nothing around the system calls. They are raw, and may be, as they
// cannot block: what Go's scheduler knows of costs more. They are not those of package media, so that what is
// measured with the server's own sockets would not go up and down with them.
type socket struct{ fd int }

// listen binds a socket to exactly that address and port.
func listen(local netip.AddrPort) (socket, error) {
	family, address := unix.AF_INET, unix.Sockaddr(nil)
	if local.Addr().Is4() {
		address = &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}
	} else {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Port: int(local.Port()), Addr: local.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return socket{}, fmt.Errorf("open UDP socket: %w", err)
	}
	if err := unix.Bind(fd, address); err != nil {
		_ = unix.Close(fd)
		return socket{}, fmt.Errorf("bind %s: %w", local, err)
	}
	return socket{fd}, nil
}

// tie takes a datagram, if one waits, and connects the socket to whoever sent it: the kernel then needs no address from anybody
// and keeps others out.
func (s *socket) tie(b []byte) bool {
	if !s.recvfrom(b, unix.MSG_PEEK) {
		return false
	}
	_, from, err := unix.Recvfrom(s.fd, b, 0)
	return err == nil && unix.Connect(s.fd, from) == nil
}

// receive takes a datagram; false when none waits.
func (s *socket) receive(b []byte) bool { return s.recvfrom(b, 0) }

// recvfrom is recvfrom(2) without an address: "ssize_t recvfrom(int sockfd, void *buf, size_t len, int flags, struct sockaddr *src_addr,
// socklen_t *addrlen)"; EAGAIN when no datagram waits.
func (s *socket) recvfrom(b []byte, flags uintptr) bool {
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	return errno == 0
}

// send is sendto(2) without an address: "ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr
// *dest_addr, socklen_t addrlen)". What does not go is lost.
func (s *socket) send(b []byte) {
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0, 0)
}

// source is where a datagram came from, as the kernel says it: a sockaddr_in or sockaddr_in6.
type source struct {
	addr [unix.SizeofSockaddrInet6]byte
	size uint32
}

// receiveFrom is recvfrom(2) with the address of the sender; false when none waits, and then the peer is who it was.
func (s *socket) receiveFrom(b []byte, p *source) bool {
	size := uint32(len(p.addr))
	_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(&p.addr)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return false
	}
	p.size = size
	return true
}

// sendTo is sendto(2) with the address of the peer. What does not go is lost.
func (s *socket) sendTo(b []byte, p *source) {
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0,
		uintptr(unsafe.Pointer(&p.addr)), uintptr(p.size))
}

func (s *socket) close() error { return unix.Close(s.fd) }
