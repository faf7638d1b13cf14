package rooms

import "slices"

// Topic is what an announcement is about. Of those about one topic that wait the newest is said and no other: the room
// is told how things are, and not how often they have changed.
type Topic uint8

const (
	Comings Topic = iota // who has joined, and who has left
	Door                 // whether the room is locked
	Voices               // whether all but the hosts are silenced
	Tapes                // whether it is recorded: see Directory.AnnounceTape
	Links                // whether its external lines are connected
	topics
)

// announcement is a sound for all who are in the room, but for some.
type announcement struct {
	about  Topic
	on     bool // of Tapes: whether it is
	sound  Sound
	except []string // IDs of those who need not hear it
}

// words are what a room is told under what is said there, one announcement after the other. No more than one about each
// topic waits, so that they are never far behind. The zero value is none.
type words struct {
	now     playing
	waiting [topics]announcement // in the order of coming
	waits   int                  // how many of these

	tapes  bool // what is said in this tick is about Tapes
	on     bool // and says that it is recorded
	frames int  // how many frames it has in all
}

// add has the announcement made after those that wait, or in the place of the one about the same topic.
func (w *words) add(a announcement) {
	for i := range w.waiting[:w.waits] {
		if w.waiting[i].about == a.about {
			w.waiting[i] = a
			return
		}
	}
	w.waiting[w.waits] = a
	w.waits++
}

// begin begins the next announcement, if there is one and none is being made. It is nil if it does not.
func (w *words) begin() (except []string, begun bool) {
	if w.waits == 0 || w.now.active() {
		return nil, false
	}
	next := w.waiting[0]
	copy(w.waiting[:], w.waiting[1:w.waits])
	w.waits--
	w.waiting[w.waits] = announcement{}
	w.now = playing{tone: next.sound.tone} // once, whatever it is: nothing would end it
	w.tapes, w.on, w.frames = next.about == Tapes, next.on, len(next.sound.tone)
	return next.except, true
}

// waitsFor says whether an announcement about the topic waits.
func (w *words) waitsFor(about Topic) bool {
	return slices.ContainsFunc(w.waiting[:w.waits], func(a announcement) bool { return a.about == about })
}

// saying is the frame of the room's words in this tick, or nil.
func (r *Room) saying() []int16 {
	if except, begun := r.words.begin(); begun {
		for _, p := range r.members {
			p.spared, p.notice.heard = slices.Contains(except, p.id), 0
		}
	}
	said := r.words.now.frame()
	r.words.tapes = r.words.tapes && said != nil
	return said
}

// announce has the room told something.
func (r *Room) announce(a announcement) {
	r.allowFor(a.sound)
	r.words.add(a)
}

// Announce plays a sound to all who are in the room, under what is said, but for the calls of those IDs; after what is being
// announced, and instead of what waits about the same topic. A room that does not exist hears nothing.
func (d *Directory) Announce(number string, about Topic, s Sound, except ...string) {
	d.on(number, func(r *Room) { r.announce(announcement{about: about, sound: s, except: except}) })
}
