package rooms

// Silence keeps the room from hearing all who are no hosts, and whoever comes in, or lets it hear them again; each of them has his
// own mute besides (Participant.Mute). What somebody says to another who is aside with him is not the room's and is
// heard. said is announced to the room with it, so that what is said last is what is. It is over when the last one has left.
func (d *Directory) Silence(number string, silent bool, said Sound) {
	d.on(number, func(r *Room) {
		r.silence(silent)
		r.announce(announcement{about: Voices, sound: said})
	})
}

func (r *Room) silence(silent bool) {
	r.silent = silent
	for _, p := range r.members {
		p.flags.silenced = silent && !p.flags.host
	}
}

// Dismiss hangs up a call that is in the room. again says that it was dismissed before, and has not ended yet. One that
// has left is no error.
func (d *Directory) Dismiss(number, id, reason string) (again bool) {
	call, again := d.dismiss(number, id)
	if call != nil && !again {
		call.Hangup(reason)
	}
	return again
}

// dismiss finds the call and notes that it is dismissed.
func (d *Directory) dismiss(number, id string) (call Call, again bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[number]
	if r == nil {
		return nil, false
	}
	for s, call := range r.seats {
		if call != nil && call.ID() == id {
			again, s.dismissed = s.dismissed, true
			return call, again
		}
	}
	return nil, false
}

// on runs f on the loop of the room, if there is such a room. It does not wait for that.
func (d *Directory) on(number string, f func(*Room)) {
	d.mu.Lock()
	r := d.rooms[number]
	d.mu.Unlock()
	if r != nil {
		r.do(func() { f(r) })
	}
}
