package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sipconf/sipconf/media"
)

func TestMostLegs(t *testing.T) {
	for _, c := range []struct {
		maxLegs    int
		ports      media.PortRange
		legs, need uint64
	}{
		{1000, media.PortRange{First: 20000, Last: 29999}, 1000, 2192},
		{1000, media.PortRange{First: 20000, Last: 20099}, 50, 292},
	} {
		cfg := &Config{Rooms: RoomsConfig{MaxLegs: c.maxLegs}, Media: MediaConfig{Ports: c.ports}}
		legs := mostLegs(cfg)
		if need := filesFor(legs); uint64(legs) != c.legs || need != c.need || callsIn(need) != c.legs || callsIn(need-1) != c.legs-1 {
			t.Errorf("%d legs, ports %v: %d calls need %d files, want %d and %d", c.maxLegs, c.ports, legs, need, c.legs, c.need)
		}
	}
	if n := callsIn(16); n != 0 {
		t.Errorf("16 files are enough for %d calls", n)
	}
}

// startLimited is start, with the words of a shell before it that set limits.
func startLimited(t *testing.T, binary, limits, config string) *started {
	t.Helper()
	return startAs(t, config, func(file string) *exec.Cmd {
		return exec.Command("sh", "-c", fmt.Sprintf("%s; exec %q serve --config %q", limits, binary, file))
	})
}

// TestE2EFewFiles: what an operator is told whose system lets us open fewer files than his settings allow calls.  It serves all the same.
func TestE2EFewFiles(t *testing.T) {
	const hundred = "media: {ports: 41000-41199}\nrooms: {max_legs: 100}\n"
	binary := program(t)
	for _, c := range []struct {
		limits, config string
		told           bool
	}{
		{"ulimit -n 391", hundred, true},
		{"ulimit -n 392", hundred, false}, // soft and hard: Go has no choice, and we use every one
		{"ulimit -Sn 100; ulimit -Hn 392", hundred, false},
		{"ulimit -n 392", "media: {ports: 41000-41199}\n", false}, // rooms.max_legs is 1000, but there are ports for 100
	} {
		t.Run(c.limits, func(t *testing.T) {
			s := startLimited(t, binary, c.limits, fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmetrics: {listen: \"\"}\n", unusedPort(t))+c.config)
			s.says(t, "sipconf is serving")
			if got := strings.Count(s.log.String(), "LimitNOFILE=392"); got > 1 || (got == 1) != c.told {
				t.Errorf("it warns %d times, want it to warn: %t\n%s", got, c.told, s.log)
			}
			if c.told && !strings.Contains(s.log.String(), "ulimit -n 392") {
				t.Errorf("no word on the shell:\n%s", s.log)
			}
			wantFullLimit(t, s.Process.Pid)
			s.Process.Signal(syscall.SIGTERM)
			if err := s.ends(t, endTime); err != nil {
				t.Errorf("exit: %v", err)
			}
		})
	}
}

// wantFullLimit wants the soft limit of open files of a process to be its hard one, where the system tells.
func wantFullLimit(t *testing.T, pid int) {
	t.Helper()
	limits, _ := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid)) // none: not Linux
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if f := strings.Fields(rest); f[0] != f[1] {
				t.Errorf("soft limit %s, hard limit %s", f[0], f[1])
			}
		}
	}
}
