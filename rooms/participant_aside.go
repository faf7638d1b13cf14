package rooms

// Enter takes the participant from the ante-room into the room. Who is not in the ante-room stays where
// he is. Who was invited, when all have left meanwhile who were inside then, is hung up: false.
func (p *Participant) Enter() (entered bool) {
	if p.seat == nil {
		return false
	}
	call, ok := p.seat.directory.enters(p.seat)
	switch {
	case ok:
		p.do(func(r *Room) { r.enter(p) })
	case call != nil:
		call.Hangup(ErrDeserted.Error())
	}
	return ok
}

// Play plays a sound to the participant alone, instead of what is played to him; into what he hears of the
// room, if he is not aside. A key ends it if keys is true.
func (p *Participant) Play(s Sound, keys bool) {
	p.do(func(r *Room) {
		p.own = of(s)
		p.own.keys = keys
		r.allowFor(s)
	})
}

// PlayTillSound plays a sound to the participant alone until there is something to be heard of his mate (StepAside), whoever that is by then; if there was
// before, it plays nothing.
func (p *Participant) PlayTillSound(s Sound) {
	p.do(func(r *Room) {
		p.own = of(s)
		p.own.till = true
		r.allowFor(s)
	})
}

// StopPlaying ends what is played to him.
func (p *Participant) StopPlaying() { p.do(func(*Room) { p.own = playing{} }) }

// StepAside takes the participant out of the talk: he and the room do not hear each other. He hears what
// is played to him and, unless it is nil, what mate says, who is in the same room, also in the ante-room. mate hears him only if he
// has stepped aside with him as well.
func (p *Participant) StepAside(mate *Participant) {
	p.do(func(r *Room) {
		if mate != nil && (mate.seat == nil || mate.seat.room != r || mate.phase == gone) {
			mate = nil
		}
		p.flags.aside, p.mate = true, mate
	})
}

// Return brings him back, and ends what is played to him.
func (p *Participant) Return() {
	p.do(func(*Room) { p.flags.aside, p.mate, p.own = false, nil, playing{} })
}

// HearLouder changes by so many steps of 3 dB how loud he hears the others; a negative number makes it softer. Four steps either way are the most.
func (p *Participant) HearLouder(steps int) {
	p.do(func(*Room) { p.gains.hear = turned(p.gains.hear, steps) })
}

// SpeakLouder does the same with how loud he is heard.
func (p *Participant) SpeakLouder(steps int) {
	p.do(func(*Room) { p.gains.speak = turned(p.gains.speak, steps) })
}

// allowFor has the limiter reckon with a sound as loud as that.
func (r *Room) allowFor(s Sound) { r.loudest = max(r.loudest, s.peak) }

// do runs f on the room's loop, as one of the next things; after he has left it does nothing.
func (p *Participant) do(f func(*Room)) {
	if p.seat == nil {
		return
	}
	r := p.seat.room
	r.do(func() {
		if p.phase != gone {
			f(r)
		}
	})
}
