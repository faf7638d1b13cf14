package media

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
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

// What both sockets of a call ask of the kernel, in both families: to be carried as voice (EF), and a queue of which the kernel makes twice what is asked
// for, if the machine allows that much.
func TestE2ESocketsOfACallAreForVoice(t *testing.T) {
	queue := receiveBuffer
	if text, err := os.ReadFile("/proc/sys/net/core/rmem_max"); err == nil {
		most, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		queue = min(queue, most)
	}
	for host, class := range map[string][2]int{
		"127.0.0.1": {unix.IPPROTO_IP, unix.IP_TOS}, "::1": {unix.IPPROTO_IPV6, unix.IPV6_TCLASS},
	} {
		e, err := New(Config{Ports: PortRange{First: 33950, Last: 33959}, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		leg, err := e.Open(netip.MustParseAddr(host))
		if err != nil {
			t.Fatal(err)
		}
		for name, conn := range map[string]Conn{"RTP": leg.conn, "RTCP": leg.control.conn} {
			fd := conn.(*udpSocket).fd
			if got, err := unix.GetsockoptInt(fd, class[0], class[1]); err != nil || got>>2 != 46 {
				t.Errorf("%s of %s: DSCP %d, %v, want 46 (EF)", name, host, got>>2, err)
			}
			if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || got != 2*queue {
				t.Errorf("%s of %s: a queue of %d bytes, %v, want %d", name, host, got, err, 2*queue)
			}
		}
	}
}

// Three seconds of a stream wait in the queue of a socket until they are read.
func TestE2EThreeSecondsWaitInASocket(t *testing.T) {
	conn, local := listening(t)
	peer := dials(t, local)
	packet := make([]byte, 172)
	for range 150 {
		if _, err := peer.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	read := 0
	for deadline := time.Now().Add(3 * time.Second); read < 150 && time.Now().Before(deadline); {
		if _, _, ok := conn.Recv(packet); ok {
			read++
		}
	}
	if read != 150 {
		t.Errorf("%d of 150 packets have waited", read)
	}
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
