package phone

import (
	"sync"
	"time"
)

// beat is the step of the pump. All packet lengths that a phone may send are multiples of it, and the calls of a process
// are spread over the beats, as real phones' clocks are spread, so that the server does not meet them all at once.
const beat = 5 * time.Millisecond

// Pump is the clock of many calls: one goroutine that, at absolute times, lets each call read what has come and send
// its next packet. A timer per call would cost more than the call. Safe for concurrent use; close it after the phones.
type Pump struct {
	mu    sync.Mutex
	lines []*line // replaced, never changed in place: the beat goes over it without the lock
	next  int
	stats PumpStats

	count uint64 // beats so far; the pump's goroutine only
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// PumpStats says how well the pump kept its own time. A late pump makes a late generator, not a late server:
// look here first when figures look bad.
type PumpStats struct {
	Beats   uint64
	Skipped uint64        // beats left out because the process was held up for more than maxCatchUp
	LateMax time.Duration // latest begin of a beat
	Late    uint64        // beats that began more than lateBeat late
}

// lateBeat is the least that a jitter buffer waits for its slowest packet: one that is later may be missed in it.
const lateBeat = 4 * time.Millisecond

// maxCatchUp is how far the pump runs behind before it gives beats up: as long as a phone's own send buffer.
const maxCatchUp = 200 * time.Millisecond

// NewPump starts a pump. Its goroutine ends with Close.
func NewPump() *Pump {
	p := newStoppedPump()
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go p.run()
	return p
}

// newStoppedPump is a pump without a goroutine: a test calls step and so makes an hour of telephony in a second.
func newStoppedPump() *Pump { return &Pump{} }

func (p *Pump) run() {
	defer close(p.done)
	timer := time.NewTimer(beat)
	defer timer.Stop()
	due := time.Now().Add(beat)
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
		}
		for now := time.Now(); !due.After(now); now = time.Now() {
			skipped := p.late(now.Sub(due))
			p.count += skipped
			due = due.Add(time.Duration(skipped) * beat)
			p.step(now)
			due = due.Add(beat)
		}
		timer.Reset(time.Until(due))
	}
}

// late notes how late a beat is and returns how many beats to leave out.
func (p *Pump) late(by time.Duration) (skip uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.LateMax = max(p.stats.LateMax, by)
	if by > lateBeat {
		p.stats.Late++
	}
	if by > maxCatchUp {
		skip = uint64(by / beat)
		p.stats.Skipped += skip
	}
	return skip
}

// step is one beat.
func (p *Pump) step(now time.Time) {
	p.mu.Lock()
	lines := p.lines
	p.stats.Beats++
	p.mu.Unlock()
	p.count++
	for _, l := range lines {
		l.beat(p.count, now)
	}
}

func (p *Pump) add(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.phase = uint64(p.next)
	p.next++
	p.lines = append(p.lines[:len(p.lines):len(p.lines)], l)
}

func (p *Pump) remove(l *line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := make([]*line, 0, len(p.lines))
	for _, other := range p.lines {
		if other != l {
			rest = append(rest, other)
		}
	}
	p.lines = rest
}

// Stats returns the pump's own punctuality.
func (p *Pump) Stats() PumpStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Close stops the clock and waits for the last beat. Idempotent.
func (p *Pump) Close() {
	p.once.Do(func() {
		if p.stop != nil {
			close(p.stop)
			<-p.done
		}
	})
}
