//go:build !linux

package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// netSocket is the portable Conn: a goroutine reads a socket of package net into a queue that the tick drains.
// It costs about half as much again as the raw socket of Linux, by the wake-ups.
type netSocket struct {
	conn    *net.UDPConn
	queue   chan datagram // full: the newest is dropped
	free    chan []byte
	reading sync.WaitGroup
	arrived int64 // when the datagram came that Recv took last
}

type datagram struct {
	b    []byte
	from netip.AddrPort
	at   int64
}

// listenUDP binds a socket to exactly that address and port; errPortBusy when somebody else has it.
func listenUDP(local netip.AddrPort) (Conn, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errPortBusy
	}
	if err != nil {
		return nil, fmt.Errorf("bind %s: %w", local, err)
	}
	const depth = 64
	s := &netSocket{conn: conn, queue: make(chan datagram, depth), free: make(chan []byte, depth)}
	for range depth {
		s.free <- make([]byte, 2048)
	}
	s.reading.Add(1)
	go s.read() // ends when Close closes conn; Close waits
	return s, nil
}

func (s *netSocket) read() {
	defer s.reading.Done()
	spare := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(spare)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		select {
		case b := <-s.free:
			s.queue <- datagram{append(b[:0], spare[:n]...), unmapped(from), monotonic()} // has room: as many places as buffers
		default:
		}
	}
}

func (s *netSocket) Recv(b []byte) (int, netip.AddrPort, bool) {
	select {
	case d := <-s.queue:
		n := copy(b, d.b)
		s.free <- d.b
		s.arrived = d.at
		return n, d.from, true
	default:
		return 0, netip.AddrPort{}, false
	}
}

// Arrived is exact but for the wake-up of the reading goroutine.
func (s *netSocket) Arrived() int64 { return s.arrived }

func (s *netSocket) Send(b []byte, to netip.AddrPort) bool {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err == nil
}

// Connect does nothing: package net connects a socket when it makes it, or never.
func (s *netSocket) Connect(netip.AddrPort) {}

func (s *netSocket) LocalAddr() netip.AddrPort {
	return unmapped(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (s *netSocket) Close() error {
	err := s.conn.Close()
	s.reading.Wait()
	return err
}

// fetchConn is for raw sockets.
func fetchConn(Conn) {}

// adoptUDP is not to be had: a goroutine reads each socket, and what it has read would be lost.
func adoptUDP(int) (Conn, error) {
	return nil, fmt.Errorf("take over a UDP socket: %w", errors.ErrUnsupported)
}

func closeDescriptor(int) {}

func descriptorOf(Conn) int32 { return -1 }

func ask([]asked) {}
