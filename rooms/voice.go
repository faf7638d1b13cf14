package rooms

// Whether somebody talks is for the roster only; the mix never asks for it, so nobody's first
// syllable is cut. Telephone speech is at -20 to -30 dBFS, a quiet room below -45.
const (
	talkLevel  = -38 // dBFS from which a frame counts as speech
	quietLevel = -44 // dBFS below which it counts as a pause; between the two nothing changes
	talkFrames = 3   // frames of speech that make a talker: 60 ms, longer than a click
	quietTicks = 25  // frames of pause that end it: 500 ms, longer than the gaps between words
)

// voice tells talking from silence by the level, with hysteresis. Plain data; the zero value is silent.
type voice struct {
	Talking bool
	Level   int8 // dBFS of the last frame
	Run     uint8
}

// silence is the level of nothing at all.
const silence = -127

// frame takes the level of the next frame and reports whether talking has begun or ended with it.
func (v *voice) frame(level int) (changed bool) {
	v.Level = int8(max(silence, min(level, 0)))
	switch {
	case !v.Talking && level >= talkLevel, v.Talking && level < quietLevel:
		v.Run++
	case !v.Talking || level >= talkLevel:
		v.Run = 0
	}
	if !v.Talking && v.Run >= talkFrames || v.Talking && v.Run >= quietTicks {
		v.Talking, v.Run = !v.Talking, 0
		return true
	}
	return false
}

// stop ends talking at once, because nobody hears him any more. It reports whether he was talking.
func (v *voice) stop() (was bool) {
	was = v.Talking
	*v = voice{Level: silence}
	return was
}
