package dialout

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Saved is what a Dialer leaves to the next process. Who waits to be dialled is not in it: he is his inviter's. Plain data, for encoding/gob.
type Saved struct {
	Instance string // ours, in the marks
	Usage    Usage  // the counts of today; who talks counts by his lease
	Trunks   []TrunkImage
	Leases   []LeaseImage
	Dials    []DialImage // in the order in which they were asked for
	Outcomes []OutcomeCount
	Panics   uint64
}

// TrunkImage is a trunk as far as it is not configured. Plain data, for encoding/gob.
type TrunkImage struct {
	Name      string
	Up        bool // by the probe
	Since     time.Time
	Rests     time.Time // until when it is left alone
	Next      time.Time // when its pace lets the next INVITE go
	Attempts  uint64
	Answered  uint64
	Failovers uint64
	LastError string
}

// LeaseImage is what a call holds that was answered. Plain data, for encoding/gob.
type LeaseImage struct {
	Call string // its ID
	Lease
}

// OutcomeCount is how many dial-outs have ended like that. Plain data, for encoding/gob.
type OutcomeCount struct {
	Outcome
	Times uint64
}

// Save writes down what the next process needs. Only while it is paused.
func (d *Dialer) Save() *Saved {
	d.mu.Lock()
	s := &Saved{Instance: d.instance, Usage: d.usage.resting(), Panics: d.panics.Load()}
	for j := range d.dials {
		if j.unused != nil {
			s.Usage.refund(j, j.unused)
		}
	}
	for _, t := range d.trunks {
		s.Trunks = append(s.Trunks, t.save())
	}
	for outcome, n := range d.outcomes {
		s.Outcomes = append(s.Outcomes, OutcomeCount{outcome, n})
	}
	slices.SortFunc(s.Outcomes, func(a, b OutcomeCount) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Code, b.Code))
	})
	answers := d.saveDials(s)
	var held []*holding
	for h := range d.holdings {
		held = append(held, h)
	}
	d.mu.Unlock()
	for i, call := range answers {
		s.Dials[i].Call = call.ID()
	}
	for _, h := range held {
		s.Leases = append(s.Leases, LeaseImage{h.call.ID(), *h.lease})
	}
	slices.SortFunc(s.Leases, func(a, b LeaseImage) int { return cmp.Compare(a.Call, b.Call) })
	return s
}

// restore takes over what another process has left. In New.
func (d *Dialer) restore(s *Saved) {
	if s == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resumed = make(chan struct{})
	d.instance = cmp.Or(s.Instance, d.instance)
	d.usage = s.Usage.clone()
	d.usage.turn(dayOf(time.Now(), d.config.Location))
	d.panics.Store(s.Panics)
	for i := range s.Trunks {
		if t := trunkNamed(d.trunks, s.Trunks[i].Name); t != nil {
			t.restore(&s.Trunks[i])
		}
	}
	for _, o := range s.Outcomes {
		d.outcomes[o.Outcome] = o.Times
	}
	for _, l := range s.Leases {
		if call := d.restored(l.Call); call != nil {
			d.adopt(l.Lease, call)
		}
	}
	for i := range s.Dials {
		d.restoreDial(&s.Dials[i])
	}
}

// restored is the call of that ID that there was in the process before; nil: it is over.
func (d *Dialer) restored(id string) Call {
	if d.config.Call == nil {
		return nil
	}
	return d.config.Call(id)
}

// adopt takes up a call that a Dialer of another process has brought in: it holds what it held there, also if that is more than the limits
// are now. The lock is held.
func (d *Dialer) adopt(l Lease, call Call) {
	held := &Lease{Room: l.Room, Caller: l.Caller, Trunk: l.Trunk, Link: l.Link}
	if !l.Link {
		d.usage.begin(l.Room.Number, l.Caller) // for now, not for today
	}
	for _, key := range l.Keys {
		if _, claimed := d.claims[place{l.Room, key}]; !claimed {
			d.hold(held, key)
		}
	}
	if t := trunkNamed(d.trunks, l.Trunk); t != nil {
		t.calls++
	}
	d.keep(call, held, nil)
}

// held is what the call of that ID holds; nil: nothing, it is not one of ours, or over.
func (d *Dialer) held(call string) *holding {
	d.mu.Lock()
	held := slices.Collect(maps.Keys(d.holdings))
	d.mu.Unlock()
	for _, h := range held {
		if h.call.ID() == call {
			return h
		}
	}
	return nil
}

// Over is closed when what the call of that ID holds is given back, so that its number may be dialled again, as Result.Over is. A call that
// holds nothing has given it back.
func (d *Dialer) Over(call string) <-chan struct{} {
	if h := d.held(call); h != nil {
		return h.over
	}
	over := make(chan struct{})
	close(over)
	return over
}

// save writes a trunk down. The Dialer's lock is held, and nobody has the turn of the pace who could go.
func (t *trunk) save() TrunkImage {
	return TrunkImage{
		Name: t.Name, Up: t.up, Since: t.since, Rests: t.rests, Next: t.pace.next,
		Attempts: t.attempts, Answered: t.answered, Failovers: t.failovers, LastError: t.lastError,
	}
}

// restore makes it again. One that is not probed any more is up.
func (t *trunk) restore(im *TrunkImage) {
	if t.Probe > 0 || im.Up {
		t.up, t.since = im.Up, im.Since
	}
	t.rests, t.pace.next = im.Rests, im.Next
	t.attempts, t.answered, t.failovers, t.lastError = im.Attempts, im.Answered, im.Failovers, im.LastError
}
