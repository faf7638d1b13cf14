package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// server is what is under load: a sipconf that we started or that was there, a floor, or a ConfBridge.
type server struct {
	addr    string           // host:port
	pid     int              // 0: unknown
	ready   bool             // known to be up, not to be asked
	plain   []netip.AddrPort // of a floor, which knows no SIP: leg i sends its RTP to the i-th
	figures string           // host:port of its metrics; empty: it has none that we know
	quit    func()           // ends one that is not a process of ours
	dir     string           // of the one we started: configuration and log
	tail    string           // end of the log, when the run failed
	keep    bool
	cmd     *exec.Cmd
	gone    chan struct{} // closed when the process has ended
	next    succession
	spent   time.Duration // CPU of the processes before this one, as far as was seen
}

// startServer runs a sipconf on a loopback address that nobody else uses, so that its RTP ports collide with nobody's.
func startServer(ctx context.Context, o *options) (*server, error) {
	if o.server != "" {
		return &server{addr: o.server, pid: o.pid}, nil
	}
	dir, err := os.MkdirTemp("", "sipconf-bench-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, keep: o.keep, gone: make(chan struct{})}
	binary := o.binary
	if binary == "" {
		if binary, err = build(ctx, dir); err != nil {
			s.remove()
			return nil, err
		}
	}
	if err := s.start(binary, o); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// build makes a sipconf in a folder.
func build(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "sipconf")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/sipconf/sipconf/cmd/sipconf").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building sipconf: %w\n%s", err, out)
	}
	return binary, nil
}

func (s *server) start(binary string, o *options) error {
	p, err := newPlan(o.legs, o.rooms, o.talkers)
	if err != nil {
		return err
	}
	probe, err := net.ListenPacket("udp", net.JoinHostPort(ownHost(), "0"))
	if err != nil {
		return err
	}
	s.addr, s.figures = probe.LocalAddr().String(), probe.LocalAddr().String() // the same number is free for TCP on an address of our own
	_ = probe.Close()
	door := ""
	if o.upgrades > 0 {
		door = filepath.Join(s.dir, "ctl.sock")
	}
	config := fmt.Sprintf("sip:\n  listen: [\"udp://%s\"]\nmedia:\n  level: %t\nrooms:\n  max_participants: %d\n  max_legs: %d\nmetrics:\n  listen: %q\nctl:\n  socket: %q\ngroups:\n  store: list\n",
		s.addr, p.keepsLevel(), max(100, o.legs), max(1000, o.legs), s.figures, door)
	path := filepath.Join(s.dir, "config.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	more, err := s.succeeds(binary, path, o)
	if err != nil {
		return err
	}
	if s.next.program != "" {
		binary = s.next.program
	}
	s.cmd = exec.Command(binary, append([]string{"serve", "--config", path}, more...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := startTied(s.cmd, s.gone); err != nil {
		return err
	}
	s.pid = s.cmd.Process.Pid
	return nil
}

// ownHost is a loopback address that nobody else uses, as far as chance allows.
func ownHost() string { return fmt.Sprintf("127.77.%d.%d", rand.IntN(250)+1, rand.IntN(250)+1) }

// awaitReady asks with OPTIONS until the server answers.
func (s *server) awaitReady(ctx context.Context, p *phone.Phone) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if s.gone != nil {
		var stop context.CancelCauseFunc
		ctx, stop = context.WithCancelCause(ctx)
		defer stop(nil)
		go func() { // ends with awaitReady, or with the server
			select {
			case <-s.gone:
				stop(errors.New("the server ended"))
			case <-ctx.Done():
			}
		}()
	}
	r, err := p.Request(ctx, "OPTIONS", "sip:"+s.addr)
	if err != nil {
		return fmt.Errorf("server %s: %w%s", s.addr, err, s.logTail())
	}
	if r.Status != 200 {
		return fmt.Errorf("server %s: OPTIONS: %s", s.addr, r)
	}
	return nil
}

func (s *server) logTail() string {
	if s.dir == "" {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil || len(b) == 0 {
		return ""
	}
	lines := bytes.Split(bytes.TrimSpace(b), []byte("\n"))
	return "\n" + string(bytes.Join(lines[max(0, len(lines)-20):], []byte("\n")))
}

// stop ends the server that we started: SIGTERM, and SIGKILL if that does not end it within ten seconds. It says how
// long that took; false if it had to be killed or had ended before.
func (s *server) stop() (took time.Duration, clean bool) {
	begin := time.Now()
	if s.quit != nil {
		s.quit()
		return time.Since(begin), true
	}
	if s.cmd == nil {
		return 0, true
	}
	defer s.remove()
	if s.pid != s.cmd.Process.Pid {
		return s.stopSuccessor()
	}
	select {
	case <-s.gone:
		return 0, false
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.gone:
		return time.Since(begin), s.cmd.ProcessState.ExitCode() == 0
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.gone
		return time.Since(begin), false
	}
}

func (s *server) remove() {
	if s.keep {
		say("configuration and log are in %s", s.dir)
		return
	}
	_ = os.RemoveAll(s.dir)
}

// usage is what the system says about a process (proc(5)).
type usage struct {
	CPU     time.Duration // user and system
	System  time.Duration
	RSS     int64 // bytes
	Files   int
	Threads int
}

// clockTick is USER_HZ: 100 on every Linux that Go runs on.
const clockTick = time.Second / 100

// use reads the usage of a process; false if there is no /proc or no such process.
func use(pid int) (usage, bool) {
	if pid == 0 {
		return usage{}, false
	}
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return usage{}, false
	}
	// The second field is the command in brackets and may hold anything; fields count from behind it.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 22 {
		return usage{}, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	u := usage{CPU: time.Duration(number(11)+number(12)) * clockTick, System: time.Duration(number(12)) * clockTick,
		Threads: int(number(17)),
		RSS:     number(21) * int64(os.Getpagesize())}
	if files, err := os.ReadDir(dir + "/fd"); err == nil {
		u.Files = len(files)
	}
	return u, true
}

// machineBusy is the time, since some time or other, that all processors of the machine were not idle, with what the hypervisor took (proc(5), stat); false without /proc. The idle time is what the
// kernel counts exactly (NO_HZ); of the other times it asks each 4 ms who runs at that moment, and a program that wakes as often is missed or counted for all of it.
func machineBusy() (busy time.Duration, known bool) {
	times, known := machineTimes()
	const idle, waiting = 3, 4 // for a disk
	return time.Duration(runtime.NumCPU())*time.Since(started) - times[idle] - times[waiting], known
}

var started = time.Now()

// machineStolen is what the hypervisor took of that; 0 without /proc.
func machineStolen() time.Duration {
	times, _ := machineTimes()
	return times[7]
}

// machineTimes are the first columns of all processors together, from user time to what was stolen (proc(5), stat).
func machineTimes() (times [8]time.Duration, known bool) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return times, false
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	if len(fields) <= len(times) {
		return times, false
	}
	for i := range times {
		n, _ := strconv.ParseInt(fields[1+i], 10, 64)
		times[i] = time.Duration(n) * clockTick
	}
	return times, true
}

// phonesAddr is where the phones are; port 0.
func phonesAddr(s string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(addr, 0), err
}
