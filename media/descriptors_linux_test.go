package media_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/sipconf/sipconf/media"
)

func TestE2ENoDescriptorsLeft(t *testing.T) {
	e := newEngine(t, media.Config{})
	var usual syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &usual); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &usual) })
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: usual.Max}); err != nil {
		t.Skip(err)
	}
	_, err := e.Open(loopback)
	if !errors.Is(err, syscall.EMFILE) || !strings.Contains(err.Error(), "LimitNOFILE") || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("opened without a descriptor left: %v, want words on what to raise", err)
	}
	if used := e.Stats().Ports; used != 0 {
		t.Errorf("%d pairs of ports still lent", used)
	}
	if _, err := media.New(media.Config{Loops: 1}); err == nil || !strings.Contains(err.Error(), "LimitNOFILE") {
		t.Errorf("an engine without a descriptor for its timer: %v, want words on what to raise", err)
	}
}
