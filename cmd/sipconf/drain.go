package main

import (
	"errors"
	"sync"
	"time"

	"github.com/sipconf/sipconf/control"
)

// errDraining is why a new room is refused.
var errDraining = errors.New("the server is draining, and makes no new room")

// drainer ends the server with its last call. Safe for concurrent use.
type drainer struct {
	mu      sync.Mutex
	running bool
	until   time.Time     // zero: however long it takes
	over    chan struct{} // closed when there is nothing to wait for any more
}

func newDrainer() *drainer { return &drainer{over: make(chan struct{})} }

func (d *drainer) begun() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.running
}

// late says whether it has taken long enough.
func (d *drainer) late(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.until.IsZero() && !now.Before(d.until)
}

// begin says that it ends at that time at the latest, and whether it has not said any before.
func (d *drainer) begin(until time.Time) (first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	first, d.running, d.until = !d.running, true, until
	return first
}

// drain takes no new calls from now on but to rooms that live, and closes drainer.over when the last call has ended, or after that time; 0: not before. Who says
// another time later changes it.
func (s *server) drain(within time.Duration) control.Draining {
	var until time.Time
	if within > 0 {
		until = time.Now().Add(within)
	}
	first := s.drainer.begin(until)
	s.monitor.draining.Store(true)
	waits := control.Draining{Calls: s.ua.Calls(), Until: moment(until)}
	s.log.Info("draining: no new calls but to rooms that live", "calls", waits.Calls, "within", within)
	if first {
		go s.awaitLastCall() // ends with the server
	}
	return waits
}

// drainLook is how often it is looked whether there are calls: nobody waits for the end to the second.
const drainLook = 200 * time.Millisecond

func (s *server) awaitLastCall() {
	defer close(s.drainer.over)
	look := time.NewTicker(drainLook)
	defer look.Stop()
	for {
		select {
		case <-s.ending:
			return
		case now := <-look.C:
			if s.ua.Calls() == 0 || s.drainer.late(now) {
				return
			}
		}
	}
}

// newRoom says why there cannot be a new room; nil: there can be one, or that one lives.
func (s *server) newRoom(room string) error {
	if !s.drainer.begun() {
		return nil
	}
	if _, lives := s.rooms.Incarnation(room); lives {
		return nil
	}
	return errDraining
}

// admits says why n callers would find no seat in a room.
func (s *server) admits(room string, n int) error {
	if err := s.newRoom(room); err != nil {
		return err
	}
	return s.rooms.Admits(room, n)
}
