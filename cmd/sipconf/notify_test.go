package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fakeSystemd hears what is said to systemd.
type fakeSystemd struct {
	path string
	told chan string
}

func newFakeSystemd(t *testing.T) *fakeSystemd {
	t.Helper()
	folder, err := os.MkdirTemp("", "n") // short, as the path of a socket has to be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return fakeSystemdAt(t, filepath.Join(folder, "notify"))
}

func fakeSystemdAt(t *testing.T, path string) *fakeSystemd {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeSystemd{path, make(chan string, 1000)}
	ended := make(chan struct{})
	go func() { // ends with the test
		defer close(ended)
		for b := make([]byte, 1000); ; {
			n, err := conn.Read(b)
			if err != nil {
				return
			}
			f.told <- string(b[:n])
		}
	}()
	t.Cleanup(func() { conn.Close(); <-ended })
	return f
}

// wants wants the next message to have these words.
func (f *fakeSystemd) wants(t *testing.T, words string) {
	t.Helper()
	select {
	case got := <-f.told:
		if !strings.Contains(got, words) {
			t.Errorf("systemd is told %q, want %q", got, words)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("systemd waits for %q", words)
	}
}

func TestNotify(t *testing.T) {
	for _, path := range []string{newFakeSystemd(t).path + "2", "@sipconf-test-" + filepath.Base(t.TempDir()) + t.Name()} {
		systemd := fakeSystemdAt(t, path)
		n := notifier{path}
		if err := n.tell(isMain(4711), isReady); err != nil {
			t.Fatal(err)
		}
		systemd.wants(t, "MAINPID=4711\nREADY=1")
		n.tell(isReloading())
		systemd.wants(t, "RELOADING=1\nMONOTONIC_USEC=")
		n.tell(isEnding)
		systemd.wants(t, "STOPPING=1")
	}
	if err := (notifier{}).tell(isReady); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	if err := (notifier{filepath.Join(t.TempDir(), "none")}).tell(isReady); err == nil {
		t.Error("nobody hears it, and that is no error")
	}
}
