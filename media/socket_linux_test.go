package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listening is a socket on a port that was free.
func listening(t *testing.T) (*udpSocket, *net.UDPAddr) {
	t.Helper()
	conn, err := listenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	name, err := unix.Getsockname(conn.(*udpSocket).fd)
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*udpSocket), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
}

// dials is somebody who sends there.
func dials(t *testing.T, to *net.UDPAddr) *net.UDPConn {
	t.Helper()
	peer, err := net.DialUDP("udp", nil, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	return peer
}

// Once nobody but the peer can be in the queue of a connected socket, the kernel is not asked who sent a datagram; and before that it is, with each
// new peer.
func TestWhoSentItIsNotAskedOfAConnectedSocket(t *testing.T) {
	conn, local := listening(t)
	anna, boris, stranger := dials(t, local), dials(t, local), dials(t, local)
	addr := func(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }
	says := func(c *net.UDPConn) {
		t.Helper()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want netip.AddrPort, asked bool) {
		t.Helper()
		conn.from = unix.RawSockaddrInet6{}
		n, from, ok := conn.Recv(make([]byte, 100))
		if ok != want.IsValid() || ok && n != len("hello") || from != want {
			t.Errorf("read %d bytes of %s, %t; want those of %s", n, from, ok, want)
		}
		if got := conn.from.Family != 0; got != asked {
			t.Errorf("the address was asked for: %t, want %t", got, asked)
		}
	}
	nobody := netip.AddrPort{}
	says(stranger)
	conn.Connect(addr(anna))
	says(anna)
	read(addr(stranger), true)
	read(addr(anna), true)
	read(nobody, false)
	says(anna)
	read(addr(anna), true) // a stranger's might just have come in, after all
	read(nobody, false)
	says(anna)
	says(anna)
	read(addr(anna), false)
	read(addr(anna), false)
	says(stranger)
	read(nobody, false)

	conn.Connect(addr(boris))
	says(boris)
	read(addr(boris), true)
}

// The kernel's time of arrival lies between the sending and the reading, however long the packet waited.
func TestE2EArrivalIsTheKernels(t *testing.T) {
	conn, local := listening(t)
	peer := dials(t, local)
	var b [100]byte
	readWall()
	for range 3 {
		time.Sleep(time.Millisecond)
		before := monotonic()
		peer.Write([]byte("now"))
		sent := monotonic()
		for _, _, ok := conn.Recv(b[:]); !ok; _, _, ok = conn.Recv(b[:]) {
			continue
		}
		read := monotonic()
		const slew = int64(5 * time.Millisecond)
		time.Sleep(20 * time.Millisecond) // asked later, the answer is the same
		if at := conn.Arrived(); at < before-slew || at > read+slew {
			t.Errorf("came at %d, sent from %d to %d, read at %d", at, before, sent, read)
		}
	}
}
