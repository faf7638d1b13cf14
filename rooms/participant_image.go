package rooms

import (
	"fmt"
	"time"
)

// ParticipantImage is a participant between two ticks, written down, with his seat; his leg is media's. Plain data.
//
// A new field of a participant belongs in here, or in the list of those that are made anew, in image_test.go, with the reason.
type ParticipantImage struct {
	Call         string // its ID
	Name, Number string
	Since        time.Time
	Seat         SeatImage

	Leaving  bool // he is on his way out
	Inside   bool // else he is in the ante-room
	Muted    bool
	Silenced bool
	Host     bool
	Deaf     bool
	Aside    bool
	Standing standing

	Voice   voice
	Music   bool
	Spoken  bool
	Awaits  int
	Hear    int8
	Speak   int8
	Sending bool
	Ear     *ear
	Digits  string // the last of them
	Pressed int    // how many there were in all

	Own    PlayingImage
	Round  int
	Spared bool
	Notice NoticeImage
	Mate   int // his number among the room's members, from 1 on; 0: there is none
}

// SeatImage is a seat that is taken, written down.
type SeatImage struct {
	Invited     bool
	Link        bool
	Dismissed   bool
	Inside      bool // he has entered, or is about to
	Incarnation uint64
}

// NoticeImage is how far somebody knows whether he is recorded, written down.
type NoticeImage struct {
	Knows  bool
	Heard  int
	Said   int // the number in Image.Notices, from 1 on; 0: he is not told by himself
	Saying PlayingImage
}

// save writes the participant down; members are those of his room. Directory.mu is held.
func (p *Participant) save(im *ParticipantImage, s *savedSounds, numbers map[*Participant]int) {
	f := &p.flags
	*im = ParticipantImage{
		Call: p.id, Name: p.name, Number: p.number, Since: p.since, Seat: p.seat.save(),
		Leaving: p.seat.state.Load() != taken, Inside: p.phase == inside,
		Muted: f.muted, Silenced: f.silenced, Host: f.host, Deaf: f.deaf, Aside: f.aside, Standing: p.standing,
		Voice: p.voice, Music: p.music, Spoken: p.spoken, Awaits: p.awaits, Hear: p.gains.hear, Speak: p.gains.speak, Sending: p.sending,
		Digits: p.keys.last(), Pressed: p.keys.count,
		Own: s.playing(&p.own), Round: p.round, Spared: p.spared,
		Notice: NoticeImage{p.notice.knows, p.notice.heard, s.told(p.notice.said), s.playing(&p.notice.saying)},
	}
	if p.ear != nil {
		ear := *p.ear
		im.Ear = &ear
	}
	if p.mate != nil {
		im.Mate = numbers[p.mate]
	}
}

func (s *Seat) save() SeatImage {
	return SeatImage{s.invited, s.link, s.dismissed, s.inside, s.incarnation.Load()}
}

// restore makes the participant again, with his seat, and without a leg and a mate.
func (im *ParticipantImage) restore(d *Directory, r *Room, s *restoredSounds) (*Participant, error) {
	p := &Participant{
		id: im.Call, name: im.Name, number: im.Number, since: im.Since, link: im.Seat.Link, phase: waiting,
		flags:    flags{muted: im.Muted, silenced: im.Silenced, host: im.Host, deaf: im.Deaf, aside: im.Aside},
		standing: im.Standing, voice: im.Voice, music: im.Music, spoken: im.Spoken, awaits: im.Awaits,
		gains: gains{hear: im.Hear, speak: im.Speak}, sending: im.Sending, keys: restoreKeys(im.Digits, im.Pressed),
		round: im.Round, spared: im.Spared,
	}
	if im.Inside {
		p.phase = inside
	}
	if im.Ear != nil {
		ear := *im.Ear
		p.ear = &ear
	}
	var err error
	if p.own, err = s.playing(im.Own); err != nil {
		return nil, err
	}
	if p.notice, err = im.Notice.restore(s); err != nil {
		return nil, err
	}
	p.seat = im.Seat.restore(d, r)
	return p, nil
}

func (im *NoticeImage) restore(s *restoredSounds) (n notice, err error) {
	n.knows, n.heard = im.Knows, im.Heard
	if n.said, err = s.told(im.Said); err != nil {
		return n, err
	}
	n.saying, err = s.playing(im.Saying)
	return n, err
}

func (im *SeatImage) restore(d *Directory, r *Room) *Seat {
	s := &Seat{directory: d, room: r, invited: im.Invited, link: im.Link, dismissed: im.Dismissed, inside: im.Inside}
	s.state.Store(taken)
	s.incarnation.Store(im.Incarnation)
	return s
}

// restoreKeys is the opposite of keys.last.
func restoreKeys(last string, count int) (k keys) {
	k.count = max(0, count-len(last))
	for _, digit := range []byte(last) {
		k.press(digit)
	}
	return k
}

// meet gives each of the members his mate.
func (r *Room) meet(images []ParticipantImage) error {
	for i := range images {
		switch mate := images[i].Mate; {
		case mate == 0:
		case mate < 0 || mate > len(r.members):
			return fmt.Errorf("member %d of %d", mate, len(r.members))
		default:
			r.members[i].mate = r.members[mate-1]
		}
	}
	return nil
}
