package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// MostPath is how many bytes a socket's path may have: sun_path of unix(7) has 108, and 104 on other systems, with a zero at the end.
const MostPath = 103

// ErrTaken is that a process which is alive has the socket.
var ErrTaken = errors.New("another server answers there")

// socket is a listener at a path, which it removes.
type socket struct {
	net.Listener
	path  string
	file  fs.FileInfo // what we have made, or taken over
	lent  atomic.Bool // another process has it, too: the file is that one's
	close func() error
}

// trouble is an error in words for the operator, with the cause beneath them.
type trouble struct {
	text  string
	cause error
}

func (t *trouble) Error() string { return t.text }
func (t *trouble) Unwrap() error { return t.cause }

// listen makes the socket. One that a dead process has left is replaced.
func listen(path string) (s *socket, err error) {
	defer lockFolder(filepath.Dir(path))()
	if err := free(path); err != nil {
		return nil, err
	}
	listener, err := bind(path)
	if err != nil {
		return nil, explain(path, err)
	}
	s = &socket{Listener: listener, path: path}
	s.close = sync.OnceValue(s.end)
	if s.file, err = os.Lstat(path); err == nil {
		err = os.Chmod(path, 0o600) // for systems where the first one has done nothing
	}
	if err != nil {
		s.Close()
		return nil, explain(path, err)
	}
	return s, nil
}

// inherit takes over a listener that another process has at a path. One whose file is gone is of no use, and is made anew.
func inherit(path string, l net.Listener) (*socket, error) {
	file, err := os.Lstat(path)
	if err != nil || file.Mode().Type() != fs.ModeSocket {
		l.Close()
		return listen(path)
	}
	s := &socket{Listener: l, path: path, file: file}
	s.lent.Store(true)
	s.close = sync.OnceValue(s.end)
	return s, nil
}

// bind makes the socket, which from its first moment nobody but our user may open: on Linux the mode that a socket has before it is
// bound is that of the file (net/unix/af_unix.c, unix_bind_bsd), less the umask. Other systems refuse, and have a moment between.
func bind(path string) (net.Listener, error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { syscall.Fchmod(int(fd), 0o600) })
	}}
	listener, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // by then it may be somebody else's
	return listener, nil
}

// knockTime is how long a process has to take a connection that may be alive. The kernel does it for it, unless its queue is full.
const knockTime = time.Second

// free removes a socket that a dead process has left, and nothing else.
func free(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return explain(path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return &trouble{fmt.Sprintf("%s is there, and no socket: it is left alone; choose another path", path), fs.ErrExist}
	}
	conn, err := net.DialTimeout("unix", path, knockTime)
	switch {
	case err == nil:
		conn.Close()
		return &trouble{fmt.Sprintf("another server is running, and answers at %s: stop that one, or give this one a socket of its own", path), ErrTaken}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case !errors.Is(err, syscall.ECONNREFUSED): // it is alive, but busy, or not ours to ask
		return &trouble{fmt.Sprintf("%s is there, and may be another server's: %v", path, err), ErrTaken}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return explain(path, err)
	}
	return nil
}

// explain says what an operator can do about a socket that cannot be made.
func explain(path string, err error) error {
	folder := filepath.Dir(path)
	advice := "make it, for the user of the server"
	if name, ok := strings.CutPrefix(folder, "/run/"); ok {
		advice = fmt.Sprintf("write RuntimeDirectory=%s into the [Service] section of the systemd unit, or make it, for the user of the server", name)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &trouble{fmt.Sprintf("the folder %s does not exist: %s", folder, advice), err}
	case errors.Is(err, fs.ErrPermission):
		return &trouble{fmt.Sprintf("the server may not write into the folder %s: give it to the user of the server, or choose another", folder), err}
	}
	return &trouble{fmt.Sprintf("%s cannot be made: %v", path, err), err}
}

// lockFolder keeps other servers that start now from looking whose socket it is while we do: two who both find that it is nobody's
// would both take it. It is a courtesy: who holds the lock for long, or has no such lock, does not keep us from starting.
func lockFolder(path string) (unlock func()) {
	folder, err := os.Open(path)
	if err != nil {
		return func() {}
	}
	const tries, pause = 20, 100 * time.Millisecond // twice as long as an honest one takes
	for range tries {
		if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(pause)
	}
	return func() { folder.Close() }
}

// SetDeadline ends an Accept that waits at that time.
func (s *socket) SetDeadline(t time.Time) error { return s.Listener.(deadliner).SetDeadline(t) }

// Close ends the listener and removes the file, if it is still ours. Safe to call twice.
func (s *socket) Close() error { return s.close() }

func (s *socket) end() error {
	if now, err := os.Lstat(s.path); err == nil && s.file != nil && os.SameFile(now, s.file) && !s.lent.Load() {
		os.Remove(s.path) // what is left is replaced at the next start
	}
	return s.Listener.Close()
}
