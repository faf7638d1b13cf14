package rooms

// Admits is the error that Reserve would give to the last of n callers who come now, or nil. It keeps no seat for them.
func (d *Directory) Admits(number string, n int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r, inside := d.rooms[number], 0
	if r != nil {
		inside = len(r.seats) - r.links
	}
	switch {
	case d.closed:
		return ErrClosed
	case d.seats+n > d.config.MaxLegs:
		return ErrFull
	case inside+n > d.config.MaxParticipants:
		return ErrRoomFull
	case r != nil && r.locked:
		return ErrLocked
	}
	return nil
}
