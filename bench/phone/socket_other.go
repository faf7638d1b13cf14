//go:build !linux

package phone

import (
	"net"
	"net/netip"
	"time"
)

// awaited is the portable socket: a goroutine reads and a queue holds what came. It ends when the socket is closed.
type awaited struct {
	conn  *net.UDPConn
	queue chan datagram
}

type datagram struct {
	b    []byte
	from netip.AddrPort
	at   time.Time
}

func openSocket(addr netip.AddrPort) (socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, err
	}
	s := &awaited{conn: conn, queue: make(chan datagram, 512)}
	go s.read()
	return s, nil
}

func (s *awaited) read() {
	for {
		b := make([]byte, 2048)
		n, from, err := s.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		select {
		case s.queue <- datagram{b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now()}:
		default: // full: lost, as in the kernel's own queue
		}
	}
}

func (s *awaited) recv(b []byte) (int, netip.AddrPort, time.Time, bool) {
	select {
	case d := <-s.queue:
		return copy(b, d.b), d.from, d.at, true
	default:
		return 0, netip.AddrPort{}, time.Time{}, false
	}
}

func (s *awaited) send(b []byte, to netip.AddrPort) { _, _ = s.conn.WriteToUDPAddrPort(b, to) }

func (s *awaited) connect(netip.AddrPort) {}

func (s *awaited) local() netip.AddrPort { return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

func (s *awaited) close() { _ = s.conn.Close() }
