//go:build e2e && linux

package asterisk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// server is a `sipconf serve` of its own process, with its log.
type server struct {
	addr string // where it listens, such as "127.0.0.31:5060"
	stop func() // ends it by SIGTERM and waits; idempotent

	pidFile string     // of the process of now
	ended   chan error // how the first process has ended

	mu    sync.Mutex
	lines []string      // the log so far
	grown chan struct{} // closed and replaced at each line
}

// workshop is the folder of the program under test, for as long as the test process lives.
var workshop string

func TestMain(m *testing.M) {
	var err error
	if workshop, err = os.MkdirTemp("", "sipconf-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = program() // serve tells the error; to build it takes longer than an Asterisk waits that asks whether it is there, and that does not ask again for a while
	status := m.Run()
	os.RemoveAll(workshop)
	os.Exit(status)
}

// program builds ./cmd/sipconf once per test process.
var program = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(workshop, "sipconf")
	out, err := exec.Command("go", "build", "-o", binary, "github.com/sipconf/sipconf/cmd/sipconf").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %v\n%s", err, out)
	}
	return binary, nil
})

// serve starts sipconf on an address of its own, with 200 RTP ports from firstPort on, and
// further sections of its configuration, and returns when it answers SIP. It is stopped when the test ends, and its log is shown when that has
// failed.
func serve(t *testing.T, addr string, firstPort int, sections ...string) *server {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("sip: {listen: [\"udp://%[1]s:5060\"]}\nmedia: {ports: %[2]d-%[3]d, level: false}\nlog: {level: debug, format: json}\nmetrics: {listen: \"%[1]s:9190\"}\nctl: {socket: \"\"}\n",
		addr, firstPort, firstPort+199) + strings.Join(sections, "\n")
	if !strings.Contains(text, "groups:") {
		text += "groups: {store: list}\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s := &server{addr: addr + ":5060", grown: make(chan struct{}), pidFile: filepath.Join(filepath.Dir(config), "sipconf.pid"), ended: make(chan error, 1)}
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", "--config", config, "--pid-file", s.pidFile)

	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	read := make(chan struct{})
	go func() { // ends when the program does and with it the pipe's other end
		defer close(read)
		s.follow(out)
	}()
	go func() { s.ended <- cmd.Wait() }()
	s.stop = sync.OnceFunc(func() {
		pid := s.pid()
		if pid == 0 {
			pid = cmd.Process.Pid // it has not got so far
		}
		_ = syscall.Kill(pid, syscall.SIGTERM)
		kill := time.AfterFunc(10*time.Second, func() {
			t.Error("sipconf did not end after SIGTERM")
			_ = syscall.Kill(pid, syscall.SIGKILL)
		})
		defer kill.Stop()
		<-read // whichever process is the last has the other end
		if err := <-s.ended; err != nil {
			t.Errorf("sipconf did not end well: %v", err)
		}
		out.Close()
	})
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the log of sipconf %s:\n%s", s.addr, strings.Join(s.log(), "\n"))
		}
	})
	s.awaitAnswer(t, read)
	return s
}

// pid is the process of now; 0: none is known.
func (s *server) pid() int {
	text, _ := os.ReadFile(s.pidFile)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// upgrades has a new process take over all that there is, by the signal for it, and returns when the one before has ended, as it should.
func (s *server) upgrades(t *testing.T) {
	t.Helper()
	before, began := s.pid(), time.Now()
	if err := syscall.Kill(before, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for s.pid() == before || runs(before) {
		if no := s.events("no other process has taken over, this one goes on"); len(no) > 0 {
			t.Fatalf("not upgraded: %s", no[0].Err)
		}
		if time.Since(began) > 3*patience {
			t.Fatalf("process %d is there still, %v after SIGHUP; the new one is %d", before, time.Since(began), s.pid())
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("process %d is process %d after %v", before, s.pid(), time.Since(began).Round(time.Millisecond))
}

// runs says whether a process has not ended; one that has may have nobody who asks for its exit status.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

// awaitAnswer asks with OPTIONS until sipconf answers.
func (s *server) awaitAnswer(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	conn, err := net.Dial("udp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	own := netip.MustParseAddrPort(conn.LocalAddr().String())
	buf := make([]byte, 4096)
	for try := range 100 {
		select {
		case <-ended:
			t.Fatal("sipconf ended instead of serving")
		default:
		}
		fmt.Fprintf(conn, "OPTIONS sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bKready%[3]d\r\n"+
			"From: <sip:ready@%[2]s>;tag=1\r\nTo: <sip:%[1]s>\r\nCall-ID: ready%[3]d\r\nCSeq: 1 OPTIONS\r\n"+
			"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n", s.addr, own, try)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := conn.Read(buf)
		if err == nil && bytes.HasPrefix(buf[:n], []byte("SIP/2.0 200 ")) {
			return
		}
		if err != nil && !os.IsTimeout(err) {
			time.Sleep(50 * time.Millisecond) // nobody listens yet: the kernel refuses at once
		}
	}
	t.Fatal("sipconf does not answer OPTIONS")
}

func (s *server) follow(out *os.File) {
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		s.mu.Lock()
		s.lines = append(s.lines, scanner.Text())
		close(s.grown)
		s.grown = make(chan struct{})
		s.mu.Unlock()
	}
}

func (s *server) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines[:len(s.lines):len(s.lines)]
}

// event is one line of sipconf's log.
type event struct {
	Msg, Call, Room, Name, Number, Digit, Reason, Outcome, Err string
}

// events are those lines of the log so far that have this message.
func (s *server) events(msg string) []event {
	var all []event
	for _, line := range s.log() {
		var e event
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == msg {
			all = append(all, e)
		}
	}
	return all
}

// await waits until the log says what cond wants.
func (s *server) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	timeout := time.After(patience)
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		if cond() {
			return
		}
		select {
		case <-grown:
		case <-timeout:
			t.Fatalf("sipconf's log does not say: %s", what)
		}
	}
}

// leavesNothing hangs up all who are still there, and waits until nothing is left: here no call, leg, room, subscription or dial, there no channel.
func (s *server) leavesNothing(t *testing.T, pbx *rig.Asterisk, all ...*caller) {
	t.Helper()
	for _, c := range all {
		select {
		case <-c.Done():
		default:
			if err := c.Hangup(within(t)); err != nil {
				t.Errorf("%s hangs up: %v", c.name, err)
			}
		}
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		left, channels := s.left(t), pbx.CLI("core show channels count")
		if len(left) == 0 && strings.Contains(channels, "0 active channels") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is left: %q, and at Asterisk\n%s", left, channels)
		}
	}
}

// left are the metrics of what there is at this moment, where that is not zero.
func (s *server) left(t *testing.T) (all []string) {
	t.Helper()
	host, _, _ := strings.Cut(s.addr, ":")
	response, err := http.Get("http://" + host + ":9190/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines, seen := bufio.NewScanner(response.Body), 0
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch family, _, _ := strings.Cut(name, "{"); family {
		case "sipconf_legs", "sipconf_rooms", "sipconf_participants", "sipconf_dialogs", "sipconf_port_pairs_used", "sipconf_dialouts", "sipconf_subscriptions":
			if seen++; value != "0" {
				all = append(all, lines.Text())
			}
		}
	}
	if err := lines.Err(); err != nil || seen < 6 {
		t.Fatalf("the metrics of %s: %d are known, %v", s.addr, seen, err)
	}
	return all
}
