package main

import (
	"log/slog"
	"os"
	"runtime"
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
	err := eachThread(func(thread int) error {
		if now, err := niceOf(thread); err == nil && now <= value {
			return nil
		}
		return syscall.Setpriority(syscall.PRIO_PROCESS, thread, value)
	})
	if err != nil {
		log.Info("the server runs with the priority of every other program, which may make the sound late on a busy machine: "+
			"write Nice="+strconv.Itoa(value)+" and CPUWeight=500 into the [Service] section of the systemd unit, or set media.nice to 0", "error", err)
	}
}

// mostNice lets every other program go first.
const mostNice = 19

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
	if p.changes {
		setNice(max(value, p.own))
	}
}

// again has it go on with its own.
func (p pace) again() { p.set(p.own) }

func setNice(value int) {
	eachThread(func(thread int) error { return syscall.Setpriority(syscall.PRIO_PROCESS, thread, value) })
}

// mayHave says whether a thread that had made way for all others could have that value again.
func mayHave(value int) bool {
	may := make(chan bool)
	go func() {
		runtime.LockOSThread()                                        // for good: if there is no way back, the thread ends with the goroutine
		err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, mostNice) // this thread's
		if err == nil {
			err = syscall.Setpriority(syscall.PRIO_PROCESS, 0, value)
		}
		may <- err == nil
	}()
	return <-may
}

// niceOf is the nice value of a thread; 0: of this one.
func niceOf(thread int) (int, error) {
	value, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	return 20 - value, err // Linux's answer is 20 less the value
}

// eachThread does something with each thread, also with those that others have made meanwhile. It ends at the first error, but for that of a thread that has ended.
func eachThread(do func(thread int) error) error {
	for range 2 {
		for _, thread := range threads() {
			if err := do(thread); err != nil && err != syscall.ESRCH {
				return err
			}
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
