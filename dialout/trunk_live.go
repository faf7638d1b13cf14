package dialout

import (
	"context"
	"slices"
	"time"

	"github.com/sipconf/sipconf/asterisk/pattern"
)

// trunk is a Trunk at work. What it is now is guarded by the Dialer's lock.
type trunk struct {
	Trunk
	numbers []pattern.Pattern
	pace    pace
	look    chan struct{} // holds one while the probe is to look at once
	hush    func()        // gives up the probe that is out; nil: none is

	up        bool
	since     time.Time // when it went up or down
	rests     time.Time // it is left alone until then: a 503 with Retry-After
	calls     int       // lines in use
	attempts  uint64
	answered  uint64
	failovers uint64 // attempts after which the next trunk was wanted
	lastError string // of the last such attempt, or of the last probe that failed
}

func newTrunk(t Trunk, numbers []pattern.Pattern) *trunk {
	return &trunk{Trunk: t, numbers: numbers, pace: newPace(t.Rate), look: make(chan struct{}, 1), up: true, since: time.Now()}
}

func trunkNamed(trunks []*trunk, name string) *trunk {
	if at := slices.IndexFunc(trunks, func(t *trunk) bool { return t.Name == name }); at >= 0 {
		return trunks[at]
	}
	return nil
}

// takes reports whether the trunk is one for that number, as dialled.
func (t *trunk) takes(number string) bool {
	return len(t.numbers) == 0 || matchesAny(t.numbers, number)
}

// full reports whether no line is free. The lock is held.
func (t *trunk) full() bool { return t.MaxCalls > 0 && t.calls >= t.MaxCalls }

// maxRest is how long a peer may ask to be left alone. Who is overloaded may say an hour, and the office
// would be without its trunk for that long.
const maxRest = 5 * time.Minute

// learn takes note of how an attempt on t failed.
func (d *Dialer) learn(t *trunk, failure *Failure) {
	if !failure.Class.failsOver() {
		return
	}
	d.mu.Lock()
	t.failovers++
	t.lastError = failure.Error()
	until := time.Now().Add(min(failure.RetryAfter, maxRest))
	rests := failure.Class == Congested && failure.RetryAfter > 0 && until.After(t.rests)
	if rests {
		t.rests = until
		d.rouse(t)
	}
	d.mu.Unlock()
	if rests {
		d.log.Warn("trunk is left alone for a while, as it asked for", "trunk", t.Name, "err", failure, "for", min(failure.RetryAfter, maxRest))
	}
	if failure.Class == OutOfReach {
		t.lookNow()
	}
}

// lookNow has the probe look at once, if there is one.
func (t *trunk) lookNow() {
	select {
	case t.look <- struct{}{}:
	default:
	}
}

// How often a trunk that is down is probed, and how long it has to answer.
const (
	probeDown    = 5 * time.Second
	probeTimeout = 4 * time.Second
)

// probe is the goroutine "trunk probe": it keeps up until ctx is done.
func (d *Dialer) probe(ctx context.Context, t *trunk) {
	t.lookNow()
	timer := time.NewTimer(t.Probe)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-t.look:
		}
		if ctx.Err() != nil {
			return
		}
		switch up, heard := d.ask(ctx, t); {
		case !heard:
			t.lookNow() // after the pause
		case up:
			timer.Reset(t.Probe)
		default:
			timer.Reset(min(t.Probe, probeDown))
		}
	}
}

// ask asks a trunk for a sign of life, once the dialler is not paused. Nothing is heard when it is paused meanwhile, or closed.
func (d *Dialer) ask(ctx context.Context, t *trunk) (up, heard bool) {
	asking, hush := context.WithCancel(ctx)
	defer hush()
	if d.depart(asking, func() { t.hush = hush }) != nil {
		return false, false
	}
	defer d.landed(func() { t.hush = nil })
	probing, cancel := context.WithTimeout(asking, probeTimeout)
	defer cancel()
	err := errPanic
	d.guard("probe", func() { err = d.config.Inviter.Probe(probing, t.Trunk) })
	if ctx.Err() != nil || asking.Err() != nil && err != nil {
		return false, false
	}
	d.heard(t, err)
	return err == nil, true
}

// heard says what a probe found.
func (d *Dialer) heard(t *trunk, err error) {
	now := time.Now()
	d.mu.Lock()
	if err != nil {
		t.lastError = err.Error()
	}
	changed, before := t.up != (err == nil), t.since
	if changed {
		t.up, t.since = err == nil, now
		d.rouse(t)
	}
	d.mu.Unlock()
	switch {
	case changed && err == nil:
		d.log.Info("trunk is up", "trunk", t.Name, "after", now.Sub(before))
	case changed:
		d.log.Warn("trunk is down", "trunk", t.Name, "address", t.Address, "err", err)
	}
}
