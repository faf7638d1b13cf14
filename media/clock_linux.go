package media

import "golang.org/x/sys/unix"

// monotonic is CLOCK_MONOTONIC in nanoseconds: the same for all processes of the machine, so that a deadline can be
// handed to the next binary.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("media: clock_gettime: " + err.Error()) // EINVAL or EFAULT only: our own bug
	}
	return ts.Nano()
}

// sleepUntil sleeps to an absolute time of that clock: the time that the tick took does not add up.
// Measured against timers of the Go runtime, it wakes about half a millisecond closer to the deadline.
func sleepUntil(deadline int64) {
	ts := unix.NsecToTimespec(deadline)
	for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil) == unix.EINTR {
		continue // a signal, such as the runtime's preemption
	}
}

// threadID names the thread that runs the caller.
func threadID() int { return unix.Gettid() }
