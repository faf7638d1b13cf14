//go:build unix

package handover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

const (
	perMessage = 250     // descriptors in one message of the kernel, which takes 253 (SCM_MAX_FD)
	maxKind    = 64      // bytes of a message's name
	maxBody    = 1 << 30 // bytes of a message: more is a line that is out of step
)

// ErrDescriptors says that this process cannot have all the descriptors that the other one has sent.
var ErrDescriptors = errors.New("descriptors were lost: raise LimitNOFILE of the service, or ulimit -n")

// Line is one end.  Send and Receive may be called by one goroutine each; Close and SetDeadline by any.
type Line struct{ conn *net.UnixConn }

// Message is what one Send has sent.
type Message struct {
	Kind        string // what it is about
	Body        []byte
	Descriptors []int // the receiver's to close; closed when a program is run in a child process
}

// Pair makes both ends: ours, and the file that the other process shall have, which is to be closed here as soon as it has.
func Pair() (*Line, *os.File, error) {
	syscall.ForkLock.RLock() // socketpair(2) of all systems knows no SOCK_CLOEXEC: no child may be made in between
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
		enlarge(fds[0])
		enlarge(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("make a line for the hand-over: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "handover"), os.NewFile(uintptr(fds[1]), "handover")
	line, err := Open(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return line, theirs, nil
}

// Open makes a Line of one end, which is a descriptor of its own: the file is closed.
func Open(f *os.File) (*Line, error) {
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("open the line for the hand-over: %w", err)
	}
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("open the line for the hand-over: descriptor %s is a %T", f.Name(), conn)
	}
	return &Line{conn: unix}, nil
}

// Close hangs up; the other end's Receive then says io.EOF.
func (l *Line) Close() error { return l.conn.Close() }

// SetDeadline ends what Send and Receive wait for at that time; the zero time takes it back.
func (l *Line) SetDeadline(t time.Time) error { return l.conn.SetDeadline(t) }

// A message on the line, numbers in network byte order; behind it the descriptors, perMessage at a time, each time with a byte of no meaning,
// because a stream carries descriptors only with bytes.
//
//	+------+------+------+------+------+------+------+---------+--------+
//	| kind |    body in bytes          | descriptors |  kind   |  body  |
//	+------+------+------+------+------+------+------+---------+--------+
const headerSize = 7

// Send sends a message.  It waits for the other end as long as the kernel has no room.  The descriptors stay open here.
func (l *Line) Send(kind string, body []byte, descriptors ...int) error {
	if len(kind) > maxKind || len(body) > maxBody || len(descriptors) > 1<<16-1 {
		return fmt.Errorf("send %.64q: %d bytes and %d descriptors are too much for one message", kind, len(body), len(descriptors))
	}
	head := make([]byte, headerSize, headerSize+maxKind)
	head[0] = byte(len(kind))
	binary.BigEndian.PutUint32(head[1:], uint32(len(body)))
	binary.BigEndian.PutUint16(head[5:], uint16(len(descriptors)))
	parts := net.Buffers{append(head, kind...), body}
	if _, err := parts.WriteTo(l.conn); err != nil {
		return fmt.Errorf("send %q: %w", kind, err)
	}
	for len(descriptors) > 0 {
		n := min(len(descriptors), perMessage)
		if _, _, err := l.conn.WriteMsgUnix([]byte{0}, syscall.UnixRights(descriptors[:n]...), nil); err != nil {
			return fmt.Errorf("send the descriptors of %q: %w", kind, err)
		}
		descriptors = descriptors[n:]
	}
	return nil
}

// Receive waits for the next message.  The error is io.EOF when the other end has hung up, or its process has ended, between two messages; ErrDescriptors
// when there was no room for those of the message.  After an error the line is of no use, and no descriptor is left open.
func (l *Line) Receive() (m Message, err error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(l.conn, head[:]); err != nil {
		return Message{}, fmt.Errorf("receive: %w", err)
	}
	body, count := int(binary.BigEndian.Uint32(head[1:])), int(binary.BigEndian.Uint16(head[5:]))
	if body > maxBody || head[0] > maxKind {
		return Message{}, fmt.Errorf("receive: a message of %d bytes", body)
	}
	b := make([]byte, int(head[0])+body)
	if _, err := io.ReadFull(l.conn, b); err != nil {
		return Message{}, fmt.Errorf("receive: %w", cutOff(err))
	}
	m.Kind, m.Body = string(b[:head[0]]), b[head[0]:]
	for len(m.Descriptors) < count {
		if err := l.receiveDescriptors(&m, min(count-len(m.Descriptors), perMessage)); err != nil {
			Discard(m.Descriptors)
			return Message{}, fmt.Errorf("receive %q: %w", m.Kind, err)
		}
	}
	return m, nil
}

// receiveDescriptors takes the next so many.
func (l *Line) receiveDescriptors(m *Message, wanted int) error {
	var b [1]byte
	oob := make([]byte, syscall.CmsgSpace(4*perMessage))
	n, rights, flags, _, err := l.conn.ReadMsgUnix(b[:], oob) // with MSG_CMSG_CLOEXEC, on Linux
	if err != nil || n == 0 {
		return cutOff(err)
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:rights])
	if err != nil {
		return err
	}
	before := len(m.Descriptors)
	for i := range messages {
		fds, err := syscall.ParseUnixRights(&messages[i])
		if err != nil {
			return err
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		m.Descriptors = append(m.Descriptors, fds...)
	}
	if flags&syscall.MSG_CTRUNC != 0 || len(m.Descriptors)-before != wanted { // unix(7): beyond RLIMIT_NOFILE the rest is dropped
		return ErrDescriptors
	}
	return nil
}

// cutOff says of an end in the middle of a message that it is no good one.
func cutOff(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Discard closes descriptors that nobody wants.
func Discard(descriptors []int) {
	for _, fd := range descriptors {
		syscall.Close(fd)
	}
}
