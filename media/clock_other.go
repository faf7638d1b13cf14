//go:build !linux

package media

import "time"

var started = time.Now()

// monotonic is nanoseconds since the process started.
func monotonic() int64 { return int64(time.Since(started)) }

// alarm sleeps by Go's timers.
type alarm struct{}

func newAlarm(int64) (*alarm, error) { return &alarm{}, nil }

func (*alarm) sleepUntil(deadline int64) { time.Sleep(time.Duration(deadline - monotonic())) }

func (*alarm) close() {}

// readWall does nothing: no socket stamps its datagrams by the wall clock.
func readWall() {}
