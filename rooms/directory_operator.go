package rooms

// SilenceOne keeps the room from hearing one call that is inside, also a host's, or lets it hear it again: Silence for one. It lasts until
// somebody else is on the call, or Silence says otherwise for all. was says whether the room was kept from hearing it before, and muted whether he
// has muted himself, which stays as it is. False when the call is not inside, or the loop does not answer.
func (d *Directory) SilenceOne(number, id string, silent bool) (was, muted, ok bool) {
	d.mu.Lock()
	r := d.rooms[number]
	d.mu.Unlock()
	if r == nil {
		return false, false, false
	}
	var before flags
	found := false
	if !r.wait(func() { before, found = r.silenceOne(id, silent) }) {
		return false, false, false // and what the loop may still write is not read
	}
	return before.silenced, before.muted, found
}

// silenceOne says what he was before, and whether he is inside. On the loop.
func (r *Room) silenceOne(id string, silent bool) (before flags, ok bool) {
	for _, p := range r.members {
		if p.id == id && p.phase == inside {
			before, p.flags.silenced = p.flags, silent
			return before, true
		}
	}
	return flags{}, false
}
