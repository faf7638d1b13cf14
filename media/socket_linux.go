package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipconf/sipconf/media/fetch"
)

// This is the only file of the server with raw system calls, and, but for media/fetch, with memory of the kernel's by its address.  (The phone of the load generator has another one: what is measured with
// the server's own sockets would not be seen to be wrong with them.)  The wrappers of x/sys/unix allocate a Sockaddr for each packet;
// here the kernel's own structures live in the socket.  RawSyscall tells Go's scheduler nothing, which is right for calls that
// cannot block (the sockets are non-blocking) and wrong for all others.

const (
	receiveBuffer = 64 << 10 // bytes; the kernel doubles it: room for some 170 packets, 3 s of one stream
	expedited     = 46 << 2  // DSCP EF of RFC 3246, the class that phones and switches expect for voice
)

// sure is after how many times of nothing waiting all that comes is the peer's: once, and what others had sent before the socket was connected
// has been read; twice, a tick apart, and so has what the kernel was just putting into the queue then.
const sure = 2

// udpSocket is one non-blocking UDP socket outside Go's poller.
type udpSocket struct {
	fd    int
	empty int            // how often nothing waited since it is connected, up to sure
	peer  netip.AddrPort // to which it is connected; up to here what each tick needs
	local netip.AddrPort
	from  unix.RawSockaddrInet6 // of the last datagram; large enough for both families
	to4   unix.RawSockaddrInet4
	to6   unix.RawSockaddrInet6
}

// listenUDP binds a socket to exactly that address and port; errPortBusy when somebody else has it.
func listenUDP(local netip.AddrPort) (Conn, error) {
	family, address := unix.AF_INET, unix.Sockaddr(nil)
	if local.Addr().Is4() {
		address = &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}
	} else {
		family = unix.AF_INET6
		address = &unix.SockaddrInet6{Port: int(local.Port()), Addr: local.Addr().As16(), ZoneId: zoneID(local.Addr().Zone())}
	}
	// socket(2): SOCK_NONBLOCK and SOCK_CLOEXEC at once, so that no child process ever inherits it by accident.
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", noDescriptors(err))
	}
	setOptions(fd, family)
	_, _ = stamp(fd) // from now on the kernel notes when datagrams come
	if err := unix.Bind(fd, address); err != nil {
		unix.Close(fd)
		if errors.Is(err, unix.EADDRINUSE) {
			err = errPortBusy
		}
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	return newUDPSocket(fd, local), nil
}

// adoptUDP takes a descriptor of a socket that listenUDP has made, in this process or another one: where it is bound and connected to, and its options,
// are the socket's own.  On an error the descriptor stays the caller's.
func adoptUDP(fd int) (Conn, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("take over a UDP socket: %w", err)
	}
	local := addrPort(name)
	if !local.IsValid() {
		return nil, fmt.Errorf("take over a UDP socket: descriptor %d is something else", fd)
	}
	unix.CloseOnExec(fd)
	return newUDPSocket(fd, local), nil
}

// connected takes note of whom the socket is connected to already.
func (s *udpSocket) connected() {
	if peer, err := unix.Getpeername(s.fd); err == nil {
		s.peer = addrPort(peer)
	}
}

// addrPort is an address of package unix; the zero AddrPort for one that is not of IP.
func addrPort(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		host := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			host = host.WithZone(strconv.FormatUint(uint64(a.ZoneId), 10))
		}
		return netip.AddrPortFrom(host, uint16(a.Port))
	}
	return netip.AddrPort{}
}

// descriptor is one more descriptor of the same socket, the caller's to close.
func (s *udpSocket) descriptor() (int, error) {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	return fd, noDescriptors(err)
}

// closeDescriptor closes what descriptor has made.
func closeDescriptor(fd int) { unix.Close(fd) }

// noDescriptors says what to do about the errors of a process, or a machine, that has no descriptors left (socket(2)).  Each
// call takes two.
func noDescriptors(err error) error {
	switch {
	case errors.Is(err, unix.EMFILE):
		return fmt.Errorf("%w: raise LimitNOFILE of the service, or ulimit -n", err)
	case errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%w: raise the machine's fs.file-max (sysctl)", err)
	}
	return err
}

func newUDPSocket(fd int, local netip.AddrPort) *udpSocket {
	s := &udpSocket{fd: fd, local: local}
	s.to4.Family = unix.AF_INET
	s.to6.Family = unix.AF_INET6
	s.to6.Scope_id = zoneID(local.Addr().Zone()) // a link-local peer is on our own link
	return s
}

// setOptions asks for what is good to have.  A container may forbid some of it, so refusals are no errors.
func setOptions(fd, family int) {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	if family == unix.AF_INET {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, expedited)
		return
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, expedited)
}

// zoneID reads the numeric zone of an address such as fe80::1%2.
func zoneID(zone string) uint32 {
	id, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(id)
}

// Recv is recvfrom(2): "ssize_t recvfrom(int sockfd, void *buf, size_t len, int flags, struct sockaddr *src_addr, socklen_t *addrlen)";
// EAGAIN when no datagram waits; a longer datagram is cut to len; addrlen goes in as the room and comes out as the size.
func (s *udpSocket) Recv(b []byte) (int, netip.AddrPort, bool) {
	n, errno := s.recvfrom(b)
	for tries := 0; errno != 0 && errno != unix.EAGAIN && tries < 3; tries++ {
		n, errno = s.recvfrom(b) // udp(7): a connected socket is told first, and once, what ICMP has said of an earlier packet of ours
	}
	if errno != 0 {
		if errno == unix.EAGAIN {
			s.empty = min(s.empty+1, sure)
		}
		return 0, netip.AddrPort{}, false
	}
	if s.alone() {
		return n, s.peer, true
	}
	return n, s.source(), true
}

// alone says whether the kernel has kept all others out for so long that nobody need be asked who sent a datagram.
func (s *udpSocket) alone() bool { return s.empty == sure && s.peer.IsValid() }

func (s *udpSocket) recvfrom(b []byte) (int, syscall.Errno) {
	var from, room unsafe.Pointer // none: the address is not wanted, which saves a tenth of what receiving costs
	size := uint32(unsafe.Sizeof(s.from))
	if !s.alone() {
		from, room = unsafe.Pointer(&s.from), unsafe.Pointer(&size)
	}
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(from), uintptr(room))
	return int(n), errno
}

// source reads the sender's address.  Ports are in network byte order (ip(7), ipv6(7)).
func (s *udpSocket) source() netip.AddrPort {
	if s.from.Family == unix.AF_INET {
		from := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.from))
		return netip.AddrPortFrom(netip.AddrFrom4(from.Addr), networkOrder(from.Port))
	}
	return netip.AddrPortFrom(netip.AddrFrom16(s.from.Addr), networkOrder(s.from.Port))
}

// Send is sendto(2): "ssize_t sendto(int sockfd, const void *buf, size_t len, int flags, const struct sockaddr *dest_addr, socklen_t addrlen)";
// EAGAIN when the send buffer is full: the packet is dropped, a later one is worth more.
func (s *udpSocket) Send(b []byte, to netip.AddrPort) bool {
	var address unsafe.Pointer // none: to whom the socket is connected
	var size uintptr
	if to != s.peer {
		if address, size = s.sockaddr(to); address == nil {
			return false
		}
	}
	errno := s.sendto(b, address, size)
	if errno != 0 && errno != unix.EAGAIN {
		errno = s.sendto(b, address, size) // what ICMP has said of an earlier packet is no reason against this one
	}
	return errno == 0
}

func (s *udpSocket) sendto(b []byte, address unsafe.Pointer, size uintptr) syscall.Errno {
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		unix.MSG_DONTWAIT, uintptr(address), size)
	return errno
}

// Arrived is when the kernel took the last datagram from the network, by the clock of the ticks.  The kernel gives it by the wall clock;
// what the two are apart is known as of the last tick.
func (s *udpSocket) Arrived() int64 {
	at, ok := stamp(s.fd)
	if !ok {
		return 0
	}
	return at - wallAhead.Load()
}

// stamp is SIOCGSTAMPNS of socket(7): when the datagram came that was read last, in nanoseconds of the wall clock.  The first call tells
// the kernel to keep the time.  To have it with every datagram, as a control message of recvmsg(2), costs each of them
// more than asking does now and then.
func stamp(fd int) (int64, bool) {
	const siocgstampns = 0x80108907 // _IOR(0x89, 7, struct __kernel_timespec), asm-generic/sockios.h: two 64-bit integers everywhere
	var at struct{ seconds, nanoseconds int64 }
	_, _, errno := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), siocgstampns, uintptr(unsafe.Pointer(&at)))
	return at.seconds*1e9 + at.nanoseconds, errno == 0
}

// sockaddr is the kernel's form of an address; nil for one of the other family, which cannot be reached from this socket.
func (s *udpSocket) sockaddr(a netip.AddrPort) (unsafe.Pointer, uintptr) {
	switch {
	case s.local.Addr().Is4() && a.Addr().Is4():
		s.to4.Port, s.to4.Addr = networkOrder(a.Port()), a.Addr().As4()
		return unsafe.Pointer(&s.to4), unsafe.Sizeof(s.to4)
	case s.local.Addr().Is6() && a.Addr().Is6():
		s.to6.Port, s.to6.Addr = networkOrder(a.Port()), a.Addr().As16()
		return unsafe.Pointer(&s.to6), unsafe.Sizeof(s.to6)
	}
	return nil, 0
}

// Connect is connect(2): "int connect(int sockfd, const struct sockaddr *addr, socklen_t addrlen)".  A datagram socket does not wait for
// anybody; AF_UNSPEC dissolves what was, and the socket stays bound.  The kernel then looks for the way to the peer once and not for
// each packet, a seventh of what sending costs, and keeps others out by itself.
//
// Only for IPv4: AF_UNSPEC leaves the address of the old peer as a filter in an IPv6 socket (seen on 6.18), and a peer who moves to another
// host would never be heard again.
func (s *udpSocket) Connect(peer netip.AddrPort) {
	s.empty = 0
	if s.peer = (netip.AddrPort{}); !s.local.Addr().Is4() {
		return
	}
	address, size := s.sockaddr(peer)
	if address == nil {
		nobody := unix.RawSockaddrInet4{Family: unix.AF_UNSPEC}
		address, size = unsafe.Pointer(&nobody), unsafe.Sizeof(nobody)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(address), size); errno == 0 {
		s.peer = peer
	}
}

// fetchConn has the processor bring a socket near, see Leg.Fetch.
func fetchConn(c Conn) {
	if s, ok := c.(*udpSocket); ok {
		fetch.Lines(unsafe.Pointer(s), 0, unsafe.Offsetof(s.local))
	}
}

// descriptorOf is the number by which the kernel knows a socket; -1: it is none of these.
func descriptorOf(c Conn) int32 {
	if s, ok := c.(*udpSocket); ok {
		return int32(s.fd)
	}
	return -1
}

// ask is ppoll(2) that does not wait: "int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *tmo_p, const sigset_t *sigmask)".  See Sockets.
func ask(them []asked) {
	var now unix.Timespec
	unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(them))), uintptr(len(them)), uintptr(unsafe.Pointer(&now)), 0, 0, 0)
}

// networkOrder turns a port from host to network byte order, or back.
func networkOrder(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

func (s *udpSocket) LocalAddr() netip.AddrPort { return s.local }

// Close is close(2).  The number of the descriptor may be given to another socket at once: nothing may use s after it.
func (s *udpSocket) Close() error { return unix.Close(s.fd) }

// readNow reads from a non-blocking descriptor, and says whether there was anything.  Beside the sockets only the timer of a
// loop is read like this: a system call that Go's scheduler knows of would wake the runtime's monitor at each tick.
func readNow(fd uintptr, b []byte) bool {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return errno == 0 && n > 0
}
