package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/sipconf/sipconf/media"
)

const (
	clockLook  = time.Second // how often the clock is looked at
	clockPause = time.Minute // between two warnings
)

// clockWatch warns when the media clock skips ticks: the machine is overloaded then, and everybody
// hears gaps. close ends it.
type clockWatch struct {
	stats func() media.Stats
	log   *slog.Logger

	stop chan struct{}
	once sync.Once
	done sync.WaitGroup
}

// watchClock starts the goroutine "clock watch"; close ends it.
func watchClock(stats func() media.Stats, log *slog.Logger) *clockWatch {
	w := &clockWatch{stats: stats, log: log, stop: make(chan struct{})}
	w.done.Go(w.run)
	return w
}

func (w *clockWatch) run() {
	ticker := time.NewTicker(clockLook)
	defer ticker.Stop()
	var told uint64 // skipped ticks that have been warned of
	var last time.Time
	for {
		select {
		case now := <-ticker.C:
			s := w.stats()
			if s.Skipped == told || !last.IsZero() && now.Sub(last) < clockPause {
				continue
			}
			w.log.Warn("the media clock has skipped ticks, so everybody hears gaps: is this machine overloaded, or was it asleep?",
				"skipped", s.Skipped-told, "ticks", s.Ticks, "legs", s.Legs, "wake_p99", s.WakeP99, "end_p99", s.EndP99)
			told, last = s.Skipped, now
		case <-w.stop:
			return
		}
	}
}

// close ends the watch and waits for it. Safe to call twice.
func (w *clockWatch) close() {
	w.once.Do(func() { close(w.stop) })
	w.done.Wait()
}
