package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// succession is how the processes of a server that we started follow each other. The zero value is a server that stays the one that was started.
type succession struct {
	program string   // the file that the server was started from, in which each new version is put
	config  string   // file
	pidFile string   // in which the process that is the server now says which one it is
	from    []string // the versions: that which was started, and the one that the first upgrade is to
}

// upgradePatience is how long an upgrade may take; the server itself gives up earlier.
const upgradePatience = 90 * time.Second

// succeeds lays out the server's folder for upgrades, and says what the server is started with besides.
func (s *server) succeeds(binary, config string, o *options) (args []string, err error) {
	if o.upgrades == 0 {
		return nil, nil
	}
	s.next = succession{program: filepath.Join(s.dir, "served"), config: config, pidFile: filepath.Join(s.dir, "pid"), from: []string{binary, binary}}
	if o.nextBinary != "" {
		s.next.from[1] = o.nextBinary
	}
	return []string{"--pid-file", s.next.pidFile}, s.next.install(0)
}

// install puts the n-th version, which are two by turns, in the place of the program, as a package manager does: nothing is ever half there.
func (n *succession) install(version int) error {
	b, err := os.ReadFile(n.from[version%2])
	if err == nil {
		err = os.WriteFile(n.program+".new", b, 0o755)
	}
	if err == nil {
		err = os.Rename(n.program+".new", n.program)
	}
	return err
}

// upgrade has the n-th version take over, from 1 on, and says how long the command took. From then on the server is another process.
func (s *server) upgrade(ctx context.Context, version int) (took time.Duration, err error) {
	if err := s.next.install(version); err != nil {
		return 0, err
	}
	before, _ := use(s.pid)
	limited, cancel := context.WithTimeout(ctx, upgradePatience)
	defer cancel()
	begin := time.Now()
	command := exec.CommandContext(limited, s.next.program, "ctl", "--config", s.next.config, "upgrade", "--wait")
	if out, err := command.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("upgrade %d: %w\n%s", version, err, bytes.TrimSpace(out))
	}
	took = time.Since(begin)
	pid, err := s.next.pid()
	if err == nil && pid == s.pid {
		err = fmt.Errorf("process %d is the server still", pid)
	}
	if err != nil {
		return 0, fmt.Errorf("upgrade %d: %w", version, err)
	}
	s.pid, s.spent = pid, s.spent+before.CPU
	return took, nil
}

// pid is the process that is the server now.
func (n *succession) pid() (int, error) {
	text, err := os.ReadFile(n.pidFile)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil && pid <= 1 {
		err = fmt.Errorf("%s: process %d", n.pidFile, pid)
	}
	return pid, err
}

// stopSuccessor ends a server that is no process that we started; the same words as stop.
func (s *server) stopSuccessor() (took time.Duration, clean bool) {
	begin := time.Now()
	if s.pid == 0 || !alive(s.pid) {
		return 0, false
	}
	_ = syscall.Kill(s.pid, syscall.SIGTERM)
	for deadline := begin.Add(10 * time.Second); alive(s.pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
			return time.Since(begin), false
		}
	}
	took = time.Since(begin)
	log, _ := os.ReadFile(filepath.Join(s.dir, "log")) // its exit status is told to its parent, whoever that is by now
	return took, bytes.Contains(log, []byte("msg=ended"))
}

// alive says whether a process runs; one that is dead and that nobody has buried does not.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !errors.Is(err, os.ErrNotExist)
	}
	state := bytes.TrimSpace(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(state) == 0 || state[0] != 'Z' && state[0] != 'X'
}

var (
	stillFor = regexp.MustCompile(`still_for=(\S+)`)
	serves   = regexp.MustCompile(`msg="sipconf is serving" version="?([^" ]+)`)
)

// told is what the processes' log says: for how long the media stood still at each upgrade, and the version of each process.
func (s *server) told() (still []time.Duration, versions []string) {
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	for _, m := range stillFor.FindAllSubmatch(log, -1) {
		d, _ := time.ParseDuration(string(m[1]))
		still = append(still, d)
	}
	for _, m := range serves.FindAllSubmatch(log, -1) {
		versions = append(versions, string(m[1]))
	}
	return still, versions
}
