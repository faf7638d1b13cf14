package media

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel's time of arrival lies between the sending and the reading, however long the packet waited.
func TestE2EArrivalIsTheKernels(t *testing.T) {
	conn, err := listenUDP(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	name, err := unix.Getsockname(conn.(*udpSocket).fd)
	if err != nil {
		t.Fatal(err)
	}
	local := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}
	peer, err := net.DialUDP("udp", nil, local)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
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
