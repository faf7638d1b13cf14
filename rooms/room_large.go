package rooms

import (
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mixer"
)

// A room is large when a crew is ready to do its tick: with 256 members that is 0.8 to 2.5 ms of work, as the machine is, and to share it
// costs 0.1 ms. Between the two figures a room stays what it is.
const (
	largeFrom = 256 // members
	smallFrom = 191
)

// sharedFrom is with how many members the crew does it. Together they are done in half of the time, with two cores, but take some 7 % more CPU: so below
// that the loop does it alone, unless it labours.
const sharedFrom = media.FullLoop

// large is what a room needs besides while it is large. The zero value is that of a small room.
type large struct {
	crew   *media.Crew // nil: the room is small
	shared bool        // the crew does the tick, if there is one, from now on; the only field that outlives the loop
	desks  []desk      // by the number of the hand
	news   []bool      // of which member there is something to tell

	sockets media.Sockets // of the members, as of the last tick

	pushes bool // the step under way: the crew pushes; else it pulls
	now    int64
}

// resize makes a large room of a small one, or a small one of a large one, when somebody has joined
// or left.
func (r *Room) resize() {
	switch n := len(r.members); {
	case n <= smallFrom:
		r.large = large{}
	case n >= largeFrom, r.large.shared: // which has come from another loop while it shrinks
		r.enlarge(r.loop.Crew())
	}
}

// enlarge lets a crew do the tick from now on, if there is one, and makes ready for all members. Not
// in the tick.
func (r *Room) enlarge(crew *media.Crew) {
	if crew == nil {
		return
	}
	l, size := &r.large, len(r.work.quiet)
	if l.crew != crew {
		*l = large{crew: crew, shared: l.shared, desks: make([]desk, crew.Hands())}
		for i := range l.desks {
			l.desks[i] = newDesk(size)
			l.desks[i].heard = make([]int32, size)
		}
	}
	if n := len(r.members); n > len(l.news) {
		l.news = make([]bool, 2*n)
	}
	l.sockets.Reserve(len(r.members))
	crew.Ready(len(r.members), size)
}

// shares says whether the crew does this tick. What it has begun to do it goes on with, as long as the room is large.
func (r *Room) shares() bool {
	l := &r.large
	if l.crew == nil {
		return false
	}
	if !l.shared {
		l.shared = len(r.members) >= sharedFrom || r.loop.Labours()
	}
	return l.shared
}

// tickTogether is Tick in a large room: the crew does what is to be done for each member, nearly all
// of it, and the loop what comes between. Integers add up to the same in any order, so that the sound
// is to the last bit what the loop alone would make of it.
func (r *Room) tickTogether(now int64) {
	l := &r.large
	l.now, l.pushes = now, false
	l.crew.Step(r, len(r.members))
	r.tellAll()
	r.mix(r.gather())
	l.pushes = true
	l.crew.Step(r, len(r.members))
}

// Part does the step under way for some members. For the crew.
func (r *Room) Part(h *media.Hand, first, end int) {
	l := &r.large
	d := &l.desks[h.Number()]
	members := r.members[first:end]
	if !l.pushes {
		l.sockets.Fetch(first, end)
	}
	for i, p := range members {
		fetchAhead(members[i:])
		h.Take(p.leg)
		if l.pushes {
			r.push(d, p, l.now)
		} else {
			l.sockets.Note(first+i, p.leg)
			l.news[first+i] = p.pull(l.now)
			d.add(p)
		}
		h.Give(p.leg)
	}
}

// add adds what a member has said to what the others have for whom this hand has pulled.
func (d *desk) add(p *Participant) {
	if p.heard {
		mixer.Add(d.heard, p.frame)
		d.loudest += mixer.Peak(p.frame)
	}
}

// tellAll makes the events, in the order of the members.
func (r *Room) tellAll() {
	for i, p := range r.members {
		if r.large.news[i] {
			r.tell(p)
		}
	}
}

// gather adds up what the hands have added up, clears their desks, and returns what all the peaks
// add up to.
func (r *Room) gather() (loudest int) {
	w := r.work
	mixer.Zero(w.voices)
	for i := range r.large.desks {
		d := &r.large.desks[i]
		d.shared.reset()
		if d.loudest == 0 {
			continue // nobody was heard, or nothing
		}
		loudest += d.loudest
		for s, voice := range d.heard {
			w.voices[s] += voice
		}
		d.loudest = 0
		mixer.Zero(d.heard)
	}
	return loudest
}
