package main

import (
	"log/slog"
	"os"
	"strconv"
	"syscall"
)

// beNice gives the process a nice value.  Sound has 20 ms from packet to packet, and a scheduler that treats all programs alike may
// take a few of them away each time; the server needs so little that nobody misses what it takes from them.
//
// Whoever was given a lower value keeps it.  Between the units of systemd CPUWeight= decides, and where the kernel groups by sessions (autogroup,
// sched(7)) the session's value does, which is not ours alone: hence the words in the log and in config.yaml.
//
// On Linux the value belongs to each thread, and a new one has that of the thread that makes it (setpriority(2)): all that are there
// now are set, and those that they have made meanwhile.
func beNice(value int, log *slog.Logger) {
	if value == 0 {
		return
	}
	for range 2 {
		for _, thread := range threads() {
			if now, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread); err == nil && 20-now <= value { // Linux's answer is 20 less the value
				continue
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, thread, value); err != nil && err != syscall.ESRCH { // it has ended
				log.Info("the server runs with the priority of every other program, which may make the sound late on a busy machine: "+
					"write Nice="+strconv.Itoa(value)+" and CPUWeight=500 into the [Service] section of the systemd unit, or set media.nice to 0", "error", err)
				return
			}
		}
	}
}

// threads is the ids of the process's threads; 0, the process, where there is no /proc.
func threads() []int {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return []int{0}
	}
	var ids []int
	for _, e := range entries {
		if id, err := strconv.Atoi(e.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}
