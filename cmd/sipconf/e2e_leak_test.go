package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// holdings are what a process has that it may lose sight of.
var holdings = []string{"files", "go_goroutines", "sipconf_port_pairs_used", "sipconf_legs", "sipconf_dialogs"}

// passing is how many files and goroutines there may be more at one time than at another: the question itself has some, and what tableflip has of the process
// before. A leak of one in each upgrade is far above it.
const passing = 5

// held is how much of each the server has, and how much memory.
func (s *succeeded) held(metrics string) (held map[string]float64, memory float64) {
	s.Helper()
	files, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.pid()), "fd"))
	if err != nil {
		s.Skipf("SKIPPED: open files are counted in /proc, and there is none: %v", err)
	}
	figures := figuresAt(s.T, metrics)
	held = map[string]float64{"files": float64(len(files))}
	for _, name := range holdings[1:] {
		n, there := figures[name]
		if !there {
			s.Fatalf("there is no figure %s", name)
		}
		held[name] = n
	}
	return held, figures["process_resident_memory_bytes"]
}

// settled is held when nothing more is given back: the process before, a collection of garbage and what a transaction remembers take their time.
func (s *succeeded) settled(metrics string, most map[string]float64) (held map[string]float64, memory float64) {
	s.Helper()
	for deadline := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		held, memory = s.held(metrics)
		over := false
		for name, n := range most {
			over = over || held[name] > n
		}
		if !over || time.Now().After(deadline) {
			return held, memory
		}
	}
}

// Anna, Boris and Clara talk, and the server is replaced twenty times in a row. The last process has no more of anything than the second one, and
// when all have hung up no more than the first one before they came.
func TestE2ETwentyUpgradesLeakNothing(t *testing.T) {
	t.Parallel()
	metrics := unusedAddress(t).String()
	s := succeedWith(t, func(s *succeeded) string {
		return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\", \"tcp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\n"+
			"rooms: {max_legs: 100, tones: false}\nmetrics: {listen: %q}\nctl: {socket: %q}\n", s.port, s.port, metrics, s.socket)
	}, "1.0.1", "1.0.2")
	empty, _ := s.held(metrics)
	all := map[string]*phone.Call{}
	for i, who := range []string{"Anna", "Boris", "Clara"} {
		all[who] = s.joins(who, strconv.Itoa(101+i), "5234", 400+200*float64(i))
	}
	s.hears("Anna", all["Anna"], []float64{600, 800}, 400)
	for _, call := range all {
		call.ResetHeard()
	}
	var early map[string]float64
	var memory float64
	for n := 1; n <= 20; n++ {
		s.upgrades([]string{"1.0.1", "1.0.2"}[n%2])
		if n == 2 {
			early, memory = s.settled(metrics, nil)
		}
	}
	most := maps.Clone(early)
	most["files"] += passing
	most["go_goroutines"] += passing
	held, rest := s.settled(metrics, most)
	t.Logf("after 2 upgrades %v, %.1f MB; after 20 %v, %.1f MB", early, memory/1e6, held, rest/1e6)
	for name, n := range most {
		if held[name] > n {
			t.Errorf("%s: %v after two upgrades, %v after twenty", name, early[name], held[name])
		}
	}
	if held["sipconf_port_pairs_used"] != 3 || held["sipconf_legs"] != 3 || held["sipconf_dialogs"] != 3 {
		t.Errorf("three calls have %v", held)
	}
	if rest > memory+10e6 {
		t.Errorf("%.1f MB after two upgrades, %.1f MB after twenty", memory/1e6, rest/1e6)
	}
	s.hears("Anna", all["Anna"], []float64{600, 800}, 400)
	for who, call := range all {
		s.whole(who, call)
		if err := call.Hangup(s.soon()); err != nil {
			t.Errorf("%s's BYE: %v", who, err)
		}
	}
	most = maps.Clone(empty)
	most["files"] += passing
	most["go_goroutines"] += passing
	left, _ := s.settled(metrics, most)
	for name, n := range most {
		if left[name] > n {
			t.Errorf("%s: the first process had %v before anybody came, the last one has %v after all have gone", name, empty[name], left[name])
		}
	}
}
