package sip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
)

// What ICMP says of a datagram is of no concern to a socket that is not
// connected, unless it has the option IP_RECVERR (ip(7), IPV6_RECVERR in
// ipv6(7)). Then the kernel keeps an error queue: recvmsg with MSG_ERRQUEUE
// gives the address that the datagram went to, and in a control message what
// has become of it. The next call of the socket returns that error as well,
// whatever it was for; see gate.

// returned is a datagram that was not delivered.
type returned struct {
	to  netip.AddrPort // invalid: it may yet be, or ICMP says something else
	err error
}

// keepReturned has a socket keep what ICMP says. Where that cannot be had, it
// is done without.
func keepReturned(socket any) {
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
				_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR, 1)
			})
		}
	}
}

// mayBeReturned tells whether a call of the socket may have failed in place of
// an earlier datagram: these are the errors that the kernel makes of ICMP
// (icmp_err_convert, icmpv6_err_convert).
func mayBeReturned(err error) bool {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return false
	}
	switch number {
	case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENONET,
		syscall.ENOPROTOOPT, syscall.EOPNOTSUPP, syscall.EMSGSIZE, syscall.EACCES, syscall.EPROTO:
		return true
	}
	return false
}

// returnedDatagrams empties the error queue of a socket. It never blocks.
func returnedDatagrams(socket any) (all []returned) {
	s, ok := socket.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil
	}
	// Control and not Read, which would wait for whoever is reading.
	_ = raw.Control(func(fd uintptr) {
		var oob [512]byte
		for range 1000 {
			_, n, _, from, err := syscall.Recvmsg(int(fd), nil, oob[:], syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
			if err != nil {
				return
			}
			all = append(all, readReturned(oob[:n], from))
		}
	})
	return all
}

// readReturned reads the control messages of one entry: struct sock_extended_err of ip(7).
//
//	 0       4        5      6      7         8      12     16
//	+-------+--------+------+------+---------+------+------+--
//	| errno | origin | type | code | padding | info | data | who has said it
//	+-------+--------+------+------+---------+------+------+--
func readReturned(oob []byte, to syscall.Sockaddr) (r returned) {
	const icmp, icmp6 = 2, 3                  // SO_EE_ORIGIN_ICMP and _ICMP6
	const timeExceeded, timeExceeded6 = 11, 3 // 18.4: of these nothing is to be made
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return returned{}
	}
	for _, m := range messages {
		ours := m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_RECVERR ||
			m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_RECVERR
		if !ours || len(m.Data) < 16 {
			continue
		}
		number, origin, kind := syscall.Errno(binary.NativeEndian.Uint32(m.Data)), m.Data[4], m.Data[5]
		if origin == icmp && kind != timeExceeded && number != syscall.EMSGSIZE || origin == icmp6 && kind != timeExceeded6 && number != syscall.EMSGSIZE {
			r = returned{addrPortOf(to), nil}
			r.err = fmt.Errorf("%s: %w", r.to, os.NewSyscallError("sendto", number))
		}
	}
	return r
}

func addrPortOf(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
