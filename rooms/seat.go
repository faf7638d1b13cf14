package rooms

import (
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/media"
)

// Call is what a room needs of a call; *sip.Call is one.
type Call interface {
	ID() string                    // unique among all calls
	Caller() (name, number string) // for the roster
	Leg() *media.Leg               // its media
	Hangup(reason string)          // ends it; does not wait for that
	Done() <-chan struct{}         // closed when it has ended
}

// Seat is a place in a room, reserved for one call. Safe for concurrent use.
type Seat struct {
	directory *Directory
	room      *Room
	state     atomic.Int32 // reserved, then taken, then free; or reserved, then free
	invited   bool         // never changes
	link      bool         // is for a link, which is no person; set before it is taken, guarded by Directory.mu
	dismissed bool         // its call is being hung up; guarded by Directory.mu
	inside    bool         // its call has entered; guarded by Directory.mu

	incarnation atomic.Uint64 // of the room, for whose it is
}

const (
	reserved int32 = iota
	taken
	free
)

// Room is the number of the room.
func (s *Seat) Room() string { return s.room.number }

// Incarnation says which of the conferences under that number it is in.
func (s *Seat) Incarnation() uint64 { return s.incarnation.Load() }

// ForLink says, before the seat is taken, that it is for a link: the call of a line to another conference, and no person. A link is heard and
// hears as anybody does, but where people are counted it is not one: it comes and goes without a tone, and a room in which
// nobody but links is has no conference. One who was invited goes in when there are people inside, of whichever conference
// under the number they are, for the line is the room's.
func (s *Seat) ForLink() {
	s.directory.mu.Lock()
	defer s.directory.mu.Unlock()
	if _, held := s.room.seats[s]; held && !s.link && s.state.Load() == reserved {
		s.link = true
		s.room.links++
	}
}

// Join takes the seat after the call is answered: the call's leg moves to the room's loop, and from
// the next tick on the call hears the room and is heard. It is Wait and then Enter. It does not wait for that. The participant
// belongs to the caller, who ends it with Leave before he closes the leg. If the room has ended
// since Reserve (it broke, or the directory was closed), the call is hung up. A seat that is taken
// or released already gives a participant who has left.
func (s *Seat) Join(call Call) *Participant {
	p := s.Wait(call)
	p.Enter()
	return p
}

// Wait takes the seat as Join does, but the call comes into the ante-room: it hears what is played to
// it, and the room and it know nothing of each other until it enters.
func (s *Seat) Wait(call Call) *Participant {
	name, number := call.Caller()
	p := &Participant{id: call.ID(), name: name, number: number, since: time.Now(), leg: call.Leg(), seat: s, link: s.link}
	if !s.state.CompareAndSwap(reserved, taken) {
		return &Participant{id: p.id, name: name, number: number, since: p.since, phase: gone}
	}
	if !s.directory.seated(s, call) {
		call.Hangup("room has ended")
	}
	s.room.do(func() { s.room.admit(p) })
	return p
}

// Release gives a seat back that was never taken. After Join it does nothing. Safe to call twice.
func (s *Seat) Release() {
	if s.state.CompareAndSwap(reserved, free) {
		s.directory.free(s)
	}
}
