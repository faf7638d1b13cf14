package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// Tests of the program as its operator has it: a process, its signals, its
// words and its exit status.

// program builds the command once per test binary.
func program(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sipconf")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// noGroups keeps a server from this machine's own groups, and noDoor from its control socket.
const (
	noGroups = "SIPCONF_GROUPS_STORE=list"
	noDoor   = "SIPCONF_CTL_SOCKET="
)

// started is a running `sipconf serve`.
type started struct {
	*exec.Cmd
	log    *lockedBuffer
	ended  chan error
	config string
}

func start(t *testing.T, binary, config string) *started {
	t.Helper()
	return startAs(t, config, func(file string) *exec.Cmd { return exec.Command(binary, "serve", "--config", file) })
}

// startAs is start, with a command line of the caller's for the file of the configuration.
func startAs(t *testing.T, config string, command func(file string) *exec.Cmd) *started {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &started{Cmd: command(file), log: &lockedBuffer{}, ended: make(chan error, 1), config: file}
	s.Stderr = s.log
	if !strings.Contains(config, "groups:") {
		s.Env = append(s.Environ(), noGroups)
	}
	if !strings.Contains(config, "ctl:") {
		s.Env = append(s.Environ(), noDoor)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.Wait() }()
	t.Cleanup(func() { s.Process.Kill() })
	return s
}

// says waits until the log has the words.
func (s *started) says(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.log.String(), words); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log does not say %q:\n%s", words, s.log)
		}
	}
}

// ends waits for the end of the process, at most that long.
func (s *started) ends(t *testing.T, within time.Duration) error {
	t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(within):
		t.Fatalf("still running after %v:\n%s", within, s.log)
		return nil
	}
}

func TestE2ESignals(t *testing.T) {
	t.Parallel()
	binary := program(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			port := unusedPort(t)
			s := start(t, binary, fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199}\n", port))
			s.says(t, "serving")
			uri := fmt.Sprintf("sip:5234@127.0.0.1:%d", port)
			ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
			defer cancel()
			newPhone := func() *phone.Phone {
				p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0")})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(p.Close)
				return p
			}
			polite, err := newPhone().Call(ctx, uri)
			if err != nil {
				t.Fatal(err)
			}
			deaf := newPhone() // will not answer the BYE, which keeps the server waiting
			if _, err := deaf.Call(ctx, uri); err != nil {
				t.Fatal(err)
			}
			deaf.Vanish()
			s.Process.Signal(signal)
			s.says(t, "ending")
			if _, err := newPhone().Call(ctx, uri); phone.Status(err) != 503 {
				t.Errorf("a call while the server ends: %v", err)
			}
			if err := s.ends(t, 5*time.Second); err != nil {
				t.Errorf("exit: %v", err)
			}
			select {
			case <-polite.Done():
			case <-ctx.Done():
				t.Error("the polite caller got no BYE")
			}
			s.says(t, "did not answer the goodbye")
		})
	}
	t.Run("twice", func(t *testing.T) {
		port := unusedPort(t)
		s := start(t, binary, fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199}\n", port))
		s.says(t, "serving")
		p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Call(context.Background(), fmt.Sprintf("sip:5234@127.0.0.1:%d", port)); err != nil {
			t.Fatal(err)
		}
		p.Vanish()
		s.Process.Signal(syscall.SIGTERM)
		s.says(t, "ending")
		s.Process.Signal(syscall.SIGTERM)
		if err := s.ends(t, 2*time.Second); err == nil {
			t.Error("the second signal did not end it as signals do")
		}
	})
}

// TestE2EServesThoughNobodyReadsItsLog: with the pipe of its log full, a line written into it would wait for ever. It answers, another process takes over, and
// that one ends as it should.
func TestE2EServesThoughNobodyReadsItsLog(t *testing.T) {
	t.Parallel()
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for err == nil {
		_, err = in.Write(make([]byte, 4096))
	}
	binary := program(t) // before the port is chosen, which somebody else may take meanwhile
	port := unusedPort(t)
	dir := t.TempDir()
	file, socket, pidFile := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "ctl.sock"), filepath.Join(dir, "pid")
	if err := os.WriteFile(file, fmt.Appendf(nil, "sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199}\nrooms: {max_legs: 100}\nctl: {socket: %q}\n", port, socket), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &started{Cmd: exec.Command(binary, "serve", "--config", file, "--pid-file", pidFile), log: &lockedBuffer{}, ended: make(chan error, 1)}
	s.Stderr, s.Env = in, append(s.Environ(), noGroups)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	go func() { s.ended <- s.Wait() }()
	pid := func() (pid int) {
		text, _ := os.ReadFile(pidFile)
		fmt.Sscan(string(text), &pid)
		return pid
	}
	t.Cleanup(func() { // whichever process is the last
		s.Process.Kill()
		if pid := pid(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	serves := func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err := p.Request(ctx, "OPTIONS", fmt.Sprintf("sip:127.0.0.1:%d", port)); err != nil {
			t.Fatalf("it does not serve: %v", err)
		}
	}
	serves()
	if said, err := exec.Command(binary, "ctl", "--socket", socket, "upgrade", "--wait").CombinedOutput(); err != nil {
		t.Fatalf("nobody takes over: %v, %s", err, said)
	}
	if err := s.ends(t, endTime); err != nil {
		t.Errorf("whose place was taken: %v", err)
	}
	serves()
	syscall.Kill(pid(), syscall.SIGTERM)
	for deadline := time.Now().Add(endTime); pid() != 0; time.Sleep(10 * time.Millisecond) { // a process that ends well removes the file
		if time.Now().After(deadline) {
			t.Fatal("the last process does not end")
		}
	}
}

func TestE2EWhatTheOperatorIsTold(t *testing.T) {
	t.Parallel()
	binary := program(t)
	taken, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, test := range map[string]struct {
		config string
		words  []string
	}{
		"busy port":       {fmt.Sprintf("sip: {listen: [\"udp://%s\"]}", taken.LocalAddr()), []string{"the port is in use", "choose another port"}},
		"foreign address": {"sip: {listen: [\"udp://192.0.2.1:5060\"]}", []string{"no such address"}},
		"unknown key":     {"sip:\n  lissen: []\n", []string{"config.yaml:2:3: sip.lissen: unknown key"}},
		"two faults":      {"sip:\n  lissen: []\nmedia: {ports: x}\n", []string{"config.yaml:2:3: sip.lissen", "config.yaml:3:16: media.ports"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, binary, test.config)
			err := s.ends(t, 5*time.Second)
			if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != exitFault {
				t.Errorf("exit: %v, want status %d", err, exitFault)
			}
			for _, words := range test.words {
				if !strings.Contains(s.log.String(), words) {
					t.Errorf("it does not say %q:\n%s", words, s.log)
				}
			}
		})
	}
}
