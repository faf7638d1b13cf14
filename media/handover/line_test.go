//go:build unix

package handover

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is both ends of a line in one process.
func pair(t *testing.T) (ours, theirs *Line) {
	t.Helper()
	ours, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Line{ours, theirs} {
		l.SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { l.Close() })
	}
	return ours, theirs
}

// open counts the descriptors of this process.
func open(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(files)
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	ours, theirs := pair(t)
	long := bytes.Repeat([]byte("a call, written down "), 200_000)
	for _, m := range []Message{{Kind: "quiesce"}, {Kind: "legs", Body: long}, {"", []byte{0}, nil}, {Kind: strings.Repeat("k", 64)}} {
		sent := make(chan error, 1)
		go func() { sent <- ours.Send(m.Kind, m.Body) }()
		got, err := theirs.Receive()
		if err := <-sent; err != nil {
			t.Error(err)
		}
		if err != nil || got.Kind != m.Kind || !bytes.Equal(got.Body, m.Body) || len(got.Descriptors) != 0 {
			t.Errorf("%q came as %q with %d bytes and %d descriptors, %v", m.Kind, got.Kind, len(got.Body), len(got.Descriptors), err)
		}
	}
	for _, err := range []error{ours.Send(strings.Repeat("k", 65), nil), ours.Send("many", nil, make([]int, 1<<16)...)} {
		if err == nil || !strings.Contains(err.Error(), "too much") {
			t.Errorf("sent what is too much: %v", err)
		}
	}
}

// Descriptors stay open where they were, and are more of the same sockets where they arrive, in their order.
func TestDescriptorsArriveInOrder(t *testing.T) {
	before := open(t)
	for _, n := range []int{1, 249, 250, 251, 750} {
		ours, theirs := pair(t)
		var fds []int
		var ports []int
		for range n {
			fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
			if err == nil {
				err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
			}
			if err != nil {
				t.Fatal(err)
			}
			fds, ports = append(fds, fd), append(ports, port(t, fd))
		}
		sent := make(chan error, 1)
		go func() { sent <- errors.Join(ours.Send("sockets", []byte("body"), fds...), ours.Send("next", nil)) }()
		m, err := theirs.Receive()
		if err != nil || len(m.Descriptors) != n || string(m.Body) != "body" {
			t.Fatalf("%d of %d descriptors with %q: %v", len(m.Descriptors), n, m.Body, err)
		}
		for i, fd := range m.Descriptors {
			if fd == fds[i] || port(t, fd) != ports[i] {
				t.Fatalf("descriptor %d of %d is at port %d, want %d", i, n, port(t, fd), ports[i])
			}
			if flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); flags&syscall.FD_CLOEXEC == 0 {
				t.Fatalf("descriptor %d would go to a child", i)
			}
		}
		Discard(m.Descriptors)
		port(t, fds[n-1]) // ours is open
		if m, err := theirs.Receive(); err != nil || m.Kind != "next" || <-sent != nil {
			t.Errorf("behind %d descriptors comes %q, %v", n, m.Kind, err)
		}
		Discard(fds)
		ours.Close()
		theirs.Close()
	}
	if now := open(t); now > before {
		t.Errorf("%d descriptors are open, there were %d", now, before)
	}
}

// port is where a socket is bound.
func port(t *testing.T, fd int) int {
	t.Helper()
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return at.(*syscall.SockaddrInet4).Port
}

func TestTheOtherEndHangsUp(t *testing.T) {
	ours, theirs := pair(t)
	theirs.Close()
	if _, err := ours.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("received %v of an end that has hung up", err)
	}
	if err := ours.Send("taken", nil); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("sent to an end that has hung up: %v", err)
	}
}

// What is cut off, or no message, is an error, and leaves no descriptor open.
func TestTornMessages(t *testing.T) {
	head := func(kind byte, body uint32, fds uint16) []byte {
		b := binary.BigEndian.AppendUint32([]byte{kind}, body)
		return binary.BigEndian.AppendUint16(b, fds)
	}
	before := open(t)
	for name, raw := range map[string][]byte{
		"in the header":              {3, 0},
		"in the body":                append(head(1, 10, 0), "k12345"...),
		"before the descriptors":     append(head(1, 0, 2), 'k'),
		"of a kind that is too long": head(200, 0, 0),
		"of a body that is too long": head(1, 1<<31, 0),
	} {
		ours, theirs := pair(t)
		ours.conn.Write(raw)
		ours.Close()
		if _, err := theirs.Receive(); err == nil || err == io.EOF {
			t.Errorf("a message torn %s: %v", name, err)
		}
		theirs.Close()
	}
	for name, sent := range map[string]int{"fewer": 2, "more": 4} {
		ours, theirs := pair(t)
		ours.conn.Write(append(head(1, 0, 3), 'k'))
		ours.conn.WriteMsgUnix([]byte{0}, syscall.UnixRights(make([]int, sent)...), nil)
		if _, err := theirs.Receive(); !errors.Is(err, ErrDescriptors) {
			t.Errorf("%s descriptors than were announced: %v", name, err)
		}
		ours.Close()
		theirs.Close()
	}
	if now := open(t); now > before {
		t.Errorf("%d descriptors are open, there were %d", now, before)
	}
}

func TestNobodyReads(t *testing.T) {
	ours, _ := pair(t)
	ours.SetDeadline(time.Now().Add(20 * time.Millisecond))
	err := ours.Send("legs", make([]byte, 64<<20))
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("sent to nobody: %v", err)
	}
}

func TestALineIsAUnixSocket(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := Open(f); err == nil {
		l.Close()
		t.Error("/dev/null is a line")
	}
}
