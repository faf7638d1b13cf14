//go:build linux

package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	// user is who may do everything in the database.
	user = "sipconf"
	// Password is his.  It is hard on everybody who takes a URL apart, or writes one into a log.
	Password = "geheim/@:#?% 7"
)

const (
	// nobody is the user as whom a server runs if we are root.
	nobody = 65534
	// startTime is how long a server may take until it answers.  It takes about a second; the rest is for a machine
	// that does something else as well.
	startTime = time.Minute
)

// Server is a database server of a test.  Its methods fail the test if they cannot do what they say.  URL may be read,
// and Exec called, by any goroutine; the others are for that of the test.
type Server struct {
	URL string // of its database, for groups.store; the same in all of its lives

	t         testing.TB
	folder    string
	addr      netip.AddrPort
	command   []string
	connector driver.Connector
	proc      *process // nil: it does not run
	log       lockedBuffer
}

// newServer is a server without a program: a folder and a port.  It ends with the test.
func newServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, folder: t.TempDir()}
	if os.Geteuid() == 0 {
		// The folder is nobody's, and he may go through the one above it.
		if err := errors.Join(os.Chown(s.folder, nobody, nobody), os.Chmod(filepath.Dir(s.folder), 0o711)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().(*net.TCPAddr).AddrPort()
	l.Close()
	t.Cleanup(func() {
		if s.proc != nil {
			s.proc.stop()
		}
		if t.Failed() {
			t.Logf("the server said\n%s", s.log.String())
		}
	})
	return s
}

// urlOf is the URL of one of its databases.
func (s *Server) urlOf(scheme, database string) string {
	u := url.URL{Scheme: scheme, User: url.UserPassword(user, Password), Host: s.addr.String(), Path: database}
	return u.String()
}

// Start starts the server and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.launch()
	for deadline := time.Now().Add(startTime); ; time.Sleep(20 * time.Millisecond) {
		err := s.ping()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server does not come up: %v\n%s", err, s.log.String())
		}
		select {
		case <-s.proc.done: // PostgreSQL waits for no child of the one that was killed
			s.launch()
		default:
		}
	}
}

func (s *Server) launch() {
	s.t.Helper()
	cmd := s.program(context.Background(), s.command...)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	var err error
	if s.proc, err = startProcess(cmd); err != nil {
		s.t.Fatal(err)
	}
}

// Kill is the end of the server, without a word.  Start begins it again.
func (s *Server) Kill() { s.proc.kill() }

// Freeze has the server stand still: it takes connections, as the kernel does that, and says nothing.
func (s *Server) Freeze() { s.proc.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.proc.cmd.Process.Signal(syscall.SIGCONT) }

// Exec does in the database what an administrator might.
func (s *Server) Exec(statements ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	db := sql.OpenDB(s.connector)
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			s.t.Errorf("%s: %v", statement, err)
		}
	}
}

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	db := sql.OpenDB(s.connector)
	defer db.Close()
	return db.PingContext(ctx)
}

// program is a program in the server's folder, as the server's user.  Its environment is small and fixed, so that a
// test does not depend on who runs it.
func (s *Server) program(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = s.folder
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + s.folder, "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// prepare runs a program to its end.
func (s *Server) prepare(input string, args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	cmd := s.program(ctx, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
}

// lack ends a test for which a program is missing: skipped aloud, and failed on CI, where .ci/tools.sh has installed
// it.
func lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("lacking, and CI=true: %s", what)
	}
	t.Skipf("SKIPPED: %s: %s", t.Name(), what)
}
