package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestE2ENice: all threads of a server have the nice value that the operator wants; who may not have it is told, and served all the same.
func TestE2ENice(t *testing.T) {
	binary, ours := program(t), niceIn(t, "/proc/self/stat") // what a server inherits
	for _, c := range []struct {
		name, config string
		without      bool   // the right to
		nice         string // in /proc
	}{
		{"as it is by default", "", false, "-10"},
		{"another value", "media: {nice: -7}\n", false, "-7"},
		{"not at all", "media: {nice: 0}\n", false, ours},
		{"without the right to", "media: {nice: -3}\n", true, ours},
	} {
		t.Run(c.name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			config := fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmetrics: {listen: \"\"}\n", unusedPort(t)) + c.config
			s := startAs(t, config, func(file string) *exec.Cmd {
				if c.without { // setpriv is of util-linux, which every Debian has
					return exec.Command("setpriv", "--bounding-set=-sys_nice", binary, "serve", "--config", file)
				}
				return exec.Command(binary, "serve", "--config", file)
			})
			s.says(t, "sipconf is serving")
			if told := strings.Contains(s.log.String(), "Nice=-3"); told != c.without {
				t.Errorf("it warns: %t\n%s", told, s.log)
			}
			tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", s.Process.Pid))
			if err != nil || len(tasks) < 3 {
				t.Fatal(len(tasks), err)
			}
			for _, task := range tasks {
				got := niceIn(t, fmt.Sprintf("/proc/%d/task/%s/stat", s.Process.Pid, task.Name()))
				if got != "" && got != c.nice {
					t.Errorf("thread %s has %s, want %s", task.Name(), got, c.nice)
				}
			}
			s.Process.Signal(syscall.SIGTERM)
			if err := s.ends(t, endTime); err != nil {
				t.Errorf("exit: %v", err)
			}
		})
	}
}

// niceIn reads the nice value in a stat file (proc(5)); empty when the thread has ended.
func niceIn(t *testing.T, file string) string {
	t.Helper()
	stat, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // the name before that may hold anything
	return fields[16]
}
