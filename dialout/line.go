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
	dial    *dial
	ways    []route
	granted chan route // holds the line that it was given, or the zero route: look again
}

// obstacles are what may be in the way of a line, those first that say more. Those before lasting pass, if one waits.
var obstacles = []Cause{NoLine, RoomAtOnce, CallerAtOnce, Congestion, TrunkDaily, RoomDaily, CallerDaily, TrunkDown}

const lasting = 4

// grant gives a dial-out a line of t, and counts it. The cause is why not. The lock is held, and usage is of today.
func (d *Dialer) grant(j *dial, t *trunk, now time.Time) (cause Cause) {
	switch {
	case !t.up:
		return TrunkDown
	case reached(d.usage.Trunks[t.Name], t.MaxDaily):
		return TrunkDaily
	}
	if !t.Internal && !j.spent && !j.Link { // those to colleagues are nobody's loss
		if cause = d.usage.today(j.Room.Number, j.lease.Caller, d.config.Limits); cause != "" {
			return cause
		}
	}
	switch {
	case now.Before(t.rests):
		return Congestion
	case t.full():
		return NoLine
	}
	if !j.counted && !j.Link {
		if cause = d.usage.now(j.Room.Number, j.lease.Caller, d.config.Limits); cause != "" {
			return cause
		}
		d.usage.begin(j.Room.Number, j.lease.Caller)
		j.counted = true
	}
	j.last = spending{d.usage.Day, !t.Internal && !j.spent && !j.Link}
	if j.last.own {
		d.usage.spend(j.Room.Number, j.lease.Caller, 1)
		j.spent = true
	}
	d.usage.Trunks[t.Name]++
	t.calls++
	j.unused = t
	return ""
}

// takeBack is release of the first line that a dial-out was granted and cannot use: it was not dialled, and does not count.
func (d *Dialer) takeBack(j *dial, t *trunk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if j.counted {
		d.usage.end(j.Room.Number, j.lease.Caller)
	}
	j.counted = false
	d.uncount(j, t)
	t.calls--
	d.serve()
}

// unsent takes back what a line of t has counted of the day, because nothing was sent over it. It is released as any other.
func (d *Dialer) unsent(j *dial, t *trunk) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.uncount(j, t)
}

// uncount does so, unless another day has begun since: that one was never charged. The lock is held.
func (d *Dialer) uncount(j *dial, t *trunk) {
	d.usage.turn(dayOf(time.Now(), d.config.Location))
	d.usage.refund(j, t)
	if j.last.own {
		j.spent = false
	}
	j.last, j.unused = spending{}, nil
}

// line takes a line on the first of the ways that has one, waiting for it for at most as long as wait.
// Without one the outcome says why. Who gets a line gives it back with release.
func (d *Dialer) line(ctx context.Context, j *dial, ways []route, wait time.Duration) (route, Outcome) {
	deadline := time.Now().Add(wait)
	for {
		if ctx.Err() != nil {
			return route{}, Outcome{State: Cancelled}
		}
		way, why, again, w := d.take(j, ways, time.Now(), deadline)
		if w == nil {
			return way, why
		}
		j.stands()
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
func (d *Dialer) take(j *dial, ways []route, now, deadline time.Time) (way route, why Outcome, again time.Time, w *waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usage.turn(dayOf(now, d.config.Location))
	again = deadline
	worst := len(obstacles) - 1
	for _, way := range ways {
		cause := d.grant(j, way.trunk, now)
		switch cause {
		case "":
			return way, Outcome{}, again, nil
		case Congestion:
			again = earlier(again, way.rests)
		}
		worst = min(worst, slices.Index(obstacles, cause))
	}
	why = failed(obstacles[worst])
	if why.Cause == TrunkDown {
		why.State = Unreachable
	}
	if worst < lasting && now.Before(deadline) {
		w = &waiter{j, ways, make(chan route, 1)}
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
	d.serve()
}

// serve gives free lines to those who have waited for one, or for a place within the limits, the longest; and has those look again who
// wait in vain. The lock is held.
func (d *Dialer) serve() {
	if len(d.waiting) == 0 {
		return
	}
	now := time.Now()
	d.usage.turn(dayOf(now, d.config.Location))
	d.waiting = slices.DeleteFunc(d.waiting, func(w *waiter) bool {
		vain := true
		for _, way := range w.ways {
			cause := d.grant(w.dial, way.trunk, now)
			if cause == "" {
				w.granted <- way
				return true
			}
			vain = vain && slices.Index(obstacles, cause) >= lasting
		}
		if vain {
			w.granted <- route{}
		}
		return vain
	})
}
