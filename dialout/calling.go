package dialout

import (
	"cmp"
	"slices"
)

// Calling is somebody who is called into a room, and how far he has come. Plain data.
type Calling struct {
	Room    Room
	Number  string // that is being dialled, or was dialled last
	Outcome        // Queued, Trying or Ringing while he is
}

// Underway are those who are being called into a room, in the order in which they were asked for.
func (d *Dialer) Underway(room Room) (all []Calling) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var dials []*dial
	for j := range d.dials {
		if j.Room == room {
			dials = append(dials, j)
		}
	}
	slices.SortFunc(dials, func(a, b *dial) int { return cmp.Compare(a.order, b.order) })
	for _, j := range dials {
		c := j.calling
		c.State = max(c.State, Queued) // nothing of it was told yet
		all = append(all, c)
	}
	return all
}

// advance notes how far a dial-out has come, and tells whoever wants to know.
func (j *dial) advance(number string, o Outcome) {
	d := j.dialer
	now := Calling{j.Room, number, o}
	d.mu.Lock()
	before := j.calling
	j.calling = now
	d.mu.Unlock()
	if now != before && d.config.OnChange != nil {
		d.guard("telling of a dial-out", func() { d.config.OnChange(now) })
	}
}
