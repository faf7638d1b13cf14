package attendant

import (
	"maps"
	"slices"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// Image is what an office knows, written down while it is paused. Whoever is meant is named by the ID of his call. Plain data, for encoding/gob.
type Image struct {
	Attendants []AttendantImage
	FarSides   []FarSideImage
	Wishes     []WishImage
	Expected   []ExpectedImage
	Brings     []BringImage
	Comings    []ComingsImage
	Bulletins  []BulletinImage
}

// AttendantImage is an attendant, and whom he serves.
type AttendantImage struct {
	Call, Room             string
	First, Number          string // with which he came; now
	Host                   bool
	Lang                   string
	Dialled, Known         string // by which he was brought in, and by which he is judged who was
	Convenes               bool
	Outside, Served, Ours  bool
	Keys                   string // that nobody has served yet
	Typed                  string
	Forgiven, Hashes, Away bool
	Until                  time.Time // when what is typed is all
	Mate, Invited          string    // empty: nobody
	Doing                  DoingImage
}

// DoingImage is what somebody was doing.
type DoingImage struct {
	Task    string
	Number  string
	Until   time.Time
	Guest   string // empty: none
	Out     string // empty: nothing was sent
	Tries   TriesImage
	Rings   bool
	GivenUp bool
	Outcome dialout.Outcome
	Said    bool
}

// TriesImage is the way that is being tried.
type TriesImage struct{ Number, Trunk string }

// FarSideImage is the far side of a link that is in its room.
type FarSideImage struct {
	Call, Room string
	Send       links.Sending
	Tone, Gap  time.Duration
	Script     links.Script
	Heard      []HeardImage
	Spoken     bool
	Answered   bool
	Until      time.Time // when it may still ask again
}

// HeardImage is what was heard of a far side and nobody has looked at yet.
type HeardImage struct {
	Kind  rooms.Kind
	First bool
}

// WishImage is who has wished something for a room last, and when.
type WishImage struct {
	Room, Call string
	Action     string
	At         time.Time
}

// ExpectedImage is a call that is being answered, and where it will be.
type ExpectedImage struct {
	Call string
	Room dialout.Room
}

// BringImage is somebody who is being brought in, whose telephone rings or who has answered; or how that has ended, if nobody has asked for it yet.
type BringImage struct {
	By      string
	Room    dialout.Room
	Caller  string
	Out     string // the ID of the INVITE that is out; empty: there is a call
	Call    string // its ID; empty: nobody has answered
	Over    bool   // it is given up
	Ended   bool
	Outcome dialout.Outcome
}

// ComingsImage is what a room has been told, and is to be told, of those who come and go.
type ComingsImage struct {
	Room    string
	Comings comings
}

// BulletinImage is the same of a conference's external lines.
type BulletinImage struct {
	Room     dialout.Room
	Bulletin bulletin
}

// Save writes the office down. Only while it is paused, and after all that has happened in the rooms was told (Hear): what is told later is not in it.
func (o *Office) Save() *Image {
	im := new(Image)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(o.serves)) {
		im.Attendants = append(im.Attendants, o.serves[id].save())
	}
	for _, id := range slices.Sorted(maps.Keys(o.far)) {
		if f := o.far[id]; f.in {
			im.FarSides = append(im.FarSides, f.save())
		}
	}
	for w, last := range o.wishes {
		im.Wishes = append(im.Wishes, WishImage{w.room, last.call, w.action.String(), last.at})
	}
	for call, at := range o.expected {
		im.Expected = append(im.Expected, ExpectedImage{call, dialout.Room{Number: at.Room(), Incarnation: at.Incarnation()}})
	}
	for b := range o.brings {
		if b.out != "" || b.call != "" || b.ended {
			im.Brings = append(im.Brings, BringImage{b.by, b.room, b.caller, b.out, b.call, b.over, b.ended, b.outcome})
		}
	}
	o.crier.save(im)
	return im
}

func (a *attendant) save() AttendantImage {
	im := AttendantImage{Call: a.call.ID(), Room: a.room, First: a.first, Number: a.number, Host: a.host, Lang: a.lang, Dialled: a.dialled, Known: a.known,
		Convenes: a.convenes, Outside: a.outside, Served: a.served, Ours: a.ours, Keys: string(a.keys.all()), Typed: a.typed.Typed,
		Forgiven: a.forgiven, Hashes: a.hashes, Until: a.until, Invited: a.invited.id(), Doing: a.doing.save()}
	a.office.arrange(func() {
		im.Away = a.away
		if a.mate != nil {
			im.Mate = a.mate.call.ID()
		}
	})
	return im
}

func (d *doing) save() DoingImage {
	return DoingImage{Task: string(d.task), Number: d.number, Until: d.until, Guest: d.guest.id(), Out: d.out, Tries: TriesImage{d.hears.of.number, d.hears.of.trunk},
		Rings: d.hears.rings, GivenUp: d.givenUp, Outcome: d.outcome, Said: d.said}
}

// id is that of his call; empty: he is nobody, or not here any more.
func (g *guest) id() string {
	if g == nil || !g.here() {
		return ""
	}
	return g.call.ID()
}

func (f *farSide) save() FarSideImage {
	im := FarSideImage{Call: f.call.ID(), Room: f.room, Send: f.link.Send, Tone: f.link.Tone, Gap: f.link.Gap, Script: f.script, Spoken: f.spoken,
		Answered: f.answered, Until: f.until}
	for _, e := range f.heard.all() {
		im.Heard = append(im.Heard, HeardImage{e.Kind, e.First})
	}
	return im
}

func (c *crier) save(im *Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, room := range slices.Sorted(maps.Keys(c.rooms)) {
		im.Comings = append(im.Comings, ComingsImage{room, *c.rooms[room]})
	}
	for room, b := range c.lines {
		im.Bulletins = append(im.Bulletins, BulletinImage{room, *b})
	}
}
