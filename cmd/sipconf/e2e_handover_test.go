package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// Tests of the hand-over from one process to the next, with two versions of the program, and phones that talk meanwhile.

// workshop is the folder of the programs that were built, for as long as the test process lives.
var workshop string

// built are those programs, by their versions.
var built = struct {
	sync.Mutex
	at map[string]string
}{at: map[string]string{}}

// programOf builds a version of the command, once per test process; with more flags of go build under another name.
func programOf(t *testing.T, version string, flags ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	name := strings.Join(append([]string{version}, flags...), "")
	if binary, ok := built.at[name]; ok {
		return binary
	}
	binary := filepath.Join(workshop, "sipconf-"+name)
	if out, err := exec.Command("go", slices.Concat([]string{"build", "-ldflags", "-X main.version=" + version, "-o", binary}, flags, []string{"."})...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	built.at[name] = binary
	return binary
}

// succeeded is an attended server whose binary is replaced while it runs.
type succeeded struct {
	*attended
	pidFile  string
	versions map[string]string // where each is
}

// succeed starts the first of the versions.
func succeed(t *testing.T, versions ...string) *succeeded {
	t.Helper()
	return succeedWith(t, func(s *succeeded) string { return s.attended.settings(s.port) }, versions...)
}

// succeedWith is succeed, with a configuration of the caller's.
func succeedWith(t *testing.T, settings func(*succeeded) string, versions ...string) *succeeded {
	t.Helper()
	s := newSucceeded(t)
	for _, version := range versions {
		s.versions[version] = programOf(t, version)
	}
	s.install(versions[0])
	s.begins(settings(s))
	return s
}

// newSucceeded is a server that has no program yet.
func newSucceeded(t *testing.T) *succeeded {
	t.Helper()
	dir := t.TempDir()
	s := &succeeded{
		attended: &attended{office: &office{T: t, pump: phone.NewPump()}, binary: filepath.Join(dir, "sipconf"), socket: filepath.Join(dir, "ctl.sock")},
		pidFile:  filepath.Join(dir, "sipconf.pid"), versions: map[string]string{},
	}
	t.Cleanup(s.pump.Close)
	s.port = unusedPort(t)
	return s
}

// begins starts the program, with more variables in its environment.
func (s *succeeded) begins(config string, environ ...string) {
	s.Helper()
	s.started = startAs(s.T, config, func(file string) *exec.Cmd {
		cmd := exec.Command(s.binary, "serve", "--config", file, "--pid-file", s.pidFile)
		cmd.Env = append(os.Environ(), environ...)
		return cmd
	})
	s.Cleanup(func() { // whichever process is the last
		if pid := s.pid(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		if s.T.Failed() {
			s.Logf("the end of the log:\n%s", tail(s.started.log.String(), 60))
		}
	})
	s.says(s.T, "serving")
}

// tail is the last lines of a log: of a server that has seen many upgrades nobody reads all of them.
func tail(log string, lines int) string {
	all := strings.SplitAfter(log, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// install puts a version in the place of the binary, as a package manager does.
func (s *succeeded) install(version string) {
	s.Helper()
	b, err := os.ReadFile(s.versions[version])
	if err == nil {
		syscall.ForkLock.RLock() // a child that has the file open for an instant would make it too busy to be run
		err = os.WriteFile(s.binary+".new", b, 0o755)
		syscall.ForkLock.RUnlock()
	}
	if err == nil {
		err = os.Rename(s.binary+".new", s.binary)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// pid is that of the process of now; 0: none is known.
func (s *succeeded) pid() int {
	b, _ := os.ReadFile(s.pidFile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid
}

// upgrades has a version take over.
func (s *succeeded) upgrades(to string) {
	s.Helper()
	before := s.pid()
	s.install(to)
	if status, said := s.ctl("upgrade", "--wait"); status != exitGood || !strings.Contains(said, to) {
		s.Fatalf("upgrade to %s: status %d:\n%s\nlog:\n%s", to, status, said, s.started.log)
	}
	if status, said := s.ctl("status"); status != exitGood || !strings.Contains(said, to) {
		s.Fatalf("status after the upgrade to %s: %d:\n%s", to, status, said)
	}
	if now := s.pid(); now == before || now == 0 {
		s.Fatalf("the process is %d, and was %d", now, before)
	}
}

// whole fails if anything of what a call has heard since the last ResetHeard shows that something has happened.
func (s *succeeded) whole(who string, call *phone.Call) {
	s.Helper()
	h := call.Heard()
	if h.Lost != 0 || h.TSJumps != 0 || len(h.SSRCs) != 1 || h.Duplicates != 0 {
		s.Errorf("%s: lost %d, doubled %d, timestamp jumps %d, SSRCs %v", who, h.Lost, h.Duplicates, h.TSJumps, h.SSRCs)
	}
	select {
	case <-call.Done():
		s.Errorf("%s: the call has ended: %+v", who, call.Ending())
	default:
	}
}

// Anna, Boris and Clara talk, and the server is replaced three times. Nobody loses a packet, and then each of them does what one does in a call: Anna hangs up,
// Boris is kicked, Clara mutes herself by keys of which she pressed the first before the last upgrade.
func TestE2EUpgrade(t *testing.T) {
	t.Parallel()
	s := succeed(t, "1.0.1", "1.0.2")
	anna := s.joins("Anna", "101", "5234", 400)
	boris := s.joins("Boris", "102", "5234", 600)
	clara := s.joins("Clara", "103", "5234", 900)
	all := map[string]*phone.Call{"Anna": anna, "Boris": boris, "Clara": clara}
	s.hears("Anna", anna, []float64{600, 900}, 400)
	for _, to := range []string{"1.0.2", "1.0.1", "1.0.2"} {
		for _, call := range all {
			call.ResetHeard()
		}
		s.upgrades(to)
		s.hears("Anna", anna, []float64{600, 900}, 400)
		s.hears("Boris", boris, []float64{400, 900}, 600)
		s.hears("Clara", clara, []float64{400, 600}, 900)
		for who, call := range all {
			s.whole(who, call)
		}
	}
	status, said := s.ctl("rooms")
	for _, want := range []string{"5234", "Anna", "Boris", "Clara"} {
		if status != exitGood || !strings.Contains(said, want) {
			t.Fatalf("status %d, no %s in:\n%s", status, want, said)
		}
	}
	if err := anna.Hangup(s.soon()); err != nil {
		t.Errorf("Anna's BYE: %v", err)
	}
	s.hears("Boris", boris, []float64{900}, 400)
	if status, said := s.ctl("kick", "5234", "102"); status != exitGood {
		t.Errorf("kick: %d %s", status, said)
	}
	select {
	case <-boris.Done():
	case <-time.After(5 * time.Second):
		t.Error("Boris got no BYE")
	}
	if err := clara.Hangup(s.soon()); err != nil {
		t.Errorf("Clara's BYE: %v", err)
	}
	dora := s.joins("Dora", "104", "5234", 500)
	if err := dora.Hangup(s.soon()); err != nil {
		t.Errorf("Dora's BYE: %v", err)
	}
	s.eventually("the room is gone", func() bool {
		status, said := s.ctl("rooms")
		return status == exitGood && !strings.Contains(said, "5234")
	})
}
