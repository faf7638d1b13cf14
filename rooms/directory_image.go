package rooms

import (
	"cmp"
	"fmt"
	"slices"
)

// Image is a directory while its engine is paused, written down, so that another process goes on with its rooms to the last bit of what anybody hears.
// Plain data, for encoding/gob. The legs are not in it: see media.LegImage.
//
// A new field of what lives in a room belongs in one of the images, or in the list of those that are made anew, in image_test.go, with the reason.
type Image struct {
	Born       uint64      // the last incarnation that a room was given
	Rooms      []RoomImage // by number; those in which seats are only reserved are not there
	Tones      []ToneImage // all that is played to rooms and participants
	Frames     []byte      // what these are made of: samples, low byte first
	Notices    []NoticesImage
	Recordings []RecordingImage // by room
	Lost       uint64           // samples that were lost by recordings which are no more
}

// Save writes the directory down. Only while its engine is paused and it is itself (Pause), and after Flush: what the journal has not told would be told
// by nobody. It changes nothing.
func (d *Directory) Save() *Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	var s savedSounds
	im := &Image{Born: d.born, Lost: d.recordingLost}
	saved := make([]*Room, 0, len(d.rooms))
	for _, r := range d.rooms {
		if len(r.members) > 0 {
			saved = append(saved, r)
		}
	}
	slices.SortFunc(saved, func(a, b *Room) int { return cmp.Compare(a.number, b.number) })
	im.Rooms = make([]RoomImage, len(saved))
	for i, r := range saved {
		r.save(&im.Rooms[i], &s)
	}
	s.save(im)
	for rec := range d.recordings {
		over := rec.room.recorded != rec || len(rec.room.members) == 0
		im.Recordings = append(im.Recordings, rec.save(over))
	}
	slices.SortFunc(im.Recordings, func(a, b RecordingImage) int {
		return cmp.Or(cmp.Compare(a.Tape.Room, b.Tape.Room), cmp.Compare(a.Tape.File, b.Tape.File))
	})
	return im
}

// Restore makes the rooms of an image again, in a directory that has none yet, and returns those who are in them, by the ID of the call. The engine is
// paused, with the legs of the image's calls, which no loop owns; call finds a call by its ID, and tape opens a tape to go on with it.
// Whose call is not found, nil, or is being hung up, has left. Nobody is told that they have joined, and what has not been told
// before is not told now; but Config.OnPeople is told of each room that there are people in it.
//
// The directory is paused, and nothing is written to a tape before Resume. After an error, which says what of the image cannot be, it is as it was.
func (d *Directory) Restore(im *Image, call func(id string) Call, tape func(TapeImage) (Tape, error)) (map[string]*Participant, error) {
	d.tapes.close()
	d.moves.close()
	found, err := d.restore(im, call, tape)
	if err != nil {
		d.Resume()
		return nil, fmt.Errorf("restore the rooms: %w", err)
	}
	return found, nil
}

func (d *Directory) restore(im *Image, call func(id string) Call, tape func(TapeImage) (Tape, error)) (map[string]*Participant, error) {
	if s := d.Stats(); s.Rooms > 0 {
		return nil, fmt.Errorf("there are %d already", s.Rooms)
	}
	rooms, err := d.restoreRooms(im)
	if err != nil {
		return nil, err
	}
	recordings, err := d.restoreRecordings(im, rooms, tape)
	if err != nil {
		return nil, err
	}
	calls := make(map[*Seat]Call)
	found := make(map[string]*Participant)
	for i, r := range rooms {
		for k, p := range r.members {
			if c := call(p.id); c != nil && !im.Rooms[i].Members[k].Leaving {
				p.leg, calls[p.seat], found[p.id] = c.Leg(), c, p
			}
		}
	}
	d.furnish(im, rooms, calls, recordings)
	for _, r := range rooms {
		for _, p := range r.resume() {
			d.lose(p)
			delete(found, p.id)
		}
	}
	for _, rec := range recordings {
		rec.start()
	}
	return found, nil
}

// restoreRooms makes the rooms, which are on no loop yet and not on the books.
func (d *Directory) restoreRooms(im *Image) ([]*Room, error) {
	s, err := restoreSounds(im)
	if err != nil {
		return nil, err
	}
	rooms := make([]*Room, len(im.Rooms))
	for i := range im.Rooms {
		if rooms[i], err = im.Rooms[i].restore(d, &s); err != nil {
			return nil, fmt.Errorf("room %s: %w", im.Rooms[i].Number, err)
		}
	}
	return rooms, nil
}

// restoreRecordings makes the recordings of these rooms, which do not go on yet.
func (d *Directory) restoreRecordings(im *Image, rooms []*Room, tape func(TapeImage) (Tape, error)) (recordings []*Recording, err error) {
	defer func() {
		for _, rec := range recordings {
			if err != nil {
				rec.tape.Close()
			}
		}
	}()
	numbered := make(map[string]*Room, len(rooms))
	for _, r := range rooms {
		numbered[r.number] = r
	}
	for i := range im.Recordings {
		one := &im.Recordings[i]
		r := numbered[one.Tape.Room]
		if !one.Over && (r == nil || r.recorded != nil) {
			return recordings, fmt.Errorf("two recordings of room %s, or no such room", one.Tape.Room)
		}
		opened, err := tape(one.Tape)
		if err != nil { // somebody has moved the file away: no reason for anybody to be hung up
			d.config.Log.Warn("the recording ends here: its file cannot be gone on with", "room", one.Tape.Room, "file", one.Tape.File, "err", err)
			if r != nil && !one.Over {
				r.taped = false
			}
			continue
		}
		rec, err := one.restore(d, opened)
		if err != nil {
			opened.Close()
			return recordings, err
		}
		recordings = append(recordings, rec)
		if one.Over {
			rec.room = &Room{number: one.Tape.Room} // that room is another one by now, or none
			continue
		}
		rec.room, r.recorded, r.recording = r, rec, rec
	}
	return recordings, nil
}

// furnish puts the rooms and their recordings on the books.
func (d *Directory) furnish(im *Image, rooms []*Room, calls map[*Seat]Call, recordings []*Recording) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.born, d.recordingLost = max(d.born, im.Born), d.recordingLost+im.Lost
	for i, r := range rooms {
		d.rooms[r.number] = r
		r.loop = d.config.Engine.Numbered(im.Rooms[i].Loop)
		r.home = r.loop
		r.work = d.workOn(r.loop)
		for _, p := range r.members {
			d.seatAgain(r, p, calls[p.seat])
		}
		r.expect()
	}
	for _, rec := range recordings {
		d.recordings[rec] = struct{}{}
		d.recorders.Add(1)
	}
}

// seatAgain puts the seat of somebody on the books who had it in another process. The lock is held.
func (d *Directory) seatAgain(r *Room, p *Participant, call Call) {
	r.seats[p.seat] = call
	d.seats++
	switch {
	case p.link:
		r.links++
	case p.seat.inside:
		d.arrive(r)
	}
}

// resume puts the room and its legs on its loop, whose owner the caller is, and returns those who have none any more.
func (r *Room) resume() (lost []*Participant) {
	for _, p := range r.members {
		if p.leg == nil || !r.loop.Attach(p.leg) {
			lost = append(lost, p)
		}
	}
	r.begin()
	r.resize()
	return lost
}

// lose has somebody leave whose call is over. The caller is the owner of the room's loop.
func (d *Directory) lose(p *Participant) {
	r := p.seat.room
	r.exit(slices.Index(r.members, p), "its call is over")
	r.resize()
	p.seat.state.Store(free)
	d.free(p.seat)
}
