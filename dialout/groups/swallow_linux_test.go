package groups

import (
	"net"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// swallow is an address whose packets are lost: the queue of a listener is full, and the kernel drops what else
// comes, as a firewall does.
func swallow(t *testing.T) (address string) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(bound.(*syscall.SockaddrInet4).Port))
	for range 16 {
		conn, err := net.DialTimeout("tcp4", address, time.Second)
		if err != nil {
			return address // now it is full
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Skip("SKIPPED: this kernel takes every connection, so no packet is lost")
	return ""
}

// TestSwallowed: the network loses every packet, also those of the connection.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	for name, url := range urls(swallow(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantSlow(t, newGround(t, url).down())
		})
	}
}
