package sip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
)

// LineImage is a connection over TCP as another process goes on with it. Plain
// data, for encoding/gob; its descriptor goes beside it.
type LineImage struct {
	Endpoint      string // Name of its Listener
	Remote, Local netip.AddrPort
	Opened        bool   // by us
	Rest          []byte // what was read of a message that is not whole yet
}

// saveLines writes the lines of a paused endpoint down. The descriptors are one
// more for each, in the same order, and the caller's to close; a program that is
// run does not get them. What cannot be handed over is left out.
func (e *endpoint) saveLines() (images []LineImage, descriptors []int) {
	if e.door == nil {
		return nil, nil
	}
	d := e.door
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.lines {
		if !l.still {
			continue
		}
		fd, err := duplicate(l.Conn)
		if err != nil {
			e.log.Warn("a SIP connection cannot be handed over: its peer has to connect again", "from", l.remote, "err", err)
			continue
		}
		local, _ := netip.ParseAddrPort(l.LocalAddr().String())
		images = append(images, LineImage{Endpoint: e.listener.Name, Remote: l.remote, Local: local, Opened: l.opened, Rest: slices.Clone(l.held)})
		descriptors = append(descriptors, fd)
	}
	return images, descriptors
}

// duplicate is one more descriptor of a socket.
func duplicate(conn net.Conn) (fd int, err error) {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return 0, errors.New("it has no descriptor")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(own uintptr) {
		syscall.ForkLock.RLock() // no program may be run in between
		defer syscall.ForkLock.RUnlock()
		if fd, err = syscall.Dup(int(own)); err == nil {
			syscall.CloseOnExec(fd)
		}
	})
	return fd, errors.Join(failed, os.NewSyscallError("dup", err))
}

// adoptLines gives the lines that another process has written down to their
// endpoints. The descriptors, in the same order, are ours from now on: those
// that nobody wants any more are closed. A request finds its line at once, but
// nothing is read and none accepted on these endpoints before resumeLines.
func (u *UA) adoptLines(images []LineImage, descriptors []int) {
	for i, im := range images[:min(len(images), len(descriptors))] {
		own := slices.IndexFunc(u.endpoints, func(e *endpoint) bool { return e.door != nil && e.listener.Name == im.Endpoint })
		if own < 0 {
			syscall.Close(descriptors[i])
			continue
		}
		u.endpoints[own].adopt(&im, descriptors[i])
	}
	for _, fd := range descriptors[min(len(images), len(descriptors)):] {
		syscall.Close(fd)
	}
}

// adopt makes a line of an image, and has sipgo know it.
func (e *endpoint) adopt(im *LineImage, fd int) {
	file := os.NewFile(uintptr(fd), "SIP connection")
	if file == nil {
		return
	}
	defer file.Close() // the connection has a descriptor of its own
	conn, err := net.FileConn(file)
	if err != nil {
		e.log.Warn("a SIP connection cannot be taken over: its peer has to connect again", "from", im.Remote, "err", err)
		return
	}
	l := e.door.readmit(conn, im)
	if l == nil {
		conn.Close()
		return
	}
	e.present(l)
}

// readmit makes a line of the process before; nil when it is of no use any more.
// The door is paused from now on.
func (d *doorman) readmit(conn net.Conn, im *LineImage) *line {
	if conn.RemoteAddr() == nil || !im.Opened && !d.gate.trusted.contains(im.Remote.String()) {
		return nil // the peer has hung up, or is not trusted any more
	}
	d.begin()
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.enter(conn, im.Remote, im.Opened)
	l.held = slices.Clone(im.Rest)
	if !im.Opened {
		d.open[im.Remote.Addr()]++
	}
	return l
}
