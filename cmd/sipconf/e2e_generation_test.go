//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/control"
)

// Tests of a server that is replaced, or drained, as its operator sees it: commands, signals, systemd, files.

// service is an attended server as systemd runs it.
type service struct {
	*attended
	systemd *fakeSystemd
	pidFile string
	metrics string // address
	config  string // file
}

// newService starts one, with more arguments.
func newService(t *testing.T, args ...string) *service {
	t.Helper()
	dir := t.TempDir()
	s := &service{
		attended: &attended{office: &office{T: t, pump: phone.NewPump()}, binary: program(t), socket: filepath.Join(dir, "ctl.sock")},
		systemd:  newFakeSystemd(t), pidFile: filepath.Join(dir, "run.pid"), metrics: unusedAddress(t).String(),
	}
	t.Cleanup(s.pump.Close)
	s.port = unusedPort(t)
	s.started = startAs(t, s.settings(), func(file string) *exec.Cmd {
		s.config = file
		cmd := exec.Command(s.binary, append([]string{"serve", "--config", file, "--pid-file", s.pidFile}, args...)...)
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.systemd.path)
		return cmd
	})
	t.Cleanup(func() { // whichever process is the last
		if pid := s.pid(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if t.Failed() {
			t.Logf("log:\n%s", s.started.log)
		}
	})
	s.says(t, "serving")
	s.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", s.Process.Pid))
	if got := s.pid(); got != s.Process.Pid {
		t.Fatalf("the PID file says %d, want %d", got, s.Process.Pid)
	}
	return s
}

func (s *service) settings() string {
	return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\nrooms: {max_legs: 100, tones: false}\n"+
		"metrics: {listen: %q}\nctl: {socket: %q}\n", s.port, s.metrics, s.socket)
}

// configures writes the configuration.
func (s *service) configures(text string) {
	s.Helper()
	if err := os.WriteFile(s.config, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
}

// pid is what the PID file says; 0: nothing.
func (s *service) pid() (pid int) {
	text, _ := os.ReadFile(s.pidFile)
	fmt.Sscan(string(text), &pid)
	return pid
}

// asks gets a page of the metrics' listener.
func (s *service) asks(path string) (status int, err error) {
	way := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: way, Timeout: 20 * time.Second}).Get("http://" + s.metrics + path)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// told by the server's own client, which is quicker than a process.
func (s *service) told(status int, words string, args ...string) {
	s.Helper()
	code, stdout, stderr := runCommand(nil, append([]string{"ctl", "--socket", s.socket}, args...)...)
	if code != status || !strings.Contains(stdout+stderr, words) {
		s.Errorf("ctl %s: exit status %d, want %d; it does not say %q:\n%s%s", strings.Join(args, " "), code, status, words, stdout, stderr)
	}
}

// Anna talks while whatever can go wrong with an upgrade at its beginning does, and then one succeeds.
func TestE2EUpgradeIsRefused(t *testing.T) {
	t.Parallel()
	s := newService(t)
	anna := s.joins("Anna", "101", "5234", 400)
	boris := s.joins("Boris", "102", "5234", 600)
	s.hears("Anna", anna, []float64{600}, 400)
	anna.ResetHeard()
	pid := s.Process.Pid
	again := func() {
		t.Helper()
		s.systemd.wants(t, "RELOADING=1")
		s.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", pid))
		if got := s.pid(); got != pid {
			t.Errorf("the PID file says %d, want %d", got, pid)
		}
	}

	s.configures(s.settings() + "dialout: {wait: soon}\nnonsense: 1\n")
	s.told(exitFault, "goes on: ", "upgrade", "--wait")
	again()
	for _, fault := range []string{"config.yaml:6", "dialout.wait", "nonsense"} { // word for word, as check has them
		s.told(exitFault, fault, "upgrade", "--wait")
		again()
	}
	s.configures(strings.Replace(s.settings(), s.metrics, "127.0.0.1:0", 1) + "prompts: {folder: /nowhere}\n")
	s.told(exitFault, "/nowhere", "upgrade", "--wait")
	again()
	s.configures(strings.Replace(s.settings(), fmt.Sprint(s.port), fmt.Sprint(unusedPort(t)), 1)) // where Anna's call is nobody would listen
	s.told(exitFault, fmt.Sprint(s.port), "upgrade", "--wait")
	again()
	s.configures(s.settings())

	whole, err := os.ReadFile(s.binary)
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"#!/bin/sh\nexit 3\n":               "exit status 3",
		"#!/bin/sh\nkill -9 $$\n":           "killed",
		string(whole[:len(whole)/2]) + "zz": "",
	} {
		s.installs([]byte(text))
		s.told(exitFault, "goes on: ", "upgrade", "--wait")
		again()
		s.told(exitFault, says, "upgrade", "--wait")
		again()
	}
	s.installs(whole)
	s.hears("Anna", anna, []float64{600}, 400)
	if h := anna.Heard(); h.Lost != 0 || h.TSJumps != 0 || len(h.SSRCs) != 1 {
		t.Errorf("Anna: lost %d, timestamp jumps %d, SSRCs %v", h.Lost, h.TSJumps, h.SSRCs)
	}

	s.told(exitGood, "with 2 calls, in ", "upgrade", "--wait")
	s.wantHeir(pid)
	s.hears("Anna", anna, []float64{600}, 400)
	if err := boris.Hangup(s.soon()); err != nil {
		t.Error(err)
	}
}

// installs puts a program in the place of the server's.
func (s *service) installs(text []byte) {
	s.Helper()
	if err := errors.Join(os.WriteFile(s.binary+".new", text, 0o755), os.Rename(s.binary+".new", s.binary)); err != nil {
		s.Fatal(err)
	}
}

// wantHeir wants another process to be the server, and everybody to know.
func (s *service) wantHeir(before int) (pid int) {
	s.Helper()
	s.systemd.wants(s.T, "RELOADING=1")
	if pid = s.pid(); pid == before || pid == 0 {
		s.Fatalf("the PID file says %d, as before", pid)
	}
	s.systemd.wants(s.T, fmt.Sprintf("MAINPID=%d\nREADY=1", pid)) // told by both
	s.systemd.wants(s.T, fmt.Sprintf("MAINPID=%d\nREADY=1", pid))
	s.told(exitGood, fmt.Sprintf("PID %d", pid), "status")
	return pid
}

// However often the server is replaced, by signal or by command, whoever asks it something meanwhile is answered.
func TestE2EEverybodyIsAnswered(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.joins("Anna", "101", "5234", 400)
	mute := func() error {
		return control.Client{Path: s.socket}.Ask(context.Background(), control.Mute, control.Whom{Room: "5234", Who: "101"}, new(control.Done))
	}
	s.eventually("she is in the room", func() bool { return mute() == nil }) // a moment after she was answered
	var asking sync.WaitGroup
	stop, failed := make(chan struct{}), make(chan error, 1000)
	ask := func(once func() error) {
		asking.Go(func() { // ends with the last upgrade
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := once(); err != nil {
					failed <- err
				}
			}
		})
	}
	ask(func() error {
		return control.Client{Path: s.socket}.Ask(context.Background(), control.ShowRooms, nil, new(control.RoomList))
	})
	ask(func() error {
		err := mute()
		time.Sleep(5 * time.Millisecond)
		return err
	})
	ask(func() error {
		status, err := s.asks("/metrics")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("metrics: %d", status)
		}
		return err
	})
	pid := s.Process.Pid
	for i := range 6 {
		if i%2 == 0 {
			s.told(exitGood, "has taken over", "upgrade", "--wait")
		} else {
			syscall.Kill(pid, syscall.SIGHUP)
			before := pid
			s.eventually("another process is the server", func() bool { now := s.pid(); return now != before && now != 0 })
		}
		pid = s.wantHeir(pid)
	}
	close(stop)
	asking.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	s.eventually("the first process has ended", func() bool { return syscall.Kill(s.Process.Pid, 0) != nil })
}

// The next process has another socket: the old one is removed.
func TestE2EUpgradeMovesTheSocket(t *testing.T) {
	t.Parallel()
	s := newService(t)
	old := s.socket
	s.socket += "2"
	s.configures(s.settings())
	s.socket = old
	s.told(exitGood, "has taken over", "upgrade", "--wait")
	s.eventually("the old socket is gone", func() bool { _, err := os.Lstat(old); return errors.Is(err, os.ErrNotExist) })
	s.socket += "2"
	s.told(exitGood, fmt.Sprintf("PID %d", s.pid()), "status")
}

// A server that drains takes whom it has rooms for, and ends with the last call.
func TestE2EDrain(t *testing.T) {
	t.Parallel()
	s := newService(t, "--drain", "1h")
	anna := s.joins("Anna", "101", "5234", 400)
	s.Process.Signal(syscall.SIGTERM)
	s.says(t, "draining")
	s.told(exitGood, "no new calls are taken", "status")
	if status, err := s.asks("/readyz"); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("readyz: %d, %v", status, err)
	}
	s.told(exitFault, "draining", "upgrade", "--wait")

	boris := s.joins("Boris", "102", "5234", 600)
	s.hears("Anna", anna, []float64{600}, 400)
	_, err := s.phone(phone.Config{Name: "Clara", Number: "103"}).Call(s.soon(), fmt.Sprintf("sip:5777@127.0.0.1:%d", s.port))
	var refused *phone.StatusError
	if !errors.As(err, &refused) || refused.Code() != 503 || refused.Response.Header("Retry-After") == "" {
		t.Errorf("Clara would have a room to herself: %v, want 503 with Retry-After", err)
	}
	s.told(exitGood, "waits for 2 calls and ends with the last one.", "drain", "--within", "0")
	if err := anna.Hangup(s.soon()); err != nil {
		t.Error(err)
	}
	s.hears("Boris", boris, nil, 400)
	if err := boris.Hangup(s.soon()); err != nil {
		t.Error(err)
	}
	if err := s.ends(t, 10*time.Second); err != nil {
		t.Errorf("the end: %v", err)
	}
	s.systemd.wants(t, "STOPPING=1")
	for _, file := range []string{s.pidFile, s.socket} {
		if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left behind: %v", file, err)
		}
	}
}

// When the time is over, or at the second SIGTERM, who is left gets a BYE.
func TestE2EDrainEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*service){
		"time": func(s *service) { s.told(exitGood, "waits for 1 call", "drain", "--within", "500ms") },
		"signal": func(s *service) {
			s.Process.Signal(syscall.SIGTERM)
			s.says(s.T, "draining")
			s.Process.Signal(syscall.SIGTERM)
		},
		"SIGINT": func(s *service) { s.Process.Signal(os.Interrupt) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "--drain", "1h")
			anna := s.joins("Anna", "101", "5234", 400)
			end(s)
			select {
			case <-anna.Done():
			case <-time.After(10 * time.Second):
				t.Error("Anna gets no BYE")
			}
			if err := s.ends(t, 10*time.Second); err != nil {
				t.Errorf("the end: %v", err)
			}
		})
	}
}

// As process 1 of a container the server says why it cannot be replaced, and what to do; nobody notices that it was asked.
func TestE2EProcessOne(t *testing.T) {
	t.Parallel()
	binary, socket := program(t), filepath.Join(t.TempDir(), "ctl.sock")
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199}\nrooms: {max_legs: 100}\n"+
		"metrics: {listen: \"\"}\ngroups: {store: list}\nctl: {socket: %q}\n", unusedPort(t), socket), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	s := &started{Cmd: cmd, log: &lockedBuffer{}, ended: make(chan error, 1)}
	cmd.Stderr = s.log
	if err := cmd.Start(); errors.Is(err, syscall.EPERM) {
		t.Skip("only root can make a process 1")
	} else if err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill() })
	s.says(t, "serving")
	for _, args := range [][]string{{"upgrade", "--wait"}, {"upgrade"}} {
		status, _, stderr := runCommand(nil, append([]string{"ctl", "--socket", socket}, args...)...)
		if status != exitFault || !strings.Contains(stderr, "process 1 here") || !strings.Contains(stderr, "sipconf ctl drain") {
			t.Errorf("ctl %v: exit status %d: %s", args, status, stderr)
		}
	}
	status, stdout, _ := runCommand(nil, "ctl", "--socket", socket, "drain")
	if wantText(t, "stdout", stdout, "so the server ends"); status != exitGood {
		t.Errorf("drain: exit status %d", status)
	}
	if err := s.ends(t, 10*time.Second); err != nil {
		t.Error(err)
	}
}
