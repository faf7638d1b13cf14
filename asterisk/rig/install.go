//go:build linux

package rig

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// installScript finds or makes the chroot. The Makefile and .ci/run call the same
// script; it is embedded so that the rig does not depend on the working directory.
//
//go:embed install.sh
var installScript string

// chroot is the answer of install.sh, asked once per test process.
var chroot = sync.OnceValues(func() (dir string, err error) {
	cmd := exec.Command("/bin/sh", "-s")
	cmd.Stdin = strings.NewReader(installScript)
	var said strings.Builder
	cmd.Stderr = &said
	if os.Getenv("CI") == "true" {
		cmd.Stderr = io.MultiWriter(os.Stderr, &said) // a minute without a word looks like a hang
	}
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New(lastLine(said.String(), err.Error()))
	}
	return lastLine(string(out), ""), nil
})

// Install returns the folder of the chroot with Asterisk in it, and makes it first if
// need be, which takes about a minute, root and the network. Where that cannot be,
// it ends the test as Lack does.
func Install(t testing.TB) string {
	t.Helper()
	if os.Geteuid() != 0 {
		Lack(t, "a real Asterisk runs in a chroot, which needs root")
	}
	dir, err := chroot()
	if err != nil {
		Lack(t, "a real Asterisk: "+err.Error())
	}
	return dir
}

// Find returns the folder of the chroot if it is there, and makes nothing.
func Find() (dir string, err error) {
	if os.Geteuid() != 0 {
		return "", errors.New("a real Asterisk runs in a chroot, which needs root")
	}
	cmd := exec.Command("/bin/sh", "-s", "--", "--check")
	cmd.Stdin = strings.NewReader(installScript)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("no chroot with an Asterisk; asterisk/rig/install.sh makes it: %w", err)
	}
	return lastLine(string(out), ""), nil
}

// Lack ends a test that cannot run here because of what is missing on this machine:
// skipped, with a line that begins with "SKIPPED: " so that the run can list all of
// them at its end; failed if CI=true, for there a missing tool is a fault of the CI.
func Lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("lacking, and CI=true: %s", what)
	}
	t.Skipf("SKIPPED: %s: %s", t.Name(), what)
}

func lastLine(text, otherwise string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return otherwise
	}
	return text[strings.LastIndexByte(text, '\n')+1:]
}
