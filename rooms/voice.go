package rooms

// Whether somebody talks is for the roster only; the mix never asks for it, so nobody's first
// syllable is cut. Telephone speech is at -20 to -30 dBFS, a quiet room below -45.
const (
	talkLevel  = -38 // dBFS from which a frame counts as speech
	quietLevel = -44 // dBFS below which it counts as a pause; between the two nothing changes
	talkFrames = 3   // frames of speech that make a talker: 60 ms, longer than a click
	quietTicks = 25  // frames of pause that end it: 500 ms, longer than the gaps between words
)

// voice tells talking from silence by the level, with hysteresis. The zero value is silent.
type voice struct {
	talking bool
	level   int8 // dBFS of the last frame
	run     uint8
}

// silence is the level of nothing at all.
const silence = -127

// frame takes the level of the next frame and reports whether talking has begun or ended with it.
func (v *voice) frame(level int) (changed bool) {
	v.level = int8(max(silence, min(level, 0)))
	switch {
	case !v.talking && level >= talkLevel, v.talking && level < quietLevel:
		v.run++
	case !v.talking || level >= talkLevel:
		v.run = 0
	}
	if !v.talking && v.run >= talkFrames || v.talking && v.run >= quietTicks {
		v.talking, v.run = !v.talking, 0
		return true
	}
	return false
}

// stop ends talking at once, because nobody hears him any more. It reports whether he was talking.
func (v *voice) stop() (was bool) {
	was = v.talking
	*v = voice{level: silence}
	return was
}
