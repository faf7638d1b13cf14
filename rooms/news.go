package rooms

import (
	"time"

	"github.com/sipconf/sipconf/media/mixer"
)

// news is what there is to tell of a participant after a pull; none nearly always.
type news uint8

const (
	newsOfVoice   news = 1 << iota // he has begun to talk, or stopped
	newsOfMusic                    // his music has begun, or is over
	newsOfSilence                  // his first packet should have come
	newsOfKeys                     // he has pressed some
	newsOfLine                     // of what a machine says, or of the keys that it is sent
	newsOfRights                   // what he may do has changed
)

// pull takes a participant's frame of this tick, and says whether there is something to tell. It
// touches nothing but him.
func (p *Participant) pull(now int64) bool {
	p.frame, p.news = p.leg.Pull(now), 0
	held := p.leg.Held()
	p.rights = derive(p.phase, p.flags, held)
	if seen := p.flags.standing(held); seen != p.standing {
		p.standing = seen
		p.news |= newsOfRights
	}
	p.speaks = p.leg.Heard() && !p.flags.muted
	p.spoken = p.spoken || p.speaks
	p.heard = p.rights.heard && p.speaks
	if p.speaks && p.gains.speak != 0 {
		mixer.Ramp(p.frame, p.gains.speaking(), p.gains.speaking())
	}
	if p.meter() {
		p.news |= newsOfVoice
	}
	if p.leg.PlaysMusic() != p.music {
		p.news |= newsOfMusic
	}
	if p.awaits < patience && p.awaited() {
		p.news |= newsOfSilence
	}
	if len(p.leg.Digits()) > 0 {
		p.news |= newsOfKeys
	}
	if p.ear != nil && p.hear() || p.sending && !p.leg.SendingKeys() {
		p.news |= newsOfLine
	}
	return p.news != 0
}

// tell makes events of what the pull has brought.
func (r *Room) tell(p *Participant) {
	if p.news&newsOfVoice != 0 {
		r.turnVoice(p)
	}
	if p.news&newsOfMusic != 0 {
		r.turnMusic(p)
	}
	if p.news&newsOfSilence != 0 {
		r.miss(p)
	}
	if p.news&newsOfLine != 0 {
		r.turnLine(p)
	}
	if p.news&newsOfRights != 0 && p.phase == inside {
		r.events.put(p.event(Changed))
	}
	for _, digit := range p.leg.Digits() {
		if p.own.keys {
			p.own = playing{}
		}
		p.keys.press(digit)
		pressed := p.event(Pressed)
		pressed.Digit = digit
		r.events.put(pressed)
	}
}

// patience is how many ticks somebody is in a room, not on hold, before it is told that nothing has
// come of him: 5 s. A phone that has its sound redirected, as by direct media, needs one at most.
const patience = 250

// awaited counts a tick in which his first packet could have come, and says, once in a call, that it
// should have.
func (p *Participant) awaited() bool {
	if p.leg.Held() || p.leg.Listens() {
		return false
	}
	p.awaits++
	return p.awaits == patience
}

// miss tells of somebody of whom nothing has come, if that is so.
func (r *Room) miss(p *Participant) {
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

// meter keeps the figures of the roster, and says whether he has begun to talk or stopped.
func (p *Participant) meter() (changed bool) {
	switch {
	case !p.rights.heard:
		return p.voice.stop()
	case p.heard:
		return p.voice.frame(p.leg.Level())
	default:
		return p.voice.frame(silence)
	}
}

// turnVoice tells that somebody has begun to talk or stopped.
func (r *Room) turnVoice(p *Participant) {
	if p.voice.Talking {
		r.events.put(p.event(Talking))
	} else {
		r.events.put(p.event(Quiet))
	}
}
