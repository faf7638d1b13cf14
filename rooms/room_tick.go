package rooms

import "github.com/sipconf/sipconf/media/mixer"

// Tick pulls one frame from every leg and then pushes one to every leg. On the loop only; it
// allocates nothing.
func (r *Room) Tick(now int64) {
	if r.shares() {
		r.tickTogether(now)
		return
	}
	for i, p := range r.members {
		fetchAhead(r.members[i:])
		if p.pull(now) {
			r.tell(p)
		}
	}
	if len(r.members) <= 1 && r.recording == nil { // there is nobody to mix
		for _, p := range r.members {
			r.pushAlone(p, now)
		}
		return
	}
	r.mix(r.add())
	for _, p := range r.members {
		r.push(&r.work.desk, p, now)
	}
}

// add adds up who is heard, and returns what their peaks add up to.
func (r *Room) add() (loudest int) {
	w := r.work
	mixer.Zero(w.voices)
	for _, p := range r.members {
		if p.heard {
			mixer.Add(w.voices, p.frame)
			loudest += mixer.Peak(p.frame)
		}
	}
	return loudest
}

// mix makes of the voices what is to be heard: with the room's tone and words, if there are any now, and so that
// it fits.
func (r *Room) mix(loudest int) {
	w := r.work
	copy(w.sum, w.voices)
	tone := r.chime.frame(r.tones)
	mixer.Add(w.sum, tone)
	w.chimes = tone != nil
	words := r.saying()
	mixer.Add(w.sum, words)
	w.tells = words != nil
	r.limit(loudest + tonePeak + r.loudest) // there may be a tone, of the room's or of somebody's own, and words
	w.fit(w.mixed, w.sum, nil)
	w.shared.reset()
	if r.recording != nil {
		r.recording.put(w.mixed)
	}
}

// push sends a participant what he shall hear in this tick.
func (r *Room) push(d *desk, p *Participant, now int64) {
	w := r.work
	if p.rights.aside {
		r.pushAside(d, p, now)
		return
	}
	sum := r.sumFor(d, p, r.privately(p))
	r.hearsOfTape(p)
	switch {
	case sum == nil:
		r.pushShared(p, now, &d.silent, w.quiet)
	case p.heard:
		w.fit(d.out, sum, p.frame)
		p.listen(now, d.out)
	case r.isShared(sum) && p.gains.hear == 0:
		r.pushShared(p, now, &d.shared, w.mixed)
	default:
		w.fit(d.out, sum, nil)
		p.listen(now, d.out)
	}
}

// listen sends a participant a frame of his own, as loud as he wants it.
func (p *Participant) listen(now int64, frame []int16) {
	if p.gains.hear != 0 {
		mixer.Ramp(frame, p.gains.hearing(), p.gains.hearing())
	}
	p.leg.Push(now, frame)
}

// pushAside sends somebody who is aside what is played to him, and what his mate says.
func (r *Room) pushAside(d *desk, p *Participant, now int64) {
	mate := p.mate
	if p.own.till && mate != nil && mate.spoken {
		p.own = playing{}
	}
	own := r.privately(p)
	if own == nil && (mate == nil || !mate.speaks) {
		r.pushShared(p, now, &d.silent, r.work.quiet)
		return
	}
	mixer.Zero(d.personal)
	mixer.Add(d.personal, own)
	if mate != nil && mate.speaks {
		mixer.Add(d.personal, mate.frame)
	}
	mixer.Saturate(d.out, d.personal)
	p.listen(now, d.out)
}

// sumFor is what a participant hears, with his own part still in it; nil: nothing. own is the frame
// of his own tone.
func (r *Room) sumFor(d *desk, p *Participant, own []int16) []int32 {
	w := r.work
	switch {
	case !p.rights.hears:
		return nil
	case own != nil: // instead of the room's tone, which he would hear twice otherwise
		copy(d.personal, w.voices)
		mixer.Add(d.personal, own)
		return d.personal
	case w.chimes && !r.chime.heardBy(p.round), w.tells && p.spared:
		return w.voices
	default:
		return w.sum
	}
}

// isShared says whether that is the sum that all who only listen share.
func (r *Room) isShared(sum []int32) bool { return &sum[0] == &r.work.sum[0] }

// pushShared sends a participant the frame that others get as well, encoded once for all of them.
func (r *Room) pushShared(p *Participant, now int64, e *encoded, frame []int16) {
	if c := p.leg.Codec(); c != nil {
		if payload := e.of(c, frame); payload != nil {
			p.leg.PushEncoded(now, payload)
			return
		}
	}
	p.leg.Push(now, frame)
}

// pushAlone sends the only participant a tone or silence, and never nothing: carriers and Asterisk
// end a call that hears nothing.
func (r *Room) pushAlone(p *Participant, now int64) {
	if p.rights.aside {
		r.pushAside(&r.work.desk, p, now)
		return
	}
	tone := r.chime.frame(r.tones)
	if !r.chime.heardBy(p.round) {
		tone = nil
	}
	if words := r.saying(); words != nil && !p.spared {
		tone = words
	}
	if own := r.privately(p); own != nil {
		tone = own
	}
	r.hearsOfTape(p)
	if tone == nil || !p.rights.hears {
		r.pushShared(p, now, &r.work.silent, r.work.quiet)
		return
	}
	p.listen(now, r.work.out[:copy(r.work.out, tone)])
}
