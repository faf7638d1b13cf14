package dialout

import (
	"context"
	"time"
)

// place is a number in a room. While somebody is called there, or talks, it is claimed, and nobody dials it.
type place struct {
	room Room
	key  Key
}

// begin admits a dial-out: its number is claimed. The cause is why not.
func (d *Dialer) begin(j *dial, key Key) Cause {
	d.mu.Lock()
	defer d.mu.Unlock()
	j.lease = Lease{Room: j.Room, Caller: d.rules.Key(j.Caller), Link: j.Link}
	if d.closed {
		return ShuttingDown
	}
	if _, claimed := d.claims[place{j.Room, key}]; claimed {
		return AlreadyCalled
	}
	d.hold(&j.lease, key)
	d.begun++
	j.order, j.calling = d.begun, Calling{Room: j.Room, Number: j.Number}
	d.dials[j] = struct{}{}
	d.running.Add(1) // Done in dial
	return ""
}

// hold adds a number to a lease. The lock is held.
func (d *Dialer) hold(l *Lease, key Key) {
	d.claims[place{l.Room, key}] = l
	l.Keys = append(l.Keys, key)
}

// claim adds a number to a lease unless somebody has it.
func (d *Dialer) claim(l *Lease, key Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, claimed := d.claims[place{l.Room, key}]; claimed {
		return false
	}
	d.hold(l, key)
	return true
}

// older is the numbers that are claimed for the conferences that there were before under the number of that one: who is called there, or
// talks. Of each it says what is closed when the claim is dropped.
func (d *Dialer) older(room Room) map[Key][]<-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	older := make(map[Key][]<-chan struct{})
	for at, l := range d.claims {
		if at.room.Number != room.Number || at.room.Incarnation >= room.Incarnation {
			continue
		}
		if d.awaited[l] == nil {
			d.awaited[l] = make(chan struct{})
		}
		older[at.key] = append(older[at.key], d.awaited[l])
	}
	return older
}

// talks reports whether a number that was called into a room has been answered, and the call goes on.
func (d *Dialer) talks(room Room, key Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.claims[place{room, key}]
	return l != nil && l.Trunk != ""
}

// end takes a dial-out off the books, or leaves what it holds to its call.
func (d *Dialer) end(j *dial, r *Result) {
	if r.Call == nil && j.seat != nil {
		d.guard("giving a seat back", j.seat.Release)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.dials, j)
	if r.Call == nil {
		d.drop(&j.lease, j.counted)
		return
	}
	j.lease.Trunk = r.Trunk
	h := d.keep(r.Call, &j.lease, j.seat) // before Done, so Close waits for it too
	r.Lease, r.Seat, r.Over = j.lease, j.seat, h.over
}

// holding is an answered call and what it holds until it ends. Immutable.
type holding struct {
	call  Call
	lease *Lease
	seat  Seat          // nil: none was kept
	over  chan struct{} // closed when it is given back
}

// keep leaves to a call what it holds. The lock is held.
func (d *Dialer) keep(call Call, l *Lease, seat Seat) *holding {
	h := &holding{call, l, seat, make(chan struct{})}
	d.holdings[h] = struct{}{}
	d.running.Go(func() { d.outlast(h) })
	return h
}

// outlast is the goroutine "answered call": it gives back what a call holds when the call has ended, and closes over then.
func (d *Dialer) outlast(h *holding) {
	ended := true
	d.guard("answered call", func() {
		select {
		case <-h.call.Done():
		case <-d.stopped:
			ended = false
		}
		if ended && h.seat != nil {
			h.seat.Release() // if nobody has taken it
		}
	})
	if !ended {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := trunkNamed(d.trunks, h.lease.Trunk); t != nil {
		t.calls--
	}
	delete(d.holdings, h)
	d.drop(h.lease, !h.lease.Link)
	close(h.over)
}

// drop gives back a lease's numbers and, if it is counted, its place in the counts. The lock is held.
func (d *Dialer) drop(l *Lease, counted bool) {
	for _, key := range l.Keys {
		delete(d.claims, place{l.Room, key})
	}
	if dropped := d.awaited[l]; dropped != nil {
		close(dropped)
		delete(d.awaited, l)
	}
	if counted {
		d.usage.end(l.Room.Number, l.Caller)
	}
	d.serve()
}

// note counts the outcome and logs it. From then on it is under way, until noted.
func (d *Dialer) note(req Request, r Result, took time.Duration) Result {
	d.mu.Lock()
	d.underWay++
	d.outcomes[r.Outcome]++
	d.mu.Unlock()
	d.log.LogAttrs(context.Background(), r.level(), "dialled", r.attrs(req, took)...)
	return r
}
