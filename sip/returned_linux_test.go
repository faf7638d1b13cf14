package sip

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/time/rate"
)

// TestE2EWhatICMPSaysOfOneDatagramDoesNotCostAnother: on loopback the answer of
// ICMP is there when the sending returns, and the next sending would fail.
func TestE2EWhatICMPSaysOfOneDatagramDoesNotCostAnother(t *testing.T) {
	for _, host := range []string{"127.0.0.1:0", "[::1]:0"} {
		listen := func() (net.PacketConn, netip.AddrPort) {
			conn, err := net.ListenPacket("udp", host)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return conn, conn.LocalAddr().(*net.UDPAddr).AddrPort()
		}
		conn, _ := listen()
		open, to := listen()
		shut, nowhere := listen()
		shut.Close()
		keepReturned(conn)

		write := func(c net.PacketConn, to netip.AddrPort) error {
			_, err := c.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(to))
			return err
		}
		if err := errors.Join(write(conn, nowhere)); err != nil {
			t.Fatal(err)
		}
		if err := write(conn, to); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("without the gate: %v", err) // or this test would show nothing
		}
		returnedDatagrams(conn)

		var failed []netip.AddrPort
		g := &gate{PacketConn: conn, failed: func(to netip.AddrPort, err error) {
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v: %v", to, err)
			}
			failed = append(failed, to)
		}}
		for range 3 {
			if err := errors.Join(write(g, nowhere), write(g, to)); err != nil {
				t.Errorf("through the gate: %v", err)
			}
		}
		if len(failed) != 3 || failed[0] != nowhere {
			t.Errorf("told of %v, want %v three times", failed, nowhere)
		}
		for range 3 {
			if _, _, err := open.ReadFrom(make([]byte, 10)); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestE2EWhatICMPSaysWhileManySend: who finds the error queue empty, because
// another has just read it, has a failed call all the same.
func TestE2EWhatICMPSaysWhileManySend(t *testing.T) {
	listen := func() net.PacketConn {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	conn, shut := listen(), listen()
	nowhere, here := shut.LocalAddr(), conn.LocalAddr()
	shut.Close()
	keepReturned(conn)
	var told, complaints atomic.Int64
	g := &gate{
		PacketConn: conn, failed: func(netip.AddrPort, error) { told.Add(1) }, counters: &Counters{},
		sources: func() int { return 0 }, strange: &rate.Sometimes{Every: 1}, log: slog.New(onLog(func() { complaints.Add(1) })),
	}
	read := make(chan struct{})
	go func() { // ends when the socket is closed
		defer close(read)
		g.ReadFrom(make([]byte, 100))
	}()
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			to := []net.Addr{nowhere, here}[i%2] // here it is a keep-alive, which nobody needs to answer
			for range 2000 {
				if _, err := g.WriteTo([]byte("\x00"), to); err != nil {
					t.Errorf("to %v: %v", to, err)
					return
				}
			}
		})
	}
	writers.Wait()
	conn.Close()
	<-read
	if told.Load() == 0 || complaints.Load() != 0 {
		t.Errorf("told %d times, %d complaints about the socket", told.Load(), complaints.Load())
	}
}

func TestErrorQueueEntries(t *testing.T) {
	if syscall.CmsgLen(0) != 16 {
		t.Skip("the entries below are those of a 64-bit machine")
	}
	to := &syscall.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}, Port: 5060}
	entry := func(level, kind int, errno syscall.Errno, origin, icmpType byte) []byte {
		b := make([]byte, syscall.CmsgSpace(16))
		h := make([]byte, 0, syscall.CmsgLen(0))
		h = binary.NativeEndian.AppendUint64(h, uint64(syscall.CmsgLen(16)))
		h = binary.NativeEndian.AppendUint32(h, uint32(level))
		h = binary.NativeEndian.AppendUint32(h, uint32(kind))
		copy(b, h)
		data := b[syscall.CmsgLen(0):]
		binary.NativeEndian.PutUint32(data, uint32(errno))
		data[4], data[5] = origin, icmpType
		return b
	}
	const v4, v6 = syscall.IPPROTO_IP, syscall.IPPROTO_IPV6
	for _, test := range []struct {
		name  string
		oob   []byte
		known bool
	}{
		{"port unreachable", entry(v4, syscall.IP_RECVERR, syscall.ECONNREFUSED, 2, 3), true},
		{"host unreachable", entry(v4, syscall.IP_RECVERR, syscall.EHOSTUNREACH, 2, 3), true},
		{"port unreachable, IPv6", entry(v6, syscall.IPV6_RECVERR, syscall.ECONNREFUSED, 3, 1), true},
		{"time exceeded", entry(v4, syscall.IP_RECVERR, syscall.EHOSTUNREACH, 2, 11), false},
		{"time exceeded, IPv6", entry(v6, syscall.IPV6_RECVERR, syscall.EHOSTUNREACH, 3, 3), false},
		{"too large", entry(v4, syscall.IP_RECVERR, syscall.EMSGSIZE, 2, 3), false},
		{"of our own machine", entry(v4, syscall.IP_RECVERR, syscall.EMSGSIZE, 1, 0), false},
		{"something else", entry(v4, syscall.IP_TTL, 64, 2, 3), false},
		{"nothing", nil, false},
		{"rubbish", []byte{1, 2, 3}, false},
	} {
		r := readReturned(test.oob, to)
		if (r.err != nil) != test.known || r.to.IsValid() != test.known || test.known && r.to.String() != "192.0.2.1:5060" {
			t.Errorf("%s: %+v", test.name, r)
		}
	}
}
