package rooms

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// Why there is no seat.
var (
	ErrRoomFull = errors.New("the room is full")            // 486: another room may have place
	ErrFull     = errors.New("the server is full")          // 503: no room has
	ErrLocked   = errors.New("the room is locked")          // 403: who is in it decides
	ErrClosed   = errors.New("the server is shutting down") // 503
	ErrDeserted = errors.New("the conference is over")      // to somebody invited: nobody is inside who could have him
	ErrTaken    = errors.New("there is such a room")        // to who wants a new one
)

// Engine is where rooms get their clocks; *media.Engine is one.
type Engine interface {
	Loop() *media.Loop               // where the next room goes
	Numbered(number int) *media.Loop // where one goes that had the loop with that number in another process

	Relief(from *media.Loop, legs int) *media.Loop // where one with so many legs goes from there, when it has grown; nil: it stays
}

// Config is what a Directory needs. Immutable after NewDirectory.
type Config struct {
	Engine          Engine       // required
	MaxParticipants int          // the most participants in one room; 0: 100
	MaxLegs         int          // the most participants in all rooms together; 0: 1000
	Tones           bool         // whether joining and leaving is heard
	Log             *slog.Logger // nil: nothing is logged
	OnEvent         func(Event)  // is told of every event, one at a time, after it is logged; nil: nobody is. Must not wait for the Directory to close. If it panics, the event's call is hung up

	// OnPeople is told when the first person comes into a room and when the last one has left it, or the room has ended: once each of an
	// incarnation, the one before the other. Links are no people. It is called with the Directory's lock held, so that nothing is
	// dropped or comes in another order, and must neither wait nor call the Directory. nil: nobody is told.
	OnPeople func(number string, incarnation uint64, here bool)
}

// Defaults of Config.
const (
	defaultParticipants = 100
	defaultLegs         = 1000
)

// queueSize is how many events may wait for the journal: a thousand calls that end at once make
// three each.
const queueSize = 4096

// mixRate is the sampling rate of the rooms. All codecs we have share it; a wideband codec will
// bring its own rate and the resampling with it.
var mixRate = codec.PCMA.Rate

// Directory has all rooms, by number. Safe for concurrent use. Create it with NewDirectory.
type Directory struct {
	config  Config
	tones   *tones // nil: none are heard
	events  *queue
	journal *journal

	mu     sync.Mutex
	rooms  map[string]*Room
	works  map[*media.Loop]*work // of the loops that have had a room
	seats  int                   // in all rooms
	born   uint64                // the last incarnation that a room was given
	closed bool

	recordings    map[*Recording]struct{} // that are not over
	recordingLost uint64                  // samples, of those that are
	recorders     sync.WaitGroup          // their goroutines
	tapes         gate                    // through which they come to their tapes
	moves         gate                    // through which rooms go to another loop
}

// NewDirectory makes an empty directory and starts its journal. Close ends it.
func NewDirectory(cfg Config) *Directory {
	if cfg.MaxParticipants == 0 {
		cfg.MaxParticipants = defaultParticipants
	}
	if cfg.MaxLegs == 0 {
		cfg.MaxLegs = defaultLegs
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	d := &Directory{config: cfg, rooms: make(map[string]*Room), recordings: make(map[*Recording]struct{}), events: newQueue(queueSize)}
	d.born = uint64(time.Now().UnixMilli()) // so that those of the next process are others
	if cfg.Tones {
		d.tones = newTones(mixRate)
	}
	d.journal = newJournal(d.events, cfg.Log, cfg.OnEvent, d.failed) // ends in Close
	return d
}

// Reserve takes a seat in the room of that number, which is created if nobody has one there yet.
// It is called before the call is answered, so that a full room can still say so. The error is
// ErrRoomFull, ErrFull, ErrLocked or ErrClosed. The seat is either taken with Join or Wait, or given back with Release.
func (d *Directory) Reserve(number string) (*Seat, error) { return d.reserveIn(number, false) }

// ReserveNew is Reserve in a room that does not exist yet; else the error is ErrTaken.
func (d *Directory) ReserveNew(number string) (*Seat, error) { return d.reserveIn(number, true) }

func (d *Directory) reserveIn(number string, fresh bool) (*Seat, error) {
	loop := d.config.Engine.Loop() // before the lock, and in vain if there is a room already
	s, created, err := d.reserve(number, loop, fresh)
	if created {
		s.room.do(s.room.begin)
	}
	return s, err
}

// ReserveInvited is Reserve for somebody whom one of those brings in who are in that incarnation of the room: a lock does not
// keep him out, but if all of them have left, the error is ErrDeserted.
func (d *Directory) ReserveInvited(number string, incarnation uint64) (*Seat, error) {
	return d.reserveBeside(number, incarnation, false, false)
}

// ReserveSuccessor is ReserveInvited for him in whose favour somebody will leave: until then there may be one more in the room than may be.
func (d *Directory) ReserveSuccessor(number string, incarnation uint64) (*Seat, error) {
	return d.reserveBeside(number, incarnation, false, true)
}

// ReserveLink is ReserveInvited for the call of a link (Seat.ForLink), which takes no place of the people who may be in the room.
func (d *Directory) ReserveLink(number string, incarnation uint64) (*Seat, error) {
	return d.reserveBeside(number, incarnation, true, false)
}

func (d *Directory) reserveBeside(number string, incarnation uint64, link, successor bool) (*Seat, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[number]
	switch err := d.full(r); {
	case d.closed:
		return nil, ErrClosed
	case r == nil || r.incarnation != incarnation || r.people == 0:
		return nil, ErrDeserted
	case errors.Is(err, ErrRoomFull) && (link || successor && len(r.seats)-r.links == d.config.MaxParticipants):
	case err != nil:
		return nil, err
	}
	s := d.seat(r, true)
	if link {
		s.link = true
		r.links++
	}
	return s, nil
}

// Lock keeps all out of the room from now on who are not invited, or lets them in again. It is over when
// the last one has left.
func (d *Directory) Lock(number string, locked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[number]; r != nil && r.locked != locked {
		r.locked = locked
		d.events.put(Event{Kind: Changed, Room: number, Incarnation: r.incarnation})
	}
}

// Locked says whether the room is locked; a room that does not exist is not.
func (d *Directory) Locked(number string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[number]
	return r != nil && r.locked
}

// Incarnation says which of the conferences under that number there is now; false: there is none.
func (d *Directory) Incarnation(number string) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[number]
	if r == nil {
		return 0, false
	}
	return r.incarnation, true
}

// reserve is the part of Reserve that only one may do at a time: two who find no room must not
// make two.
func (d *Directory) reserve(number string, loop *media.Loop, fresh bool) (s *Seat, created bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, false, ErrClosed
	}
	r, exists := d.rooms[number]
	if exists && fresh {
		return nil, false, ErrTaken
	}
	if err := d.full(r); err != nil {
		return nil, false, err
	}
	switch {
	case exists && r.locked:
		return nil, false, ErrLocked
	case !exists:
		r = newRoom(number, loop, d.workOn(loop), d.tones, d.events)
		r.incarnation = d.bear()
		d.rooms[number] = r
		d.events.put(Event{Kind: RoomCreated, Room: number, Incarnation: r.incarnation})
	}
	return d.seat(r, false), !exists, nil
}

// full says that there is no place, in the room, which may be nil, or at all. The lock is held.
func (d *Directory) full(r *Room) error {
	switch {
	case d.seats >= d.config.MaxLegs:
		return ErrFull
	case r != nil && len(r.seats)-r.links >= d.config.MaxParticipants:
		return ErrRoomFull
	}
	return nil
}

// seat is a new one in the room. The lock is held.
func (d *Directory) seat(r *Room, invited bool) *Seat {
	s := &Seat{directory: d, room: r, invited: invited}
	s.incarnation.Store(r.incarnation)
	r.seats[s] = nil
	d.seats++
	r.expect()
	d.relieve(r)
	return s
}

// bear is a new incarnation. The lock is held.
func (d *Directory) bear() uint64 {
	d.born++
	return d.born
}

// enters notes that somebody who has a seat goes from the ante-room into the room, and reports whether he does: who was invited
// into a conference that is over does not. Then call is his, if he has one still.
func (d *Directory) enters(s *Seat) (call Call, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := s.room
	call, held := r.seats[s]
	switch {
	case !held:
		return nil, false // the room has ended, or he has left
	case s.inside:
		return call, true
	case s.invited && s.link && r.people == 0, s.invited && !s.link && s.incarnation.Load() != r.incarnation:
		return call, false
	}
	s.incarnation.Store(r.incarnation)
	s.inside = true
	if !s.link {
		d.arrive(r)
	}
	return call, true
}

// free gives a seat back, once the participant is out. With the last one the room is gone: whoever
// reserves from now on gets a new one, even if the loop has not yet let go of the old one.
func (d *Directory) free(s *Seat) {
	if d.vacate(s) {
		s.room.do(s.room.end)
	}
}

// vacate takes the seat off the books and reports whether the room is gone with it.
func (d *Directory) vacate(s *Seat) (last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := s.room
	if _, held := r.seats[s]; !held {
		return false // the directory was closed or the room broke: all its seats are gone
	}
	delete(r.seats, s)
	d.seats--
	if s.link {
		r.links--
	}
	r.expect()
	over := s.inside && !s.link && d.depart(r)
	if len(r.seats) == 0 {
		d.discard(r)
		return true
	}
	if over {
		d.desert(r)
	}
	return false
}

// arrive counts somebody who has come in. The lock is held.
func (d *Directory) arrive(r *Room) {
	if r.people++; r.people == 1 {
		d.tellPeople(r, true)
	}
}

// depart counts somebody who has left, and says whether he was the last. The lock is held.
func (d *Directory) depart(r *Room) (last bool) {
	if r.people--; r.people > 0 {
		return false
	}
	d.tellPeople(r, false)
	return true
}

func (d *Directory) tellPeople(r *Room, here bool) {
	if d.config.OnPeople != nil {
		d.config.OnPeople(r.number, r.incarnation, here)
	}
}

// desert ends the conference in a room that nobody is in any more, although there are seats: whoever was invited has nobody to
// come to, and who comes by himself begins the next conference, of which nothing is recorded yet, and nobody silenced. Links that are
// inside may stay for that one. The lock is held, so that the loop begins anew before anybody enters.
func (d *Directory) desert(r *Room) {
	d.events.put(Event{Kind: Deserted, Room: r.number, Incarnation: r.incarnation})
	r.incarnation, r.locked = d.bear(), false
	for s := range r.seats {
		if s.inside {
			s.incarnation.Store(r.incarnation)
		}
	}
	rec := r.recorded
	r.recorded = nil
	if !r.do(func() { r.beginAnew(rec) }) && rec != nil {
		rec.ended.Store(true)
	}
}

// discard forgets a room with all its seats. The lock is held.
func (d *Directory) discard(r *Room) {
	d.seats -= len(r.seats)
	clear(r.seats)
	r.links = 0
	if r.people > 0 {
		r.people = 0
		d.tellPeople(r, false)
	}
	r.expect()
	if d.rooms[r.number] == r {
		delete(d.rooms, r.number)
		d.events.put(Event{Kind: RoomGone, Room: r.number, Incarnation: r.incarnation, Duration: time.Since(r.created)})
	}
}

// seated notes whose seat it is. False when the room has ended meanwhile and the seat with it.
func (d *Directory) seated(s *Seat, call Call) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, held := s.room.seats[s]; !held {
		return false
	}
	s.room.seats[s] = call
	return true
}

// Stats are the directory's own figures.
type Stats struct {
	Rooms         int    // that exist now
	Seats         int    // reserved or taken now
	EventsDropped uint64 // because the journal could not keep up
	Recordings    int    // that are not over
	RecordingLost uint64 // samples that recordings have lost, because the disk was too slow or full
	Panics        uint64 // of Config.OnEvent, that were survived
}

// Stats counts.
func (d *Directory) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	recordings, lost := d.recorded()
	return Stats{Rooms: len(d.rooms), Seats: d.seats, EventsDropped: d.events.dropped.Load(), Recordings: recordings, RecordingLost: lost,
		Panics: d.journal.panics.Load()}
}
