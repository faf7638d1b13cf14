package dialout

import (
	"slices"
	"time"
)

// Saved is what a Dialer leaves to the next process: who is dialling is not in it. Plain data.
type Saved struct {
	Instance string               // ours, in the marks
	Usage    Usage                // the counts of today
	Rests    map[string]time.Time // until when a trunk is left alone
}

// Save writes down what the next process needs. Who talks is taken up there with Adopt.
func (d *Dialer) Save() Saved {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Saved{Instance: d.instance, Usage: d.usage.resting(), Rests: make(map[string]time.Time)}
	for _, t := range d.trunks {
		if time.Now().Before(t.rests) {
			s.Rests[t.Name] = t.rests
		}
	}
	return s
}

// restore takes over what another process has left. In New.
func (d *Dialer) restore(s *Saved) {
	if s == nil {
		return
	}
	if s.Instance != "" {
		d.instance = s.Instance
	}
	d.usage = s.Usage.clone()
	for _, t := range d.trunks {
		t.rests = s.Rests[t.Name]
	}
}

// Adopt takes up a call that a Dialer of another process has brought in: it holds what it held there,
// also if that is more than the limits are now.
func (d *Dialer) Adopt(l Lease, call Call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	held := Lease{Room: l.Room, Caller: l.Caller, Trunk: l.Trunk, Link: l.Link}
	d.usage.turn(dayOf(time.Now(), d.config.Location))
	if !l.Link {
		d.usage.begin(l.Room.Number, l.Caller) // for now, not for today
	}
	for _, key := range slices.Compact(slices.Sorted(slices.Values(l.Keys))) {
		if _, claimed := d.claims[place{l.Room, key}]; !claimed {
			d.hold(&held, key)
		}
	}
	if t := trunkNamed(d.trunks, l.Trunk); t != nil {
		t.calls++
	}
	d.running.Go(func() { d.outlast(call, &held, nil, make(chan struct{})) })
}
