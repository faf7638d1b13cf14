//go:build linux

// Package rig runs real Asterisks for tests: Asterisk 22 from Debian sid, in a
// chroot that lies in a cache folder (install.sh makes it once; Linux only), with the drop-in
// files of asterisk/conf exactly as they are. Tests import it, and the load generator, which compares.
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

	// Manager is the secret of sipconf's account at the manager interface, at Addr, port 5038. With it *1 between two phones of
	// this instance makes a conference of their call. Empty: neither.
	Manager string

	// Append are lines at the end of pjsip.conf. With Sipconf, until one of them begins
	// another section they belong to the endpoint sipconf: "moh_passthrough=no" shows what an
	// option of the drop-in is good for.
	Append []string

	// Sounds are what the dialplan may play, by name, at 8000 Hz: "question" is
	// ${ASTETCDIR}/../sounds/question there.
	Sounds map[string][]int16

	// Dialplan are lines appended to the context "phones".
	Dialplan []string

	// AEL is the text of extensions.ael, the dialplan's other language. With it the drop-in extensions.conf is not included, so
	// that extensions.ael can be in its place.
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

// Asterisk is an Instance that ends with the test that started it. Safe for concurrent use.
type Asterisk struct {
	*Instance
	t    testing.TB
	kept string // where the log of a failed test is kept (go test -artifacts)
}

// Start writes the configuration of one instance, starts it and returns when it is
// fully booted. It is stopped when the test ends; when the test has failed by then,
// the end of its log (which holds the whole SIP dialogue) is printed. Where no
// Asterisk can run, the test is skipped, or fails if CI=true (see Lack).
func Start(t testing.TB, opts Options) *Asterisk {
	t.Helper()
	root := Install(t)
	begin := time.Now()
	i, err := Launch(root, opts)
	if err != nil {
		t.Fatalf("rig: %v", err)
	}
	a := &Asterisk{Instance: i, t: t, kept: t.ArtifactDir()}
	t.Cleanup(a.stop)
	t.Logf("asterisk %s booted in %v", opts.Addr, time.Since(begin).Round(10*time.Millisecond))
	return a
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

// logTail is how many lines of a failed test's log are printed. The whole of it is
// kept among the test's artifacts (go test -artifacts).
const logTail = 2000

func (a *Asterisk) stop() {
	defer a.Close()
	a.proc.Load().stop()
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
