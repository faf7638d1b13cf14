package media

import (
	"math/rand/v2"
	"sync"
	"time"
)

// How often RTCP goes out.  RFC 3550 section 6.2: 5 s at least for one call, and section 6.3.1: spread over 0.5 to 1.5 times
// that, so that the reports of all calls do not come at once.
const reportEvery = 5 * time.Second

// lookEvery is how often a socket of its own is read, besides before each report of ours: nobody waits for it, and a socket in which mostly nothing waits
// costs as much as half a packet of sound.
const lookEvery = 3 * time.Second

// reporter is the goroutine that serves the RTCP of all legs of an engine, off the tick: once a second it sees for which of them it is time.
type reporter struct {
	halts chan *halt
	stop  chan struct{}
	done  sync.WaitGroup
	once  sync.Once
}

// startReporter starts the goroutine, in a pause, or at once if h is nil; close ends it and waits.
func startReporter(e *Engine, h *halt) *reporter {
	r := &reporter{halts: make(chan *halt, 1), stop: make(chan struct{})}
	if h != nil {
		r.halts <- h
	}
	r.done.Add(1)
	go r.run(e)
	return r
}

func (r *reporter) close() {
	r.once.Do(func() { close(r.stop) })
	r.done.Wait()
}

func (r *reporter) run(e *Engine) {
	defer r.done.Done()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	b := make([]byte, maxDatagram) // one for all: of each leg it would be 2 KiB of garbage a second
	var legs []*Leg
	for {
		select {
		case <-r.stop:
			return
		case h := <-r.halts:
			h.stand(nil)
		case <-second.C:
			readWall() // no loop may be ticking
			legs = e.all(legs[:0])
			for i, leg := range legs {
				leg.control.serve(leg, monotonic(), b)
				legs[i] = nil // it may be closed before the next second
			}
		}
	}
}

// spread is the time to the next report.
func spread() int64 {
	return int64(reportEvery)/2 + rand.Int64N(int64(reportEvery))
}
