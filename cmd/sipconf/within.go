package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Errors of within.
var (
	errTooLong  = errors.New("it takes too long") // nobody waits any more
	errPanicked = errors.New("please report it, the log has more")
)

// within runs f and waits for it, at most so long, whatever it is that f waits for; f goes on by itself then, and is too late for anything. Its error is f's,
// errTooLong, or errPanicked.
func (s *server) within(most time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { // ends with f
		defer func() {
			if r := recover(); r != nil {
				s.panicked.Add(1)
				s.log.Error("panic in a hand-over: please report it", "err", r, "stack", string(debug.Stack()))
				done <- fmt.Errorf("panic: %v: %w", r, errPanicked)
			}
		}()
		done <- f()
	}()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
	}
	select {
	case err := <-done: // both, when the machine was asleep: what is done is done
		return err
	default:
		return errTooLong
	}
}
