package rooms

import "github.com/sipconf/sipconf/media"

// Broken ends a room whose Tick has panicked; media has already taken it off its loop, so its
// participants would be in silence for ever. Their calls are hung up; other rooms go on, and the
// next who dials the number gets a new room. It is meant for media.Config.Broken.
func (d *Directory) Broken(bus media.Bus, _ any) {
	r, ok := bus.(*Room)
	if !ok {
		return
	}
	calls := d.abandon(r)
	r.do(r.end)
	for _, call := range calls {
		call.Hangup("room failed")
	}
}

// failed hangs up the call of an event that nobody could make anything of but a panic. Other calls go on.
func (d *Directory) failed(e Event) {
	if e.Call != "" {
		d.Dismiss(e.Room, e.Call, "internal error")
	}
}

// abandon discards a room and returns the calls that are in it.
func (d *Directory) abandon(r *Room) []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var calls []Call
	for _, call := range r.seats {
		if call != nil {
			calls = append(calls, call)
		}
	}
	d.discard(r)
	return calls
}

// Close ends all rooms, their recordings and the journal and waits for them. Participants are out of their rooms then;
// their calls are not hung up, that is for whoever has them. Safe to call twice.
func (d *Directory) Close() {
	for _, r := range d.shut() {
		r.wait(func() { r.dismiss("server closed"); r.end() })
	}
	d.endRecordings()
	d.journal.close()
}

// shut refuses new seats and forgets all rooms, which it returns.
func (d *Directory) shut() []*Room {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	var ended []*Room
	for _, r := range d.rooms {
		ended = append(ended, r)
	}
	for _, r := range ended {
		d.discard(r)
	}
	return ended
}
