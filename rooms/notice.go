package rooms

// Notices are what somebody is told by himself, in his language, who has not heard when the room was told whether it is
// recorded: he came later, was aside or on hold. Immutable, so that any number of participants share them.
type Notices struct {
	On, Off Sound // it is recorded; it is no more
}

// notice is how far somebody knows whether his room is recorded. Nobody shall be recorded without knowing it, so it is not
// enough to have begun to tell him: he has heard it to its end, or is told again. The zero value knows that it is not.
type notice struct {
	knows  bool     // that it is recorded
	heard  int      // frames of what the room is being told about it that he has heard
	said   *Notices // nil: he is not told by himself
	saying playing
}

// SetNotices has the participant told by himself that his room is recorded, or is not any more, if he has not heard
// when all were told. That comes before anything else that is played to him; no key ends it; and if he steps aside or is put on hold
// meanwhile, he is told from the beginning when he is back. Whatever he was told before was told to somebody else: it is for each who comes to
// the phone. n is not to be changed any more.
func (p *Participant) SetNotices(n *Notices) {
	p.do(func(r *Room) {
		p.notice = notice{said: n}
		r.allowFor(n.On)
		r.allowFor(n.Off)
	})
}

// AnnounceTape has the room told that it is recorded from now on, or is not any more, as Announce has it told other things. Whoever does not
// hear that out, and whoever comes in later, is told by himself: see SetNotices.
func (d *Directory) AnnounceTape(number string, on bool, s Sound) {
	d.on(number, func(r *Room) { r.announceTape(on, s) })
}

func (r *Room) announceTape(on bool, s Sound) {
	r.taped = on
	for _, p := range r.members {
		p.notice.saying = playing{}
	}
	r.announce(announcement{about: Tapes, on: on, sound: s})
}

// private is what is played to somebody alone in this tick; nil: nothing is. While the room is told whether it is recorded it
// waits, and so it does until he knows.
func (r *Room) private(p *Participant) *playing {
	n := &p.notice
	switch {
	case p.rights.aside || !p.rights.hears:
		n.saying = playing{} // he has not heard all of it
		return &p.own
	case r.words.tapes:
		return nil
	case n.said == nil || n.knows == r.taped || r.words.waitsFor(Tapes):
		return &p.own
	case n.saying.tone != nil:
	case r.taped:
		n.saying = of(n.said.On)
	default:
		n.saying = of(n.said.Off)
	}
	return &n.saying
}

// privately is the next frame of what is played to him alone, or nil.
func (r *Room) privately(p *Participant) []int16 {
	voice := r.private(p)
	if voice == nil {
		return nil
	}
	frame := voice.frame()
	if n := &p.notice; voice == &n.saying && !n.saying.active() {
		n.knows, n.saying = r.taped, playing{}
	}
	return frame
}

// peekPrivately is the frame that privately will be; it comes again.
func (r *Room) peekPrivately(p *Participant) []int16 {
	if voice := r.private(p); voice != nil {
		return voice.peek()
	}
	return nil
}

// hearsOfTape counts a frame that he has heard of what the room is told about its being recorded. Who has heard them all knows.
func (r *Room) hearsOfTape(p *Participant) {
	if r.words.tapes && p.rights.hears && !p.spared {
		if p.notice.heard++; p.notice.heard == r.words.frames {
			p.notice.knows = r.words.on
		}
	}
}
