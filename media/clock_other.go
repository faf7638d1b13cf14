//go:build !linux

package media

import "time"

var started = time.Now()

// monotonic is nanoseconds since the process started.
func monotonic() int64 { return int64(time.Since(started)) }

func sleepUntil(deadline int64) { time.Sleep(time.Duration(deadline - monotonic())) }

// threadID is unknown here: 0 matches no loop.
func threadID() int { return 0 }
