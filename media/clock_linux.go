package media

import (
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootOffset is what CLOCK_MONOTONIC showed when started was taken.
var started, bootOffset = time.Now(), clockMonotonic()

func clockMonotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("media: clock_gettime: " + err.Error()) // EINVAL or EFAULT only: our own bug
	}
	return ts.Nano()
}

// monotonic is CLOCK_MONOTONIC in nanoseconds: the same for all processes of the machine, so that a deadline can be
// handed to the next binary.  Read by way of Go's clock, which needs no system call.
func monotonic() int64 { return bootOffset + int64(time.Since(started)) }

// wallAhead is by how much the wall clock is ahead of monotonic, in nanoseconds, as of the last tick of any loop: it is set and slewed.
var wallAhead atomic.Int64

func init() { readWall() }

// readWall reads both clocks at once.
func readWall() {
	now := time.Now()
	wallAhead.Store(now.UnixNano() - bootOffset - int64(now.Sub(started)))
}

// alarm wakes a loop every 20 ms, at absolute times, so that the time that a tick took does not add up.
//
// It is a timerfd in Go's poller.  A thread that slept in a system call of its own (clock_nanosleep) would wake no later, but
// its P would have to be taken from it 50 times a second by the runtime's monitor, which then looks around every 20 us for a
// while: with 200 legs that was a quarter of all the CPU that the server used.  A Go timer costs no more than this, but wakes half
// a millisecond late, because the poller rounds to milliseconds.
type alarm struct {
	file     *os.File
	conn     syscall.RawConn
	deadline int64
	due      func(uintptr) bool // passed, as a value made once: a method value allocates
	expiries [8]byte
}

// newAlarm begins at the first deadline.  The error is that of a process without descriptors.
func newAlarm(first int64) (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open the timer of a media loop: %w", noDescriptors(err))
	}
	a := &alarm{file: os.NewFile(uintptr(fd), "timerfd")}
	a.due = a.passed
	spec := unix.ItimerSpec{Interval: unix.NsecToTimespec(int64(frameTime)), Value: unix.NsecToTimespec(first)}
	if err = unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err == nil {
		a.conn, err = a.file.SyscallConn()
	}
	if err != nil {
		a.file.Close()
		return nil, fmt.Errorf("set the timer of a media loop: %w", err)
	}
	return a, nil
}

// sleepUntil waits for the deadline, which is a whole number of ticks after the first.
func (a *alarm) sleepUntil(deadline int64) {
	a.deadline = deadline
	// Read asks due, parks the goroutine until the descriptor becomes ready, and asks again.  An expiry that falls before
	// the parking makes due true.
	if err := a.conn.Read(a.due); err != nil {
		panic("media: waiting for the tick: " + err.Error()) // closed under our feet: our own bug
	}
}

// passed says whether the deadline has come.  timerfd_create(2): a periodic timer goes on only when its expiries are read.
func (a *alarm) passed(fd uintptr) bool {
	for readNow(fd, a.expiries[:]) {
		continue
	}
	return monotonic() >= a.deadline
}

func (a *alarm) close() { a.file.Close() }
