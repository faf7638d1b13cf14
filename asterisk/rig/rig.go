//go:build linux

// Package rig runs real Asterisks for tests: Asterisk 22 from Debian sid, in a
// chroot that lies in a cache folder (install.sh makes it once; Linux only), with the drop-in
// files of asterisk/conf exactly as they are. Only tests import it.
//
//	pbx := rig.Start(t, rig.Options{
//		Addr:    "127.0.0.21",
//		Ports:   rig.Ports{First: 30000, Last: 30199},
//		Sipconf: "127.0.0.31:5060",
//		Phones:  []rig.Phone{{Name: "Anna", Number: "101"}},
//	})
//	pbx.CLI("core show channels")
//
// Words: an *instance* is one running Asterisk. Each has an address of its own out of
// 127.0.0.0/8, a port range for RTP of its own, and a folder of its own inside the
// chroot; so several run at once. A *phone* is an endpoint that the instance knows by
// the user part of From and asks for no password; its calls start in the context
// "phones", which holds the drop-in context sipconf and the extensions echo,
// conference and music.
package rig

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Options say what one instance is like. Addr and Ports are required.
type Options struct {
	// Addr is the address on which this instance listens for SIP (port 5060, UDP) and
	// sends and receives RTP, such as "127.0.0.21". No other instance may have it.
	Addr string

	// Ports is the range of its RTP ports; those of no other instance.
	Ports Ports

	// Sipconf is where sipconf listens, such as "127.0.0.31:5060". Empty: this
	// instance knows no sipconf, and the drop-in files are not included.
	Sipconf string

	Phones []Phone

	// DirectMedia lets Asterisk connect the two ends' RTP without itself in between,
	// for the phones and for sipconf. The drop-in's own setting is no.
	DirectMedia bool

	// Append are lines at the end of pjsip.conf. Until one of them begins another
	// section they belong to the endpoint sipconf: "moh_passthrough=no" shows what an
	// option of the drop-in is good for.
	Append []string

	// Dialplan are lines appended to the context "phones".
	Dialplan []string

	// AEL is the text of extensions.ael, the dialplan's other language.
	AEL string
}

// Ports is an inclusive range of UDP ports. An Asterisk call takes two per leg.
type Ports struct{ First, Last uint16 }

// Phone is a telephone that an instance knows.
type Phone struct {
	Name   string // shown to others, such as "Anna"
	Number string // user part of From, and what others dial, such as "101"

	// Addr is where the phone listens, such as "127.0.0.41:5060". Empty: it cannot be
	// called, only call.
	Addr string
}

// Asterisk is a running instance. It ends with the test that started it. Safe for
// concurrent use.
type Asterisk struct {
	t    testing.TB
	opts Options
	root string // the chroot
	dir  string // the instance's folder as Asterisk sees it, inside root
	kept string // where the log of a failed test is kept (go test -artifacts)
	proc *process
}

// bootTime is how long an instance may take until it is fully booted. It takes about
// one second; the rest is for a machine that does something else as well.
const bootTime = 30 * time.Second

// Start writes the configuration of one instance, starts it and returns when it is
// fully booted. It is stopped when the test ends; when the test has failed by then,
// the end of its log (which holds the whole SIP dialogue) is printed. Where no
// Asterisk can run, the test is skipped, or fails if CI=true (see Lack).
func Start(t testing.TB, opts Options) *Asterisk {
	t.Helper()
	root := Install(t)
	if err := opts.check(); err != nil {
		t.Fatalf("rig: %v", err)
	}
	sweep(filepath.Join(root, "tmp"))
	host, err := os.MkdirTemp(filepath.Join(root, "tmp"), "rig-")
	if err != nil {
		t.Fatalf("rig: folder for the instance: %v", err)
	}
	a := &Asterisk{t: t, opts: opts, root: root, dir: strings.TrimPrefix(host, root), kept: t.ArtifactDir()}
	t.Cleanup(func() { os.RemoveAll(host) })
	if err := a.configure(); err != nil {
		t.Fatalf("rig: configuration of %s: %v", opts.Addr, err)
	}
	begin := time.Now()
	a.proc, err = startProcess(root, "/usr/sbin/asterisk", "-C", a.dir+"/etc/asterisk.conf", "-f")
	if err != nil {
		t.Fatalf("rig: %v", err)
	}
	t.Cleanup(a.stop)
	if err := a.waitBooted(begin.Add(bootTime)); err != nil {
		t.Fatalf("rig: asterisk %s: %v", opts.Addr, err)
	}
	t.Logf("asterisk %s booted in %v", opts.Addr, time.Since(begin).Round(10*time.Millisecond))
	return a
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

func (o Options) check() error {
	if _, err := netip.ParseAddr(o.Addr); err != nil {
		return fmt.Errorf("Options.Addr: %w", err)
	}
	if o.Ports.First == 0 || o.Ports.Last <= o.Ports.First {
		return fmt.Errorf("Options.Ports: %d-%d is not a range", o.Ports.First, o.Ports.Last)
	}
	if o.Sipconf != "" {
		if _, err := netip.ParseAddrPort(o.Sipconf); err != nil {
			return fmt.Errorf("Options.Sipconf: %w", err)
		}
	}
	return nil
}

// Addr is where the instance listens for SIP over UDP.
func (a *Asterisk) Addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(a.opts.Addr), 5060)
}

// URI is the SIP URI of an extension at this instance.
func (a *Asterisk) URI(extension string) string {
	return fmt.Sprintf("sip:%s@%s", extension, a.Addr())
}

// CLI runs one command on the instance's command line and returns what it prints.
// A command that cannot be run fails the test.
func (a *Asterisk) CLI(command string) string {
	a.t.Helper()
	out, err := a.cli(command)
	if err != nil {
		a.t.Fatalf("rig: asterisk %s: %q: %v\n%s", a.opts.Addr, command, err, out)
	}
	return out
}

func (a *Asterisk) cli(command string) (string, error) {
	return runInside(a.root, "/usr/sbin/asterisk", "-C", a.dir+"/etc/asterisk.conf", "-rx", command)
}

// waitBooted polls until Asterisk says so itself: its control socket appears before
// its modules are loaded, and a call that comes before the dialplan gets a 404.
func (a *Asterisk) waitBooted(deadline time.Time) error {
	for {
		out, err := a.cli("core waitfullybooted")
		if err == nil && strings.Contains(out, "fully booted") {
			return nil
		}
		select {
		case <-a.proc.done:
			return fmt.Errorf("ended while booting: %v\n%s", a.proc.err, a.proc.output())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not booted in %v: %v %s\n%s", bootTime, err, out, a.proc.output())
		}
	}
}

// Log is the instance's log so far: SIP messages, dialplan steps, key presses.
func (a *Asterisk) Log() string {
	text, err := os.ReadFile(filepath.Join(a.root, a.dir, "log", "full"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// logTail is how many lines of a failed test's log are printed. The whole of it is
// kept among the test's artifacts (go test -artifacts).
const logTail = 2000

func (a *Asterisk) stop() {
	a.proc.stop()
	if !a.t.Failed() {
		return
	}
	log := a.Log()
	kept := filepath.Join(a.kept, "asterisk-"+a.opts.Addr+".log")
	if err := os.WriteFile(kept, []byte(log), 0o644); err != nil {
		a.t.Logf("rig: keeping the log: %v", err)
	}
	lines := strings.Split(log, "\n")
	if len(lines) > logTail {
		lines = lines[len(lines)-logTail:]
	}
	a.t.Logf("the last lines of asterisk %s:\n%s", a.opts.Addr, strings.Join(lines, "\n"))
}
