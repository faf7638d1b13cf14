package media

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// halt is a stop of all loops and of the reporter, from Pause to Resume.
type halt struct {
	from    int64         // each loop stops after the first tick that is due then or later
	stopped chan stop     // of each that has stopped; has room for all
	over    chan struct{} // closed: go on
}

// stop is that of a loop; nil: of the reporter.
type stop struct {
	who *Loop
	at  time.Time
}

// Pause stops the loops, each right after a tick, and the RTCP reporter.  It returns when all stand still, in two ticks or so; what was queued with
// Loop.Do before has been run then, and what is queued from now on waits.  Until Resume or Abandon nothing touches a socket of a leg, and whoever has
// paused the engine is the owner of all its loops, buses and legs: what is "on the loop only" he may do.  Leg.Close, and whoever waits for a loop,
// waits for the end of the pause.
//
// The error is that a loop does not stand still within that time, or that the engine is paused or closed already; then it goes on as before.
func (e *Engine) Pause(within time.Duration) error {
	return e.pause(within, func(*Loop, time.Time) error { return nil })
}

// pause is Pause, which says of each loop that it stands still, and since when, as soon as the reporter does too: from then on its legs can be saved.  If that
// fails, everything goes on.
func (e *Engine) pause(within time.Duration, stands func(*Loop, time.Time) error) error {
	h, err := e.beginPause()
	if err != nil {
		return fmt.Errorf("pause the media: %w", err)
	}
	for _, l := range e.loops {
		l.pauseBy(h)
	}
	if err := e.await(h, within, stands); err != nil {
		e.Resume()
		return fmt.Errorf("pause the media: %w", err)
	}
	return nil
}

// await waits until all have stopped.
func (e *Engine) await(h *halt, within time.Duration, stands func(*Loop, time.Time) error) error {
	late := time.NewTimer(within)
	defer late.Stop()
	asked, silent := e.reporter.halts, false
	var stopped []stop // before the reporter
	for left := len(e.loops) + 1; left > 0; {
		select {
		case asked <- h:
			asked = nil
		case one := <-h.stopped:
			left--
			if one.who == nil {
				silent = true
			} else {
				stopped = append(stopped, one)
			}
		case <-late.C:
			return fmt.Errorf("not all loops stand still after %v", within)
		}
		for silent && len(stopped) > 0 {
			if err := stands(stopped[0].who, stopped[0].at); err != nil {
				return err
			}
			stopped = stopped[1:]
		}
	}
	return nil
}

func (e *Engine) beginPause() (*halt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return nil, errors.New("it is closed")
	case e.halt != nil:
		return nil, errors.New("it is paused already")
	}
	e.halt = newHalt(len(e.loops))
	e.halt.from = e.lastRound(monotonic())
	return e.halt, nil
}

func newHalt(loops int) *halt {
	return &halt{stopped: make(chan stop, loops+1), over: make(chan struct{})}
}

// lastRound is when the loops begin to stop, one after the other as they tick.
func (e *Engine) lastRound(now int64) int64 {
	var phases []int64 // of the loops that tick
	for _, l := range e.loops {
		if l.legs.Load() > 0 {
			phases = append(phases, l.first%int64(frameTime))
		}
	}
	return lastRound(phases, now)
}

// lastRound is the next deadline after now from which on as much time as can be is left between the last tick and the next deadline: the loops tick by
// turns, so it is that of the loop before whose tick there is the longest time without any.  phases are their deadlines within 20 ms.
//
//	tick of loop    0    1              0    1              0    1
//	                |    |              |    |              |    |
//	                     now            ^    stops          next deadline
//	                                    stops
func lastRound(phases []int64, now int64) int64 {
	if len(phases) == 0 {
		return now
	}
	slices.Sort(phases)
	best, longest := phases[0], phases[0]+int64(frameTime)-phases[len(phases)-1]
	for i, phase := range phases[1:] {
		if gap := phase - phases[i]; gap > longest {
			best, longest = phase, gap
		}
	}
	return now + int64(frameTime) - (now-best)%int64(frameTime)
}

// Resume ends a pause: every loop goes on at the deadline at which it would have gone on.  An engine that is not paused is left alone.
func (e *Engine) Resume() {
	e.mu.Lock()
	h := e.halt
	e.halt = nil
	for leg := range e.legs {
		leg.given.Store(false)
	}
	e.mu.Unlock()
	if h == nil {
		return
	}
	for _, l := range e.loops {
		l.resume(h)
	}
	close(h.over)
}

// Abandon ends a paused engine whose legs another process has taken over: those that Save has written down are let go without a word, no loop ticks
// again, and nobody is told goodbye.  It waits for all goroutines, as Close does, which is not needed after it.
func (e *Engine) Abandon() {
	e.mu.Lock()
	h := e.halt
	if h == nil || e.closed {
		e.mu.Unlock()
		return
	}
	e.closed, e.halt = true, nil
	e.mu.Unlock()
	for _, l := range e.loops {
		l.shut(h)
	}
	close(h.over)
	e.end()
}

// pauseBy has the loop stand still.
func (l *Loop) pauseBy(h *halt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.halt = h
	l.ring()
}

// resume has the loop go on, or not stand still if it has not come to that yet.
func (l *Loop) resume(h *halt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.halt == h {
		l.halt = nil
	}
}

// shut is resume, to run what is queued and to end.
func (l *Loop) shut(h *halt) {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.resume(h)
}

// wait waits until so many stand still.
func (h *halt) wait(n int) {
	for range n {
		<-h.stopped
	}
}

// stand stands still until the pause is over; who is nil for the reporter.
func (h *halt) stand(who *Loop) {
	h.stopped <- stop{who, time.Now()} // has room
	<-h.over
}

// next is when the loop's next tick is due, if it has anything to tick.  For the owner of a paused engine.
func (l *Loop) next() int64 {
	if !l.idle() {
		return l.due
	}
	return l.soon()
}

// soon is the first of its deadlines that is still to come.
func (l *Loop) soon() int64 {
	return l.first + (monotonic()-l.first)/int64(frameTime)*int64(frameTime) + int64(frameTime)
}

func (e *Engine) isPaused() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.halt != nil
}
