package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cloudflare/tableflip"

	"github.com/sipconf/sipconf/media/handover"
)

// upgradeTime is how long a new process has until it has taken over. It is less than the 90 s after which systemd gives up a reload
// (TimeoutStartSec), so that systemd hears why.
var upgradeTime = time.Minute

// generation is one of the processes that are the server one after the other: how it takes over from the one before, and how the one after
// takes over from it. The program that is run is the file by which this process was started: a file that was put in its place is the new version.
// There is one in a process. A nil generation stands alone: its listeners are new ones, and nobody comes after it.
type generation struct {
	flip    *tableflip.Upgrader
	pid     pidFile
	systemd notifier
	before  *handover.Line // nil: there is no process before, or it has gone
	told    bool           // that one knows why this one fails
	fixed   error          // why nobody can come after it; nil: somebody can

	mu     sync.Mutex
	served bool           // ready was called
	opened map[string]int // how often each address was listened on

	busy   sync.Mutex    // held while another process takes over, and after close
	ending chan struct{} // closed by close
	over   chan struct{} // closed when another process has taken over
}

// heir is the process that comes after.
type heir struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
}

// What the two processes say on the line, besides what is handed over.
const (
	greets = "hello"  // the first word of the new one: an heir
	failed = "failed" // the last word of a new one that ends: why, as text
)

// lineName is what the new process knows its end of the line by.
const lineName = "handover"

// newGeneration is to be called early, for what goes wrong later can be told to the process before: see fail.
func newGeneration(file string) (*generation, error) {
	g := &generation{systemd: notifier{os.Getenv("NOTIFY_SOCKET")}, fixed: staysPut(), opened: map[string]int{},
		ending: make(chan struct{}), over: make(chan struct{})}
	if err := g.startedFrom(file); err != nil {
		return nil, err
	}
	flip, err := tableflip.New(tableflip.Options{UpgradeTimeout: upgradeTime})
	if err != nil {
		return nil, fmt.Errorf("take over from the process before: %w", err)
	}
	g.flip = flip
	if flip.HasParent() {
		if err := g.greet(); err != nil {
			return nil, fmt.Errorf("take over from the process before: %w", err)
		}
	}
	return g, g.pid.try()
}

// startedFrom keeps what a relative path means now. tableflip runs os.Args[0].
func (g *generation) startedFrom(file string) error {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if self, failed := os.Executable(); err != nil || (failed == nil && !sameFile(path, self)) {
		path, err = self, failed // the first word of the command line may be anything
	}
	if err != nil {
		return fmt.Errorf("find the program that runs: %w", err)
	}
	os.Args[0] = path // a link in it is followed at the next start, as now
	if file == "" {
		return nil
	}
	file, err = filepath.Abs(file)
	g.pid = pidFile(file)
	return err
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	other, failed := os.Stat(b)
	return err == nil && failed == nil && os.SameFile(one, other)
}

// greet says to the process before who we are.
func (g *generation) greet() error {
	file, err := g.flip.File(lineName)
	if err != nil || file == nil {
		return errors.Join(errors.New("it has left no line to it"), err)
	}
	if g.before, err = handover.Open(file); err != nil {
		return err
	}
	if err := step("greets", g.before); err != nil {
		return err
	}
	hello, err := json.Marshal(heir{os.Getpid(), ownVersion()})
	if err != nil {
		return err
	}
	return g.before.Send(greets, hello)
}

// line is to the process before; nil: there is none.
func (g *generation) line() *handover.Line {
	if g == nil {
		return nil
	}
	return g.before
}

// receive is the next message of the other process on the line. That it has failed is an error, in its words.
func receive(line *handover.Line) (handover.Message, error) {
	m, err := line.Receive()
	if err == nil && m.Kind == failed {
		handover.Discard(m.Descriptors)
		return handover.Message{}, errors.New(string(m.Body))
	}
	return m, err
}

// fail tells the process before why this one ends, if there is a reason and it was not told yet; it goes on. Whoever calls it ends.
func (g *generation) fail(reason error) {
	if g == nil || g.before == nil || reason == nil || g.told {
		return
	}
	g.told = true
	g.before.Send(failed, []byte(reason.Error())) // if it cannot be told, it learns from our end
}

// ready says to the process before that this one is the server from now on; that one ends. It takes no time.
func (g *generation) ready() error {
	if g == nil {
		return nil
	}
	if err := step("is announced", g.before); err != nil {
		return err
	}
	g.flip.Ready() // an error is that the process before has ended by itself
	if g.before != nil {
		g.before.Close()
		g.before = nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.served = true
	return nil
}

// announce says which process is the server, in the PID file and to systemd: in this order, for that one reads the file when the process ends that it
// knows. The error is that of the file.
func (g *generation) announce() error {
	if g == nil {
		return nil
	}
	return g.present(os.Getpid())
}

func (g *generation) present(pid int) error {
	err := g.pid.write(pid)
	g.systemd.tell(isMain(pid), isReady) // nobody can do anything about it: systemd says itself what it misses
	return err
}

// upgrade runs the program anew and has give hand everything over to it: give and the new process talk on the line, give by receive, until all is
// with the new process; that is ready then. The line fails when ctx ends, when upgradeTime is over, and when the new process ends. When upgrade
// returns an error, the new process is dead, and this one is the server: if give had returned nil, takeBack was called. It can be called again then.
// When it returns nil there is nothing left to do but to end, soon: see taken.
func (g *generation) upgrade(ctx context.Context, give func(context.Context, *handover.Line) error, takeBack func()) (heir, error) {
	if err := g.stays(); err != nil {
		return heir{}, err
	}
	if !g.busy.TryLock() {
		return heir{}, errUpgrading
	}
	defer g.busy.Unlock()
	g.systemd.tell(isReloading())
	ctx, cancel := context.WithTimeout(untilClosed{ctx, g.ending}, upgradeTime)
	defer cancel()
	given := false
	next, err := g.raise(ctx, func(ctx context.Context, line *handover.Line) error {
		err := give(ctx, line)
		given = err == nil
		return err
	})
	if err == nil {
		g.present(next.PID) // that one does so too, but this one must not end before
		close(g.over)
		return next, nil
	}
	if given {
		takeBack()
	}
	runtime.GC() // closes tableflip's ends of its pipes and of the line, which it only forgets
	g.announce() // the new process may have done so
	return heir{}, err
}

// taken is closed when another process has taken over. Nil, and so never, of a nil generation.
func (g *generation) taken() <-chan struct{} {
	if g == nil {
		return nil
	}
	return g.over
}

// close ends an upgrade that is under way, waits for that, and lets no other one begin. It says whether another process has taken over: then there is
// nothing to close but this process.
func (g *generation) close() (taken bool) {
	if g == nil {
		return false
	}
	close(g.ending)
	g.busy.Lock() // for ever
	select {
	case <-g.over:
		return true
	default:
		g.systemd.tell(isEnding)
		return false
	}
}

// gone removes what the process leaves behind that nobody comes after.
func (g *generation) gone() {
	if g != nil {
		g.pid.remove()
	}
}

// errUpgrading is that one is enough.
var errUpgrading = errors.New("an upgrade is under way already")

// stays says why nobody can come after this process.
func (g *generation) stays() error {
	if g == nil {
		return errors.New("this server cannot be replaced by another process")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.served {
		return errors.New("the server is still starting")
	}
	return g.fixed
}

// raise is upgrade, once.
func (g *generation) raise(ctx context.Context, give func(context.Context, *handover.Line) error) (next heir, err error) {
	ours, theirs, err := handover.Pair()
	if err != nil {
		return heir{}, explainRaise(err)
	}
	defer empty(theirs)
	defer ours.Close()
	if err := g.flip.AddFile(lineName, theirs); err != nil { // in the place of the last one's
		return heir{}, explainRaise(err)
	}
	defer context.AfterFunc(ctx, func() { ours.SetDeadline(time.Unix(1, 0)) })()
	end := &ending{known: make(chan struct{})}
	go func() { // ends when the new process is ready or dead: tableflip ends it in the end
		end.err = g.start(ctx)
		hangUp(theirs)
		close(end.known)
	}()
	if next, err = meet(ours); err != nil {
		return heir{}, explainEnd(ctx, err, g.await(ctx, end))
	}
	if err = give(ctx, ours); err == nil {
		err = awaitReady(ours, end)
	}
	if err == nil {
		return next, nil
	}
	ended := g.kill(next.PID, end)
	if words := lastWords(ours); words != nil && lineEnded(err) { // it has failed while something was on its way to it
		err = words
	}
	return heir{}, explainEnd(ctx, err, ended)
}

// ending is how the start of a new process ends.
type ending struct {
	known chan struct{} // closed when it is ready or dead
	err   error         // nil: it is ready
}

// stillTime is how long people may hear nothing because of an upgrade that fails: for that long, at most, a new process may read what it is sent while the
// media stand still, and for that long it may take then to be ready.
const stillTime = time.Second

// awaitReady waits until a new process that has everything is ready. The error is that it has failed, is dead, or is not ready in time.
func awaitReady(line *handover.Line, end *ending) error {
	line.SetDeadline(time.Now().Add(stillTime))
	m, err := receive(line)
	switch {
	case err == nil:
		handover.Discard(m.Descriptors)
		return fmt.Errorf("the new process says %.64q, where it should be ready", m.Kind)
	case !lineEnded(err):
		return err
	}
	select {
	case <-end.known:
	default:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("the new process has got everything, and is not ready %v later", stillTime)
		}
		<-end.known // the line has ended a moment before
	}
	if end.err == nil {
		return nil
	}
	return err
}

// lastWords is why a new process that is dead has failed, if it has said so and nobody has heard it; else nil.
func lastWords(line *handover.Line) error {
	line.SetDeadline(time.Now().Add(stillTime))
	for {
		m, err := line.Receive()
		if err != nil {
			return nil
		}
		handover.Discard(m.Descriptors)
		if m.Kind == failed {
			return errors.New(string(m.Body))
		}
	}
}

// start has tableflip start the new process, and returns when that is ready or dead.
func (g *generation) start(ctx context.Context) error {
	if err := g.flip.WaitForParent(ctx); ctx.Err() != nil {
		return fmt.Errorf("the process before this one is still there: %w", err)
	}
	for {
		err := g.flip.Upgrade()
		if err == nil || err.Error() != "parent hasn't exited" && err.Error() != "process is not ready yet" {
			return err
		}
		time.Sleep(time.Millisecond) // it has, and we are: tableflip's goroutine is about to hear of it
	}
}

// meet waits for the new process.
func meet(line *handover.Line) (heir, error) {
	m, err := receive(line)
	if err != nil {
		return heir{}, err
	}
	handover.Discard(m.Descriptors)
	var next heir
	if err := json.Unmarshal(m.Body, &next); m.Kind != greets || err != nil || next.PID <= 1 {
		return heir{}, fmt.Errorf("the new process does not introduce itself: %.64q", m.Kind)
	}
	return next, nil
}

// await waits for the end of a process that nobody knows.
func (g *generation) await(ctx context.Context, end *ending) error {
	select {
	case <-end.known:
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			g.flip.Stop() // this process ends, so that it is no matter that there can be no upgrade any more
		}
		<-end.known
	}
	waitFor(pidIn(end.err))
	return end.err
}

// kill ends a process and waits until there is nothing left of it.
func (g *generation) kill(pid int, end *ending) error {
	select {
	case <-end.known: // it is dead, and its number may be another's
	default:
		syscall.Kill(pid, syscall.SIGKILL)
		<-end.known
	}
	if end.err == nil { // it was ready in the same moment, and for tableflip that is the end of us
		syscall.Kill(pid, syscall.SIGKILL)
		g.mu.Lock()
		g.fixed = errors.New("an upgrade has failed at its last step: the server must be restarted for the next one")
		g.mu.Unlock()
	}
	waitFor(pid)
	return end.err
}

// deathTime is how long the kernel has to end a process that was killed: one that waits for a disk takes its time.
const deathTime = 5 * time.Second

// waitFor waits until tableflip has taken the exit status of a process of ours: then it is no more.
func waitFor(pid int) {
	for deadline := time.Now().Add(deathTime); pid > 1 && syscall.Kill(pid, 0) == nil && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

// pidIn is the number of the process that tableflip's error is about; 0: none.
func pidIn(err error) (pid int) {
	if err != nil {
		if _, after, found := strings.Cut(err.Error(), "pid="); found {
			fmt.Sscanf(after, "%d", &pid)
		}
	}
	return pid
}

// hangUp has the line end for both sides, whoever has a descriptor of it: what was sent before arrives still.
func hangUp(end *os.File) {
	if raw, err := end.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	}
}

// empty closes an end of the line. Descriptors that were on their way to it would else stay open with tableflip's copy of it,
// which nothing closes before the next upgrade: read without a place for them, they are dropped (unix(7)).
func empty(end *os.File) {
	hangUp(end)
	io.Copy(io.Discard, end)
	end.Close()
}

// explainEnd says why a new process has not taken over: given is what the line or give has said, end what tableflip has.
func explainEnd(ctx context.Context, given, end error) error {
	switch {
	case given != nil && !lineEnded(given):
		return given // in words
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the new process has not taken over within %v", upgradeTime)
	case ctx.Err() != nil:
		return errors.New("the server is ending")
	case end == nil:
		return errors.New("the new process was ready when it was too late")
	case strings.Contains(end.Error(), "can't start child"):
		return explainRaise(end)
	}
	return fmt.Errorf("the new process has ended before it has taken over, the log has its words: %w", end)
}

// lineEnded says whether an error says no more than that nobody is there any more, or too late.
func lineEnded(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.EPIPE, syscall.ECONNRESET, os.ErrDeadlineExceeded} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

// explainRaise says what an operator can do when there cannot be another process.
func explainRaise(err error) error {
	if strings.Contains(err.Error(), syscall.EMFILE.Error()) { // tableflip's errors are text
		return fmt.Errorf("%w: raise LimitNOFILE of the service, or ulimit -n", err)
	}
	return err
}

// staysPut says why this process cannot be replaced by another one where it is; nil: it can be.
func staysPut() error {
	const instead = "start a new container beside this one, send new calls there, and end this one by \"sipconf ctl drain\""
	first, _ := os.ReadFile("/proc/1/comm")
	init := strings.TrimSpace(string(first))
	switch parent := os.Getppid(); {
	case os.Getpid() == 1:
		return fmt.Errorf("sipconf is process 1 here, as in a container, which ends with it: %s", instead)
	case parent == 0:
		return fmt.Errorf("sipconf was started from outside of this container, which ends with it: %s", instead)
	case parent == 1 && slices.Contains(endsWithUs, init):
		return fmt.Errorf("process 1 here is %s, which ends when sipconf does, and the container with it: %s", init, instead)
	}
	return nil
}

// endsWithUs are the programs that are process 1 in containers and end with the process that they have started.
var endsWithUs = []string{"docker-init", "tini", "tini-static", "dumb-init", "catatonit"}

// listen is the listener at an address: that of the process before, or a new one.
func (g *generation) listen(network, addr string) (net.Listener, error) {
	key := g.key(network, addr)
	if l, err := g.inherited(network, key); l != nil || err != nil {
		return l, err
	}
	l, err := singlePath.Listen(context.Background(), network, addr)
	if err != nil {
		return nil, err
	}
	return l, g.leave(network, key, l)
}

// inherited is a listener of the process before; nil: it has left none.
func (g *generation) inherited(network, addr string) (net.Listener, error) {
	if g == nil {
		return nil, nil
	}
	return g.flip.Listener(network, addr)
}

// leave has the next process inherit a listener, which may be closed here then.
func (g *generation) leave(network, addr string, l net.Listener) error {
	if g == nil {
		return nil
	}
	return g.flip.AddListener(network, addr, l.(tableflip.Listener))
}

// listenPacket is the socket for datagrams at an address: that of the process before, or a new one.
func (g *generation) listenPacket(network, addr string) (net.PacketConn, error) {
	if g == nil {
		return net.ListenPacket(network, addr)
	}
	key := g.key(network, addr)
	if c, err := g.flip.PacketConn(network, key); c != nil || err != nil {
		return c, err
	}
	c, err := net.ListenPacket(network, addr)
	if err != nil {
		return nil, err
	}
	return c, g.flip.AddPacketConn(network, key, c.(tableflip.PacketConn))
}

// key tells listeners with the same words in the configuration from each other: two with port 0.
func (g *generation) key(network, addr string) string {
	if g == nil {
		return addr
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at := network + " " + addr
	g.opened[at]++
	if n := g.opened[at]; n > 1 {
		return fmt.Sprintf("%s#%d", addr, n)
	}
	return addr
}
