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
	err := eachThread(func(thread int) (bool, error) {
		if now, err := niceOf(thread); err == nil && now <= value {
			return false, nil
		}
		return true, syscall.Setpriority(syscall.PRIO_PROCESS, thread, value)
	})
	if err != nil {
		log.Info("the server runs with the priority of every other program, which may make the sound late on a busy machine: "+
			"write Nice="+strconv.Itoa(value)+" and CPUWeight=500 into the [Service] section of the systemd unit, or set media.nice to 0", "error", err)
	}
}

// wayNice makes way for others: a tenth of the time of a program that wants all of it.
const wayNice = 10

// pace is the nice value of a process that hands over to another one, or takes over from one, while people talk: it has more haste at one time than at another.
// Of a process that could not have its own value again, it changes nothing; nor does the zero pace.
type pace struct {
	own     int
	changes bool
}

// ownPace is that of this process.
func ownPace() pace {
	own, err := niceOf(0)
	return pace{own, err == nil && mayHave(own)}
}

// set has the process go on with a nice value that is not below its own.
func (p pace) set(value int) {
	if !p.changes {
		return
	}
	eachThread(func(thread int) (bool, error) {
		if now, err := niceOf(thread); err != nil || now == max(value, p.own) {
			return false, nil
		}
		return true, syscall.Setpriority(syscall.PRIO_PROCESS, thread, max(value, p.own))
	})
}

// again has it go on with its own.
func (p pace) again() { p.set(p.own) }

// niceOf is the nice value of a thread; 0: of this one.
func niceOf(thread int) (int, error) {
	value, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	return 20 - value, err // Linux's answer is 20 less the value
}

// mostPasses ends a race with threads that make others.
const mostPasses = 8

// eachThread does something with each thread until none is left with which there is anything to do: others have made some meanwhile. It ends at the first error,
// but for that of a thread that has ended.
func eachThread(do func(thread int) (done bool, err error)) error {
	for range mostPasses {
		any := false
		for _, thread := range threads() {
			done, err := do(thread)
			if err != nil && err != syscall.ESRCH {
				return err
			}
			any = any || done
		}
		if !any {
			return nil
		}
	}
	return nil
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
