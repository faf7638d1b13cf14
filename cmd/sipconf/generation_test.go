//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sipconf/sipconf/media/handover"
)

// An understudy is this test binary as a program that is nothing but a generation: it listens, does what it is asked there, one line each, and
// takes over from the one before as its role says. A process can have one generation only, so each test has processes of its own.

// roleVar has the name of the file with the role of the next understudy to start, and with that this binary is one.
const roleVar = "SIPCONF_TEST_ROLE"

func TestMain(m *testing.M) {
	if file := os.Getenv(roleVar); file != "" {
		understudy(file)
		return
	}
	var err error
	workshop, err = os.MkdirTemp("", "sipconf-test-")
	must(err)
	status := m.Run()
	os.RemoveAll(workshop)
	os.Exit(status)
}

// The roles.
const (
	takesOver      = "takes over"
	hangsAtOnce    = "hangs at once"
	hangs          = "hangs"
	givesUp        = "gives up"
	exits          = "exits"
	diesTaking     = "dies when it has taken"
	diesHaving     = "dies when it is its"
	givesUpHaving  = "gives up when it is its"
	saysGibberish  = "says gibberish"
	wantsDifferent = "wants a port of its own"
)

// understudyTime stands for upgradeTime.
const understudyTime = 3 * time.Second

func understudy(roleFile string) {
	text, err := os.ReadFile(roleFile)
	must(err)
	role := string(text)
	time.AfterFunc(2*time.Minute, func() { os.Exit(8) }) // whatever becomes of the test
	if role == hangsAtOnce {
		select {}
	}
	upgradeTime = understudyTime
	self, err := os.Executable()
	must(err)
	info, err := os.Stat(self)
	must(err)
	version = fmt.Sprintf("v%d", info.Size())
	pidFile := ""
	if len(os.Args) > 1 {
		pidFile = os.Args[1]
	}
	g, err := newGeneration(pidFile)
	must(err)
	port := "127.0.0.1:0"
	if role == wantsDifferent {
		port = "127.0.0.2:0"
	}
	door, err := g.listen("tcp4", port)
	must(err)
	second, err := g.listen("tcp4", port)
	must(err)
	datagrams, err := g.listenPacket("udp4", port)
	must(err)
	if line := g.line(); line != nil {
		play(role, g, line)
	}
	must(g.ready())
	must(g.announce())
	fmt.Printf("%s %s %s\n", door.Addr(), second.Addr(), datagrams.LocalAddr())
	for {
		conn, err := door.Accept()
		if errors.Is(err, net.ErrClosed) {
			select {} // the next one is there, and this one ends when it has said so
		}
		if errors.Is(err, syscall.EMFILE) {
			time.Sleep(time.Millisecond)
			continue
		}
		must(err)
		go serve(g, conn, door, second, datagrams)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(7)
	}
}

// play takes over, or fails to.
func play(role string, g *generation, line *handover.Line) {
	switch role {
	case hangs:
		select {}
	case givesUp:
		g.fail(errors.New("config.yaml:3: sip.listen: there is no such thing"))
		os.Exit(1)
	case exits:
		os.Exit(3)
	case saysGibberish:
		must(line.Send("gibberish", nil))
		select {}
	}
	m, err := receive(line)
	must(err)
	handover.Discard(m.Descriptors)
	must(line.Send("taken", nil))
	if role == diesTaking {
		os.Exit(4)
	}
	m, err = receive(line)
	must(err)
	if m.Kind != "yours" {
		must(fmt.Errorf("got %q, want yours", m.Kind))
	}
	switch role {
	case diesHaving:
		os.Exit(5)
	case givesUpHaving:
		g.fail(errors.New("it is too heavy"))
		os.Exit(1)
	}
}

// possession is what an understudy gives away, and has again if the next one does not take it.
type possession struct {
	r, w  *os.File // a pipe, whose end w the next one gets
	given bool
	back  int // how often it was taken back
}

// give is the other side of play.
func (p *possession) give(_ context.Context, line *handover.Line) error {
	err := line.Send("sockets", nil, int(p.w.Fd()))
	p.w.Close()
	if err != nil {
		return err
	}
	m, err := receive(line)
	switch {
	case err != nil:
		return fmt.Errorf("wait for the new process: %w", err)
	case m.Kind != "taken":
		return fmt.Errorf("the new process says %q", m.Kind)
	}
	p.given = true
	return line.Send("yours", nil)
}

// remains says what is wrong after an upgrade that has failed.
func (p *possession) remains() error {
	defer p.r.Close()
	p.w.Close() // if it never came to that
	p.r.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := p.r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("what was sent to the one that is dead is open still: %w", err)
	}
	if want := map[bool]int{true: 1}[p.given]; p.back != want {
		return fmt.Errorf("it was taken back %d times, want %d", p.back, want)
	}
	return nil
}

// known is what an understudy tells of itself.
type known struct {
	PID         int
	Args        []string
	Folder      string
	Descriptors int
	Children    []int
}

// serve does what it is asked for, a line at a time.
func serve(g *generation, conn net.Conn, door, second net.Listener, datagrams net.PacketConn) {
	defer conn.Close()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "tell":
			folder, _ := os.Getwd()
			fds, _ := os.ReadDir("/proc/self/fd")
			json.NewEncoder(conn).Encode(known{os.Getpid(), os.Args, folder, len(fds), children()})
		case "upgrade": // with so many files at most, if there is a number
			var p possession
			var err error
			p.r, p.w, err = os.Pipe()
			must(err)
			files, limited := strconv.ParseUint(rest, 10, 64)
			if limited == nil {
				allow(files)
			}
			next, err := g.upgrade(context.Background(), p.give, func() { p.back++ })
			allow(500)
			if err != nil {
				if wrong := p.remains(); wrong != nil {
					err = wrong
				}
				fmt.Fprintf(conn, "no: %v\n", err)
				continue
			}
			door.Close()
			fmt.Fprintf(conn, "%s %d\n", next.Version, next.PID)
			os.Exit(0)
		case "receive": // the next datagram, and somebody at the second listener
			b := make([]byte, 100)
			n, _, err := datagrams.ReadFrom(b)
			must(err)
			other, err := second.Accept()
			must(err)
			other.Close()
			fmt.Fprintf(conn, "%s\n", b[:n])
		}
	}
}

func allow(files uint64) {
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	limit.Cur = min(files, limit.Max)
	must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// children are the processes that this one has started and that are not gone, the dead ones included of which nobody has taken the exit status.
func children() (all []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, _ := os.ReadFile(name)
		_, after, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			all = append(all, pid)
		}
	}
	return all
}

// troupe is what a test has: a program, its role, and who plays it now.
type troupe struct {
	t                       *testing.T
	folder, program         string
	door, second, datagrams string // addresses
	first                   *exec.Cmd
	last                    int // the process that the last upgrade has started
	systemd                 *fakeSystemd
}

// raise starts the first understudy, by a link to its program.
func raise(t *testing.T) *troupe {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tr := &troupe{t: t, folder: t.TempDir(), systemd: newFakeSystemd(t)}
	tr.program = filepath.Join(tr.folder, "program")
	if err := os.Symlink(self, tr.program); err != nil {
		t.Fatal(err)
	}
	tr.plays(takesOver)
	tr.first = exec.Command("./program", "pid", "and", "more")
	tr.first.Path = tr.program // the first word is relative
	tr.first.Dir = tr.folder
	tr.first.Env = append(os.Environ(), roleVar+"="+filepath.Join(tr.folder, "role"), "NOTIFY_SOCKET="+tr.systemd.path)
	said, err := os.Create(filepath.Join(tr.folder, "said")) // a file, for nobody waits for the end of one
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	tr.first.Stdout, tr.first.Stderr = said, said
	if err := tr.first.Start(); err != nil {
		t.Fatal(err)
	}
	words := func() string { text, _ := os.ReadFile(said.Name()); return string(text) }
	t.Cleanup(func() {
		tr.first.Process.Kill()
		tr.first.Wait()
		if t.Failed() {
			t.Logf("the understudies say:\n%s", words())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if n, _ := fmt.Sscanf(words(), "%s %s %s\n", &tr.door, &tr.second, &tr.datagrams); n == 3 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the first one does not start:\n%s", words())
		}
	}
	t.Cleanup(func() {
		if tr.last > 1 {
			syscall.Kill(tr.last, syscall.SIGKILL)
		}
	})
	return tr
}

// plays says what the next understudy will do.
func (tr *troupe) plays(role string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tr.folder, "role"), []byte(role), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

// ask asks whoever answers.
func (tr *troupe) ask(line string) string {
	tr.t.Helper()
	conn, err := net.Dial("tcp", tr.door)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintln(conn, line)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		tr.t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSpace(answer)
}

func (tr *troupe) tell() (k known) {
	tr.t.Helper()
	if err := json.Unmarshal([]byte(tr.ask("tell")), &k); err != nil {
		tr.t.Fatal(err)
	}
	return k
}

// upgrades wants an upgrade to succeed, and tells who the new one is.
func (tr *troupe) upgrades() (version string, pid int) {
	tr.t.Helper()
	version, pid = tr.upgraded(tr.ask("upgrade"))
	tr.wantServer(pid)
	return version, pid
}

// upgraded reads the answer to an upgrade that has succeeded.
func (tr *troupe) upgraded(answer string) (version string, pid int) {
	tr.t.Helper()
	if _, err := fmt.Sscan(answer, &version, &pid); err != nil {
		tr.t.Fatalf("upgrade: %s", answer)
	}
	tr.last = pid
	return version, pid
}

// wantServer wants a process to be the one that answers, and the PID file to say so.
func (tr *troupe) wantServer(pid int) {
	tr.t.Helper()
	if got := tr.tell().PID; got != pid {
		tr.t.Errorf("process %d answers, want %d", got, pid)
	}
	text, err := os.ReadFile(filepath.Join(tr.folder, "pid"))
	if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(pid) {
		tr.t.Errorf("the PID file: got %q, %v, want %d", text, err, pid)
	}
}

// TestGenerationFollows: twice in a row the next process has the same sockets, command line and folder, and is the program that is there now.
func TestGenerationFollows(t *testing.T) {
	t.Parallel()
	tr := raise(t)
	before := tr.tell()
	tr.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", before.PID))

	newer := filepath.Join(tr.folder, "newer")
	text, err := os.ReadFile(tr.program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(newer, append(text, "newer"...), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(newer, tr.program+".next"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tr.program+".next", tr.program); err != nil {
		t.Fatal(err)
	}
	sender, err := net.Dial("udp", tr.datagrams)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	fmt.Fprint(sender, "sent before")
	version, pid := tr.upgrades()
	if want := fmt.Sprintf("v%d", len(text)+len("newer")); version != want {
		t.Errorf("the new version: got %s, want %s", version, want)
	}
	if err := tr.first.Wait(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	tr.systemd.wants(t, "RELOADING=1\nMONOTONIC_USEC=")
	tr.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", pid)) // told by both
	tr.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", pid))

	after := tr.tell()
	if !slices.Equal(after.Args[1:], before.Args[1:]) || after.Folder != before.Folder {
		t.Errorf("the new process: got %q in %s, want %q in %s", after.Args, after.Folder, before.Args, before.Folder)
	}
	knock, err := net.Dial("tcp", tr.second)
	if err != nil {
		t.Fatal(err)
	}
	defer knock.Close()
	if got := tr.ask("receive"); got != "sent before" {
		t.Errorf("what was sent before the upgrade: got %q", got)
	}

	_, next := tr.upgrades()
	if next == pid {
		t.Errorf("the third process has the number of the second, %d", pid)
	}
	if leaves, err := filepath.Glob(filepath.Join(tr.folder, ".pid*")); err != nil || len(leaves) > 0 {
		t.Errorf("left beside the PID file: %q, %v", leaves, err)
	}
}

// TestGenerationFails: whatever the new process does, the old one goes on, there is nothing left of the other, whoever asked learns why, and the
// next attempt succeeds.
func TestGenerationFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ role, says string }{
		{givesUp, ": config.yaml:3: sip.listen: there is no such thing"},
		{exits, "exit status 3"},
		{diesTaking, "exit status 4"},
		{diesHaving, "exit status 5"},
		{givesUpHaving, "no: it is too heavy"},
		{saysGibberish, `no: the new process says "gibberish"`},
		{hangs, "no: the new process has not taken over within 3s"},
		{hangsAtOnce, "no: the new process has not taken over within 3s"},
	} {
		t.Run(c.role, func(t *testing.T) {
			t.Parallel()
			tr := raise(t)
			before := tr.tell()
			tr.systemd.wants(t, "READY=1")
			for range 2 {
				tr.plays(c.role)
				if got := tr.ask("upgrade"); !strings.Contains(got, c.says) {
					t.Errorf("got %q, want %q", got, c.says)
				}
				tr.systemd.wants(t, "RELOADING=1")
				tr.systemd.wants(t, fmt.Sprintf("MAINPID=%d\nREADY=1", before.PID))
				tr.wantServer(before.PID)
				if left := tr.tell().Children; len(left) > 0 {
					t.Errorf("still there: %v", left)
				}
			}
			tr.plays(takesOver)
			tr.upgrades()
		})
	}
}

// TestGenerationWithoutProgram: neither a file that cannot be run nor one that is not there ends the server.
func TestGenerationWithoutProgram(t *testing.T) {
	t.Parallel()
	tr := raise(t)
	before := tr.tell()
	if err := os.Rename(tr.program, tr.program+".away"); err != nil {
		t.Fatal(err)
	}
	if got := tr.ask("upgrade"); !strings.Contains(got, "no such file") {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(tr.program, []byte("half a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := tr.ask("upgrade"); !strings.Contains(got, "exec format error") {
		t.Errorf("got %q", got)
	}
	tr.wantServer(before.PID)
	if err := os.Rename(tr.program+".away", tr.program); err != nil {
		t.Fatal(err)
	}
	tr.upgrades()
}

// TestGenerationWithoutFiles: with no descriptor left there is no upgrade, the operator learns which limit it is, and with more there is one.
func TestGenerationWithoutFiles(t *testing.T) {
	t.Parallel()
	tr := raise(t)
	opened := tr.tell().Descriptors - 1 // less the one by which it has counted
	for more := range 20 {              // whatever an upgrade opens is once the one that is too much
		answer := tr.ask(fmt.Sprintf("upgrade %d", opened+2+more)) // and the pipe
		if !strings.HasPrefix(answer, "no: ") {
			tr.upgraded(answer)
			return
		}
		if !strings.Contains(answer, "raise LimitNOFILE") {
			t.Errorf("with room for %d more: got %q", more, answer)
		}
		for deadline := time.Now().Add(20 * time.Second); tr.tell().Descriptors-1 > opened+1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d descriptors are open, before the upgrade that failed %d were, and the end of its line is one more", tr.tell().Descriptors-1, opened)
			}
		}
	}
	t.Error("no upgrade with room for 20 more")
}

// TestGenerationOneAtATime: who asks while one is under way learns so.
func TestGenerationOneAtATime(t *testing.T) {
	t.Parallel()
	tr := raise(t)
	before := tr.tell()
	tr.plays(hangs)
	first := make(chan string, 1)
	go func() { first <- tr.ask("upgrade") }()
	for deadline := time.Now().Add(20 * time.Second); len(tr.tell().Children) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("there is no new process")
		}
	}
	if got := tr.ask("upgrade"); got != "no: an upgrade is under way already" {
		t.Errorf("got %q", got)
	}
	if got := <-first; !strings.Contains(got, "not taken over") {
		t.Errorf("the first one: got %q", got)
	}
	tr.wantServer(before.PID)
}

// TestGenerationWithOtherListeners: what the new process has no use for is closed.
func TestGenerationWithOtherListeners(t *testing.T) {
	t.Parallel()
	tr := raise(t)
	tr.plays(wantsDifferent)
	tr.upgraded(tr.ask("upgrade"))
	if err := tr.first.Wait(); err != nil {
		t.Errorf("the old process: %v", err)
	}
	if conn, err := net.Dial("tcp", tr.door); err == nil {
		conn.Close()
		t.Errorf("somebody listens still on %s", tr.door)
	}
}

// TestNoGeneration: a server that stands alone has listeners, and says that it cannot be replaced.
func TestNoGeneration(t *testing.T) {
	var g *generation
	l, err := g.listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := g.listenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := g.ready(); err != nil || g.line() != nil {
		t.Errorf("ready: %v, line: %v", err, g.line())
	}
	g.fail(errors.New("this is told to nobody"))
	if _, err := g.upgrade(context.Background(), nil, nil); err == nil {
		t.Error("it was replaced")
	}
}
