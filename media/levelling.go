package media

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// Levelling: where to, how far and how fast.  Levels are in dBov, of which a sine at full scale has -3.
const (
	levelTarget = -26.0 // of active speech: -23 dBFS as tones are measured, and the nominal level of ITU-T P.56
	levelReach  = 12.0  // dB, either way
	levelRise   = 0.04  // dB in a tick: 2 dB in a second
	levelFall   = 0.08  // dB in a tick: 4 dB in a second
	levelBegin  = 1.0   // dB off the target from which the gain moves
	levelEnd    = 0.25  // dB off the target at which it stops
)

// What counts as active.
const (
	activeLeast   = -55.0 // dBov: the softest that can be speech
	activeAbove   = 6.0   // dB above the noise
	activeKnown   = 15    // active ticks after which the level of the speech is known well enough
	activeMost    = 100   // active ticks, 2 s, over which it is averaged
	loudSpan      = 15.0  // dB below the loud ones down to which active frames are averaged, as in ITU-T P.56
	loudFall      = 0.1   // dB in an active tick by which the loud ones become softer, 5 dB in a second of speech
	soundLeast    = -75.0 // dBov: what is softer is made by no microphone and tells nothing of its noise
	noiseRise     = 0.04  // dB in a tick by which the noise may rise: 2 dB in a second
	noiseFall     = 0.3   // of the way to what is softer, in a tick
	swingTime     = 0.05  // of the way to a new swing, in a tick: 400 ms
	swingMost     = 10.0  // dB that a single step counts for
	swingOfSpeech = 2.0   // dB: syllables make steps of 3 to 6 from frame to frame, a steady noise of 0.4 to 1
	swingOfTone   = 0.25  // dB: and a tone makes none
)

// Levelling brings a peer's voice to the level that all voices should have, whatever his telephone makes of it: slowly, so that loud and soft words
// stay that, and only by what it learns of speech (or a tone).  In noise and silence it stays where it is.
//
// What is speech is told from noise by two things: it stands out of the softest that was of late, and its level swings.  A steady tone
// does not swing at all, and is levelled as well.
//
// Plain data; the zero value is at 0 dB and has heard nothing.  Pure; owned by the leg's owner.
type Levelling struct {
	Gain    float64       // dB
	Moving  bool          // towards the target
	Known   bool          // something was heard, so that what follows the limiter means something
	Limiter mixer.Limiter // of peaks that do not fit with that gain

	Last   float64 // level of the last frame, dBov
	Swing  float64 // dB from frame to frame, of late
	Noise  float64 // level of the softest, of late, dBov
	Loud   float64 // level of the loudest active frames, of late, dBov
	Speech float64 // mean square of active frames
	Active int     // how many were averaged, up to activeMost
}

// hear learns from the next frame, of that level and mean square, and moves the gain.
func (v *Levelling) hear(level, square float64) {
	if level < soundLeast {
		return
	}
	v.follow(level)
	if !v.active(level) {
		return
	}
	if v.Loud = max(level, v.Loud-loudFall); level > v.Loud-loudSpan {
		v.Active = min(v.Active+1, activeMost)
		v.Speech += (square - v.Speech) / float64(v.Active)
		if v.Active >= activeKnown {
			v.move()
		}
	}
}

// follow keeps the swing and the noise.  What comes first is noise until it swings, or is seen to be a tone.
func (v *Levelling) follow(level float64) {
	if !v.Known {
		v.Known, v.Last, v.Noise, v.Loud, v.Swing = true, level, level, level, swingOfSpeech
	}
	if v.Loud == 0 { // of an image that did not know it
		v.Loud = level
	}
	v.Swing += (min(math.Abs(level-v.Last), swingMost) - v.Swing) * swingTime
	v.Last = level
	if level < v.Noise {
		v.Noise += (level - v.Noise) * noiseFall
	} else {
		v.Noise = min(v.Noise+noiseRise, level)
	}
}

// active says whether the frame is speech or a tone.
func (v *Levelling) active(level float64) bool {
	if level < activeLeast {
		return false
	}
	return v.Swing < swingOfTone || v.Swing > swingOfSpeech && level > v.Noise+activeAbove
}

// move takes the gain one step towards where it should be.
func (v *Levelling) move() {
	wanted := max(-levelReach, min(levelTarget-decibels(v.Speech), levelReach))
	off := wanted - v.Gain
	if math.Abs(off) > levelBegin {
		v.Moving = true
	}
	if math.Abs(off) < levelEnd {
		v.Moving = false
	}
	if v.Moving {
		v.Gain += max(-levelFall, min(off, levelRise))
	}
}
