package rooms

import (
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/media"
)

// RoomSnapshot is a room at one moment. Plain data.
type RoomSnapshot struct {
	Number       string
	Incarnation  uint64                // the conference of now
	Since        time.Time             // when it was created
	Silenced     bool                  // a host has silenced all who are no hosts, and whoever comes in
	Participants []ParticipantSnapshot // in the order of joining; empty while seats are only reserved
}

// ParticipantSnapshot is a participant at one moment. Plain data.
type ParticipantSnapshot struct {
	ID, Name, Number string
	Since            time.Time // when he joined
	Waiting, Aside   bool      // is in the ante-room; has stepped aside
	Link             bool      // it is a line to another conference, and no person
	Host             bool      // no host silences him
	Muted, Deaf      bool      // by his own decision
	Silenced         bool      // by a host's
	Held             bool      // by SIP
	Talking          bool      // has talked within the last half second
	Level            int       // dBFS of the last frame, -127 to 0; -127 while he is not heard
	Digits           string    // the last 16 he pressed, oldest first
	DigitCount       int       // how many he pressed in all
	Codec            string
	Stats            media.LegStats
}

// Snapshot describes all rooms, sorted by number. Each is described on its loop, between two ticks, and
// costs nothing when nobody asks; the answer comes within a tick or two. Rooms whose loop is closed or
// does not answer within a second are left out.
func (d *Directory) Snapshot() []RoomSnapshot {
	all := d.inquiries()
	asked := all[:0]
	for _, q := range all {
		if q.of.do(q.answer) {
			asked = append(asked, q)
		}
	}
	late := time.NewTimer(loopTime)
	defer late.Stop()
	var rooms []RoomSnapshot
	for _, q := range asked {
		if q.wait(late) {
			rooms = append(rooms, q.room)
		}
	}
	slices.SortFunc(rooms, func(a, b RoomSnapshot) int { return strings.Compare(a.Number, b.Number) })
	return rooms
}

// Look describes one room; false if there is none, or if its loop does not answer.
func (d *Directory) Look(number string) (RoomSnapshot, bool) {
	d.mu.Lock()
	r := d.rooms[number]
	if r == nil {
		d.mu.Unlock()
		return RoomSnapshot{}, false
	}
	q := r.inquiry()
	d.mu.Unlock()
	late := time.NewTimer(loopTime)
	defer late.Stop()
	if !r.do(q.answer) || !q.wait(late) {
		return RoomSnapshot{}, false
	}
	return q.room, true
}

// inquiry asks a room what it is.
type inquiry struct {
	of   *Room
	room RoomSnapshot // the answer; with memory for the participants
	done chan struct{}
}

// inquiries are those of all rooms.
func (d *Directory) inquiries() []*inquiry {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make([]*inquiry, 0, len(d.rooms))
	for _, r := range d.rooms {
		all = append(all, r.inquiry())
	}
	return all
}

// inquiry makes one. Its memory is taken here and not on the loop. Directory.mu is held.
func (r *Room) inquiry() *inquiry {
	return &inquiry{of: r, done: make(chan struct{}), room: RoomSnapshot{
		Number: r.number, Incarnation: r.incarnation, Since: r.created, Participants: make([]ParticipantSnapshot, 0, len(r.seats)),
	}}
}

// answer fills the inquiry in. On the loop.
func (q *inquiry) answer() {
	defer close(q.done)
	q.room.Silenced = q.of.silent
	for _, p := range q.of.members {
		q.room.Participants = append(q.room.Participants, p.snapshot())
	}
}

// wait waits for the answer, at most until the timer has run out. An answer that is there counts
// even then.
func (q *inquiry) wait(late *time.Timer) bool {
	select {
	case <-q.done:
		return true
	default:
	}
	select {
	case <-q.done:
		return true
	case <-late.C:
		late.Reset(0) // it has run out for the next inquiry too
		return false
	}
}

// snapshot describes the participant. On the loop.
func (p *Participant) snapshot() ParticipantSnapshot {
	s := ParticipantSnapshot{
		ID: p.id, Name: p.name, Number: p.number, Since: p.since,
		Waiting: p.phase == waiting, Aside: p.flags.aside, Link: p.link, Held: p.leg.Held(),
		Host: p.flags.host, Muted: p.flags.muted, Deaf: p.flags.deaf, Silenced: p.flags.silenced,
		Talking: p.voice.Talking, Level: int(p.voice.Level),
		Digits: p.keys.last(), DigitCount: p.keys.count, Stats: p.leg.Stats(),
	}
	if c := p.leg.Codec(); c != nil {
		s.Codec = c.Name
	}
	return s
}
