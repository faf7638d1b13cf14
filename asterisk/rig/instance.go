//go:build linux

package rig

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// Instance is one running Asterisk, made by Launch and ended by Close, or by Start and
// the end of its test. Safe for concurrent use.
type Instance struct {
	opts Options
	root string // the chroot
	dir  string // the instance's folder as Asterisk sees it, inside root
	proc atomic.Pointer[process]
}

// bootTime is how long an instance may take until it is fully booted. It takes about
// one second; the rest is for a machine that does something else as well.
const bootTime = 30 * time.Second

// Launch starts an instance outside of a test, in the chroot root (see Find), and
// returns when it is fully booted. The caller closes it.
func Launch(root string, opts Options) (*Instance, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	sweep(filepath.Join(root, "tmp"))
	host, err := os.MkdirTemp(filepath.Join(root, "tmp"), "rig-")
	if err != nil {
		return nil, fmt.Errorf("folder for the instance: %w", err)
	}
	i := &Instance{opts: opts, root: root, dir: strings.TrimPrefix(host, root)}
	if err := i.boot(); err != nil {
		os.RemoveAll(host)
		return nil, fmt.Errorf("asterisk %s: %w", opts.Addr, err)
	}
	return i, nil
}

// boot configures and starts; what it started it ends again if it fails.
func (a *Instance) boot() error {
	if err := a.configure(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return a.start()
}

// start starts its process and waits until it is fully booted.
func (a *Instance) start() error {
	begin := time.Now()
	p, err := startProcess(a.root, "/usr/sbin/asterisk", "-C", a.dir+"/etc/asterisk.conf", "-f")
	if err != nil {
		return err
	}
	a.proc.Store(p)
	if err := a.waitBooted(begin.Add(bootTime)); err != nil {
		p.stop()
		return err
	}
	return nil
}

// Kill ends the instance by SIGKILL, as a power cut does: no BYE is sent, no socket shut. It returns when the process is gone. Its folder
// stays, and Restart starts it again.
func (a *Instance) Kill() { a.proc.Load().kill() }

// Restart ends an instance, unless it was killed before, starts it again with its configuration as that is now, and returns when it is
// fully booted.
func (a *Instance) Restart() error {
	a.proc.Load().stop()
	return a.start()
}

// Close ends the instance, within five seconds, and removes its folder. Idempotent.
func (a *Instance) Close() {
	a.proc.Load().stop()
	os.RemoveAll(filepath.Join(a.root, a.dir))
}

// Edit puts new in place of old in a file of the instance's configuration, such as "manager.conf". Asterisk reads it when it is
// told to.
func (a *Instance) Edit(file, old, new string) error {
	path := filepath.Join(a.root, a.dir, "etc", file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), old) {
		return fmt.Errorf("%s has no %q in it", file, old)
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), old, new)), 0o644)
}

// PID is its process.
func (a *Instance) PID() int { return a.proc.Load().cmd.Process.Pid }

// Addr is where the instance listens for SIP over UDP.
func (a *Instance) Addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a.opts.Addr), 5060)
}

// URI is the SIP URI of an extension at this instance.
func (a *Instance) URI(extension string) string {
	return fmt.Sprintf("sip:%s@%s", extension, a.Addr())
}

func (a *Instance) cli(command string) (string, error) {
	return runInside(a.root, "/usr/sbin/asterisk", "-C", a.dir+"/etc/asterisk.conf", "-rx", command)
}

// waitBooted polls until Asterisk says so itself: its control socket appears before
// its modules are loaded, and a call that comes before the dialplan gets a 404.
func (a *Instance) waitBooted(deadline time.Time) error {
	for {
		out, err := a.cli("core waitfullybooted")
		if err == nil && strings.Contains(out, "fully booted") {
			return nil
		}
		select {
		case <-a.proc.Load().done:
			return fmt.Errorf("ended while booting: %v\n%s", a.proc.Load().err, a.proc.Load().output())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not booted in %v: %v %s\n%s", bootTime, err, out, a.proc.Load().output())
		}
	}
}

// Log is the instance's log so far: SIP messages, dialplan steps, key presses.
func (a *Instance) Log() string {
	text, err := os.ReadFile(filepath.Join(a.root, a.dir, "log", "full"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// sweep removes the folders of test processes that were killed before they could. No test
// lasts a day.
func sweep(tmp string) {
	old, _ := filepath.Glob(filepath.Join(tmp, "rig-*"))
	for _, dir := range old {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			os.RemoveAll(dir)
		}
	}
}
