//go:build !linux

package floor

import "time"

// clock wakes by Go's timers, at absolute times.
type clock struct{ began time.Time }

func newClock() (*clock, error) { return &clock{time.Now()}, nil }

// now is the time since the clock was made.
func (c *clock) now() time.Duration { return time.Since(c.began) }

// sleepUntil waits for a time of the clock.
func (c *clock) sleepUntil(due time.Duration) { time.Sleep(due - c.now()) }

func (c *clock) close() {}
