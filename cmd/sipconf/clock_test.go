package main

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/media"
)

// TestAnOverloadedClockIsToldOnceAMinute: at once, and then what has come together.
func TestAnOverloadedClockIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stats atomic.Pointer[media.Stats]
		stats.Store(&media.Stats{Ticks: 100})
		log := &lockedBuffer{}
		w := watchClock(func() media.Stats { return *stats.Load() }, slog.New(slog.NewTextHandler(log, nil)))
		told := 0 // bytes of the log that were read
		says := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			said := log.String()[told:]
			told += len(said)
			if got := strings.Count(said, "\n"); got != len(want) {
				t.Errorf("the log says\n%swant %d lines", said, len(want))
			}
			for _, part := range want {
				wantText(t, "the log", said, part)
			}
		}
		says(10 * time.Minute)
		stats.Store(&media.Stats{Ticks: 100, Skipped: 4})
		says(2*time.Second, "level=WARN msg=\"the media clock has skipped ticks")
		stats.Store(&media.Stats{Ticks: 100, Skipped: 5})
		says(50 * time.Second)
		stats.Store(&media.Stats{Ticks: 100, Skipped: 9, Legs: 200, WakeP99: 3 * time.Millisecond})
		says(10*time.Second, "skipped=5 ticks=100 legs=200 wake_p99=3ms")
		says(10 * time.Minute)
		w.close()
		w.close()
	})
}
