package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// leaveBehind leaves a socket at the path as a process does that is killed.
func leaveBehind(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
}

func TestOnlyTheOwnerMayEnter(t *testing.T) {
	before := syscall.Umask(0)
	defer syscall.Umask(before)
	path := filepath.Join(t.TempDir(), "ctl.sock")
	l, err := bind(path) // before anything else is done to it
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// A socket of the dead is replaced, one of the living is not, and what is no socket is left alone; the file goes when the door is closed.
func TestSocketsThatAreThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl.sock")
	leaveBehind(t, path)
	first, err := Open(path)
	if err != nil {
		t.Fatalf("over a dead one: %v", err)
	}
	defer first.Close()
	if _, err := Open(path); !errors.Is(err, ErrTaken) || !strings.Contains(err.Error(), "another server is running, and answers at "+path) {
		t.Errorf("over a living one: %v", err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the first is reached no more: %v", err)
	} else {
		conn.Close()
	}
	first.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after the end: %v", err)
	}
	if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "is left alone") {
		t.Errorf("over a letter: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "a letter" {
		t.Errorf("the letter is now %q", text)
	}
}

// Who is closed after somebody else has come in his place does not take the socket away from him.
func TestTheSocketOfTheNextOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl.sock")
	first, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	second, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	first.Close()
	if conn, err := net.Dial("unix", path); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
}

// Of ten who start at once over a dead socket one has it, and the others are told.
func TestManyStartAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl.sock")
	leaveBehind(t, path)
	var all sync.WaitGroup
	doors, errs := make(chan *Door, 10), make(chan error, 10)
	for range 10 {
		all.Go(func() {
			if d, err := Open(path); err != nil {
				errs <- err
			} else {
				doors <- d
			}
		})
	}
	all.Wait()
	if len(doors) != 1 || len(errs) != 9 {
		t.Errorf("%d have it, %d have not", len(doors), len(errs))
	}
	for range len(errs) {
		if err := <-errs; !errors.Is(err, ErrTaken) {
			t.Error(err)
		}
	}
	for range len(doors) {
		(<-doors).Close()
	}
}

func TestSocketsThatCannotBeMade(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "none", "ctl.sock"))
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "none does not exist: make it, for the user of the server") {
		t.Errorf("no folder: %v", err)
	}
	_, err = Open("/run/sipconf-of-nobody/ctl.sock")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "RuntimeDirectory=sipconf-of-nobody") {
		t.Errorf("no folder in /run: %v", err)
	}
	if err := explain("/x/ctl.sock", fs.ErrPermission); !strings.Contains(err.Error(), "may not write into the folder /x") {
		t.Error(err)
	}
	_, err = Open("/" + strings.Repeat("x", 200))
	if err == nil || !strings.Contains(err.Error(), "cannot be made") {
		t.Errorf("too long: %v", err)
	}
}

// A nil door is none.
func TestNoDoor(t *testing.T) {
	var d *Door
	d.Close()
	if d.Panics() != 0 {
		t.Error("it has panicked")
	}
}
