package rooms

import (
	"fmt"
	"time"

	"github.com/sipconf/sipconf/media/mixer"
)

// RoomImage is a room between two ticks, written down. Plain data.
//
// A new field of a room belongs in here, or in the list of those that are made anew, in image_test.go, with the reason.
type RoomImage struct {
	Number      string
	Created     time.Time
	Loop        int // the number of its loop
	Incarnation uint64
	Locked      bool
	Silent      bool
	Taped       bool
	Shared      bool // a crew does the tick
	Loudest     int
	Limiter     mixer.Limiter
	Chime       ChimeImage
	Words       WordsImage
	Members     []ParticipantImage // in the order of joining; who has only reserved a seat is not there
}

// ChimeImage is when the room hears that somebody joined or left, written down.
type ChimeImage struct {
	Joined, Left bool
	Now          PlayingImage
	Round        int
	Announcing   bool
	Rest         int
}

// WordsImage is what a room is told, written down.
type WordsImage struct {
	Now     PlayingImage
	Waiting []AnnouncementImage // in the order of coming
	Tapes   bool
	On      bool
	Frames  int
}

// AnnouncementImage is an announcement that waits, written down.
type AnnouncementImage struct {
	About  Topic
	On     bool
	Sound  SoundImage
	Except []string
}

// save writes the room down. Directory.mu is held.
func (r *Room) save(im *RoomImage, s *savedSounds) {
	*im = RoomImage{
		Number: r.number, Created: r.created, Loop: r.loop.Number(), Incarnation: r.incarnation, Locked: r.locked,
		Silent: r.silent, Taped: r.taped, Shared: r.large.shared, Loudest: r.loudest, Limiter: r.limiter, Chime: r.chime.save(s), Words: r.words.save(s),
		Members: make([]ParticipantImage, len(r.members)),
	}
	var numbers map[*Participant]int // nearly nobody has a mate
	for i, p := range r.members {
		if p.mate != nil && numbers == nil {
			numbers = r.numbers()
		}
		p.save(&im.Members[i], s, numbers)
	}
}

// numbers are those of the members, from 1 on.
func (r *Room) numbers() map[*Participant]int {
	numbers := make(map[*Participant]int, len(r.members))
	for i, p := range r.members {
		numbers[p] = i + 1
	}
	return numbers
}

func (c *chime) save(s *savedSounds) ChimeImage {
	return ChimeImage{c.joined, c.left, s.playing(&c.now), c.round, c.announcing, c.rest}
}

func (w *words) save(s *savedSounds) WordsImage {
	im := WordsImage{Now: s.playing(&w.now), Tapes: w.tapes, On: w.on, Frames: w.frames}
	for _, a := range w.waiting[:w.waits] {
		im.Waiting = append(im.Waiting, AnnouncementImage{a.about, a.on, s.sound(a.sound), a.except})
	}
	return im
}

// restore makes the room again, without a loop and the work there, without legs, and not on the directory's books.
func (im *RoomImage) restore(d *Directory, s *restoredSounds) (*Room, error) {
	r := newRoom(im.Number, nil, nil, d.tones, d.events)
	r.created, r.incarnation, r.locked = im.Created, im.Incarnation, im.Locked
	r.silent, r.taped, r.large.shared, r.loudest, r.limiter = im.Silent, im.Taped, im.Shared, im.Loudest, im.Limiter
	var err error
	if r.chime, err = im.Chime.restore(s); err != nil {
		return nil, err
	}
	if r.words, err = im.Words.restore(s); err != nil {
		return nil, err
	}
	r.members = make([]*Participant, len(im.Members))
	for i := range im.Members {
		if r.members[i], err = im.Members[i].restore(d, r, s); err != nil {
			return nil, fmt.Errorf("call %s: %w", im.Members[i].Call, err)
		}
	}
	return r, r.meet(im.Members)
}

func (im *ChimeImage) restore(s *restoredSounds) (c chime, err error) {
	c = chime{joined: im.Joined, left: im.Left, round: im.Round, announcing: im.Announcing, rest: im.Rest}
	c.now, err = s.playing(im.Now)
	return c, err
}

func (im *WordsImage) restore(s *restoredSounds) (w words, err error) {
	w = words{tapes: im.Tapes, on: im.On, frames: im.Frames, waits: len(im.Waiting)}
	if w.waits > len(w.waiting) {
		return w, fmt.Errorf("%d announcements about %d topics", w.waits, len(w.waiting))
	}
	if w.now, err = s.playing(im.Now); err != nil {
		return w, err
	}
	for i, a := range im.Waiting {
		sound, err := s.sound(a.Sound)
		if err != nil {
			return w, err
		}
		w.waiting[i] = announcement{about: a.About, on: a.On, sound: sound, except: a.Except}
	}
	return w, nil
}
