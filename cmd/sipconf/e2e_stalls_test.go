//go:build linux

package main

import (
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// stalls measures for how long the machine runs nobody of the server's priority, on some processor: the hypervisor has given it to others, or all of us are throttled;
// and for how long we, who listen, are not run ourselves. What people hear then is the machine's, and not the server's.
type stalls struct {
	mu    sync.Mutex
	total time.Duration
	until time.Time // of the last one: what several see at once is one
}

const (
	stallBeat  = 5 * time.Millisecond
	leastStall = 20 * time.Millisecond
)

// watchStalls begins; it ends with the test.
func watchStalls(t *testing.T) *stalls {
	t.Helper()
	s, end := new(stalls), make(chan struct{})
	t.Cleanup(func() { close(end) })
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := range 64 * len(all) {
		if all.IsSet(cpu) {
			go s.watchCPU(cpu, end)
		}
	}
	go s.watch(end, time.Sleep)
	return s
}

// watchCPU is on that processor, where the server's threads may be.
func (s *stalls) watchCPU(cpu int, end <-chan struct{}) {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	var own unix.CPUSet
	own.Set(cpu)
	if unix.SchedSetaffinity(0, &own) != nil {
		return
	}
	syscall.Setpriority(syscall.PRIO_PROCESS, 0, -10)                                           // where that is allowed: it is not to the server then either
	s.watch(end, func(d time.Duration) { unix.Nanosleep(&unix.Timespec{Nsec: int64(d)}, nil) }) // Go's own timers are another thread's
}

func (s *stalls) watch(end <-chan struct{}, sleep func(time.Duration)) {
	for last := time.Now(); ; {
		select {
		case <-end:
			return
		default:
		}
		sleep(stallBeat)
		now := time.Now()
		if late := now.Sub(last) - stallBeat; late >= leastStall {
			s.add(now.Add(-late), now)
		}
		last = now
	}
}

// add takes a stall that one of the watchers has seen.
func (s *stalls) add(begin, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if begin.Before(s.until) {
		begin = s.until
	}
	if end.After(begin) {
		s.total += end.Sub(begin)
		s.until = end
	}
}

// soFar is for how long there were any.
func (s *stalls) soFar() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
