package rooms

import (
	"time"

	"github.com/sipconf/sipconf/media/mixer"
)

// Tick pulls one frame from every leg and then pushes one to every leg. On the loop only; it
// allocates nothing.
func (r *Room) Tick(now int64) {
	for _, p := range r.members {
		r.pull(p, now)
	}
	switch len(r.members) {
	case 0:
	case 1: // there is nobody to mix
		r.pushAlone(r.members[0], now)
	default:
		chimes := r.mix()
		for _, p := range r.members {
			r.push(p, now, chimes)
		}
	}
}

// pull takes a participant's frame and keys of this tick.
func (r *Room) pull(p *Participant, now int64) {
	p.frame = p.leg.Pull(now)
	p.rights = derive(p.phase, p.flags, p.leg.Held())
	p.heard = p.rights.heard && p.leg.Heard()
	r.meter(p)
	if p.leg.PlaysMusic() != p.music {
		r.turnMusic(p)
	}
	if p.awaits < patience {
		r.await(p)
	}
	for _, digit := range p.leg.Digits() {
		p.keys.press(digit)
		pressed := p.event(Pressed)
		pressed.Digit = digit
		r.events.put(pressed)
	}
}

// patience is how many ticks somebody is in a room, not on hold, before it is told that nothing has
// come of him: 5 s. A phone that has its sound redirected, as by direct media, needs one at most.
const patience = 250

// await counts a tick in which his first packet could have come, and tells, once in a call, if none did.
func (r *Room) await(p *Participant) {
	if p.leg.Held() || p.leg.Listens() {
		return
	}
	p.awaits++
	if p.awaits < patience {
		return
	}
	e := p.event(Unheard)
	e.Duration, e.Remote, e.Stats = patience*20*time.Millisecond, p.leg.State().Agreed.Remote, p.leg.Stats()
	if e.Stats.PacketsIn == 0 {
		r.events.put(e)
	}
}

// turnMusic tells that somebody's music has begun or is over.
func (r *Room) turnMusic(p *Participant) {
	if p.music = !p.music; p.music {
		r.events.put(p.event(MusicBegan))
	} else {
		r.events.put(p.event(MusicEnded))
	}
}

// meter keeps the figures of the roster.
func (r *Room) meter(p *Participant) {
	changed := false
	switch {
	case !p.rights.heard:
		changed = p.voice.stop()
	case p.heard:
		changed = p.voice.frame(p.leg.Level())
	default:
		changed = p.voice.frame(silence)
	}
	if !changed {
		return
	}
	if p.voice.talking {
		r.events.put(p.event(Talking))
	} else {
		r.events.put(p.event(Quiet))
	}
}

// mix adds up who is heard and, if there is one now, the room's tone. It reports whether there is.
func (r *Room) mix() (chimes bool) {
	w := &r.work
	loudest := tonePeak // there may be a tone, of the room's or of somebody's own
	mixer.Zero(w.voices)
	for _, p := range r.members {
		if p.heard {
			mixer.Add(w.voices, p.frame)
			loudest += mixer.Peak(p.frame)
		}
	}
	copy(w.sum, w.voices)
	tone := r.chime.frame(r.tones)
	mixer.Add(w.sum, tone)
	r.limit(loudest, tone != nil)
	w.fit(w.mixed, w.sum, nil)
	w.shared.reset()
	return tone != nil
}

// push sends a participant what he shall hear in this tick.
func (r *Room) push(p *Participant, now int64, chimes bool) {
	w := &r.work
	sum := r.sumFor(p, p.own.frame(), chimes)
	switch {
	case sum == nil:
		r.pushShared(p, now, &w.silent, w.quiet)
	case p.heard:
		w.fit(w.out, sum, p.frame)
		p.leg.Push(now, w.out)
	case r.isShared(sum):
		r.pushShared(p, now, &w.shared, w.mixed)
	default:
		w.fit(w.out, sum, nil)
		p.leg.Push(now, w.out)
	}
}

// sumFor is what a participant hears, with his own part still in it; nil: nothing. own is the frame
// of his own tone.
func (r *Room) sumFor(p *Participant, own []int16, chimes bool) []int32 {
	w := &r.work
	switch {
	case !p.rights.hears:
		return nil
	case own != nil: // instead of the room's tone, which he would hear twice otherwise
		copy(w.personal, w.voices)
		mixer.Add(w.personal, own)
		return w.personal
	case chimes && !r.chime.heardBy(p.round):
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
	tone := r.chime.frame(r.tones)
	if !r.chime.heardBy(p.round) {
		tone = nil
	}
	if own := p.own.frame(); own != nil {
		tone = own
	}
	if tone == nil || !p.rights.hears {
		r.pushShared(p, now, &r.work.silent, r.work.quiet)
		return
	}
	p.leg.Push(now, tone)
}
