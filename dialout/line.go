package dialout

import (
	"context"
	"slices"
	"time"
)

// route is one way to a number: a trunk and what the number is called there.
type route struct {
	*trunk
	sent string
}

// routes are the ways to a number, in the order in which they are tried: over the trunk of that name
// alone if one is named, else over all that take the number. The cause is why there is none.
func (d *Dialer) routes(number, only string) (ways []route, cause Cause) {
	cause = NoTrunk
	for _, t := range d.trunks {
		if only != "" && t.Name != only || !t.takes(number) {
			continue
		}
		sent := t.rewrite(number)
		switch {
		case sent == "":
		case d.rules.denied(sent):
			cause = NotAllowed
		default:
			ways = append(ways, route{t, sent})
		}
	}
	return ways, cause
}

// waiter waits for a line on one of some trunks.
type waiter struct {
	ways    []route
	granted chan route // holds the line that it was given, or the zero route: look again
}

// line takes a line on the first of the ways that has one, waiting for it for at most as long as wait.
// Without one the outcome says why. Who gets a line gives it back with release.
func (d *Dialer) line(ctx context.Context, ways []route, wait time.Duration) (route, Outcome) {
	deadline := time.Now().Add(wait)
	for {
		if ctx.Err() != nil {
			return route{}, Outcome{State: Cancelled}
		}
		way, why, again, w := d.take(ways, time.Now(), deadline)
		if w == nil {
			return way, why
		}
		timer := time.NewTimer(time.Until(again))
		select {
		case way = <-w.granted:
		case <-timer.C:
			way = d.leave(w)
		case <-ctx.Done():
			way = d.leave(w)
		}
		timer.Stop()
		if way.trunk != nil {
			return way, Outcome{} // perhaps at the last moment: who is cancelled gives it back
		}
	}
}

// take takes a line that is free now. Without one, the outcome says why, and the waiter, if there is one,
// has been put into the queue until again, when there may be more to see.
func (d *Dialer) take(ways []route, now, deadline time.Time) (way route, why Outcome, again time.Time, w *waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	again = deadline
	var full, resting bool
	for _, way := range ways {
		switch {
		case !way.up:
		case now.Before(way.rests):
			resting = true
			again = earlier(again, way.rests)
		case way.full():
			full = true
		default:
			way.calls++
			return way, Outcome{}, again, nil
		}
	}
	switch {
	case full:
		why = failed(NoLine)
	case resting:
		why = failed(Congestion)
	default:
		return route{}, Outcome{State: Unreachable, Cause: TrunkDown}, again, nil
	}
	if now.Before(deadline) {
		w = &waiter{ways, make(chan route, 1)}
		d.waiting = append(d.waiting, w)
	}
	return route{}, why, again, w
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// leave takes w from the queue. If it is not there any more, it has been granted something.
func (d *Dialer) leave(w *waiter) route {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at := slices.Index(d.waiting, w); at >= 0 {
		d.waiting = slices.Delete(d.waiting, at, at+1)
		return route{}
	}
	return <-w.granted
}

// rouse has those who wait for a line of t look again, because t has gone up or down or rests. The lock is held.
func (d *Dialer) rouse(t *trunk) {
	d.waiting = slices.DeleteFunc(d.waiting, func(w *waiter) bool {
		if w.over(t) < 0 {
			return false
		}
		w.granted <- route{}
		return true
	})
}

// over is which of w's ways leads over t; -1: none does.
func (w *waiter) over(t *trunk) int {
	return slices.IndexFunc(w.ways, func(way route) bool { return way.trunk == t })
}

// release gives a line back.
func (d *Dialer) release(t *trunk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t.calls--
	d.hand(t)
}

// hand gives the free lines of t to those who have waited for one the longest. The lock is held.
func (d *Dialer) hand(t *trunk) {
	if !t.up || time.Now().Before(t.rests) {
		return
	}
	d.waiting = slices.DeleteFunc(d.waiting, func(w *waiter) bool {
		at := w.over(t)
		if at < 0 || t.full() {
			return false
		}
		t.calls++
		w.granted <- w.ways[at]
		return true
	})
}
