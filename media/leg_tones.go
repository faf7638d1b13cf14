package media

import "github.com/sipconf/sipconf/media/mixer"

// watchTones finds the keys that come as tones, and mutes them, if none can come as events.  came says that the frame has come, and is not made
// up.
func (l *Leg) watchTones(came bool, now int64) {
	if l.state.Agreed.EventType != 0 || len(l.frame) != toneFrame {
		return
	}
	t := &l.state.Tones
	muted := t.Muted
	key, from := t.frame(l.frame, came)
	if key != 0 {
		l.state.Figures.Presses++
		l.report(key, false, now)
	}
	if t.Sure {
		l.state.Echoes.held(t.Key, now)
	}
	switch {
	case from == 0:
		clear(l.frame)
		l.heard = false
	case from < toneFrame:
		mixer.Ramp(l.frame[from-toneHalf:from], 1, 0)
		clear(l.frame[from:])
	case muted:
		mixer.Ramp(l.frame[:toneHalf], 0, 1)
	}
}

// came says whether the frame just played is the peer's, when so much was concealed before it.  Silence is, if the peer has said that there is
// nothing, but not if it comes after a loss.
func (l *Leg) came(concealed int64) bool {
	switch j := &l.jitter; {
	case j.Concealed != concealed:
		return false
	case !l.heard:
		return j.Quiet && !l.state.Tones.missing()
	}
	return true
}
