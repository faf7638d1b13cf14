package floor

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// clock wakes at absolute times: a timerfd in Go's poller, armed anew for each deadline and never read, because a system
// call that Go's scheduler knows of (a read of package os, say) wakes the runtime's monitor at each tick.
// Arming is such a raw call in x/sys.
type clock struct {
	file  *os.File
	conn  syscall.RawConn
	fd    int
	base  unix.Timespec // CLOCK_MONOTONIC at started
	began time.Time
	due   time.Duration
	past  func(uintptr) bool // passed, as a value made once: a method value allocates
}

func newClock() (*clock, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("timer of the floor: %w", err)
	}
	c := &clock{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, began: time.Now()}
	c.past = c.passed
	if err = unix.ClockGettime(unix.CLOCK_MONOTONIC, &c.base); err == nil {
		c.conn, err = c.file.SyscallConn()
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("timer of the floor: %w", err)
	}
	return c, nil
}

// now is the time since the clock was made.
func (c *clock) now() time.Duration { return time.Since(c.began) }

// sleepUntil waits for a time of the clock; a past one it does not wait for.
func (c *clock) sleepUntil(due time.Duration) {
	if c.due = due; c.now() >= due {
		return
	}
	// timerfd_settime(2): with TFD_TIMER_ABSTIME the value is a time of the clock; 0 would disarm.
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(c.base.Nano() + int64(due))}
	if err := unix.TimerfdSettime(c.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		panic("floor: arming the timer: " + err.Error()) // EINVAL or EFAULT only: our own bug
	}
	if err := c.conn.Read(c.past); err != nil {
		panic("floor: waiting for the tick: " + err.Error())
	}
}

// passed is asked before parking and when the timer has fired.
func (c *clock) passed(uintptr) bool { return c.now() >= c.due }

func (c *clock) close() { _ = c.file.Close() }
