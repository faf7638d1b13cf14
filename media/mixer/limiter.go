package mixer

import "math"

// The course of a limiter.
const (
	limit     = -math.MinInt16 // what is let pass; one more than what fits on the upper side, which nobody hears
	ceiling   = math.MaxInt16  // what the gain brings the loudest to
	holdTicks = 10             // ticks that the gain stays down after the sound was as loud as that: 200 ms, longer than a syllable's pause
	recovery  = 1.0471         // by how much it rises in a tick then: 0.4 dB, so 20 dB in a second
)

// Limiter keeps what the talkers of a room are together from leaving 16 bits: one gain for all who hear, so that what each hears is the
// same mix, softer, and his own voice stays out of it.  Where nothing would be cut the gain is 1, and nobody needs to multiply by it.
//
// It sees the whole frame before it is heard, and adds no delay: the gain is down before the loudest sample, on a way as flat as
// the time from the beginning of the frame allows.  It stays there for a while and recovers slowly: a gain that followed each wave would
// distort as cutting does.
//
// Plain data; the zero value has a gain of 1.  Owned by the room's loop.
type Limiter struct {
	Cut  float32 // what is missing to a gain of 1 at the end of the last frame
	Hold int     // ticks until it may recover
}

// Frame takes the reach of a frame in curve, and leaves there the gain of each of its samples.  It says whether any is not 1; else curve is as it was.
func (l *Limiter) Frame(curve []float32) bool {
	gain, reach := 1-l.Cut, most(curve)
	risen := min(gain*recovery, 1)
	switch {
	case gain*reach > limit:
		for i, r := range curve {
			curve[i] = ceiling / max(r, 1)
		}
		l.Hold, l.Cut = holdTicks, 1-Descend(curve, gain)
	case l.Cut == 0:
		return false
	case risen*reach > ceiling: // so loud still that it would have to come back
		l.Hold = holdTicks
		straight(curve, gain, gain)
	case l.Hold > 0:
		l.Hold--
		straight(curve, gain, gain)
	default:
		straight(curve, gain, risen)
		l.Cut = 1 - risen
	}
	return true
}

// straight goes in a line from the gain before the frame to that of its last sample.
func straight(curve []float32, from, to float32) {
	step := (to - from) / float32(len(curve))
	for i := range curve {
		curve[i] = from + step*float32(i+1)
	}
}

// Descend takes the most that the gain may be at each sample, and replaces it by a way down from the gain before the first one: by
// straight lines, each as flat as can be, to where the gain has to be lower, and level from the lowest place on.  It returns the last gain.
//
// When a frame begins in the middle of a rising wave, the first of the lines are the wave: it is cut off, once, and no border can be heard.
func Descend(curve []float32, gain float32) float32 {
	for len(curve) > 0 {
		n := min(len(curve), longest)
		gain = descend(curve[:n], gain)
		curve = curve[n:]
	}
	return gain
}

// longest is how many samples are looked at together: 20 ms at 48 kHz.
const longest = 960

// corner is where one of the lines ends, which falls by so much with each sample.
type corner struct {
	at   int32
	fall float32
}

// descend finds the corners, which are those of the convex hull: a place to which the line falls more steeply than to the last corner makes that
// one needless.
func descend(curve []float32, gain float32) float32 {
	var corners [longest]corner
	n := 0
	for i, most := range curve {
		next := corner{int32(i), (gain - most) / float32(i+1)}
		for ; n > 0; n-- {
			last := corners[n-1]
			next.fall = (curve[last.at] - most) / float32(next.at-last.at)
			if next.fall < last.fall {
				break
			}
			next.fall = (gain - most) / float32(i+1) // if no corner is left
		}
		if next.fall > 0 {
			corners[n] = next
			n++
		}
	}
	return draw(curve, gain, corners[:n])
}

// draw writes the lines.
func draw(curve []float32, gain float32, corners []corner) float32 {
	begin := 0
	for _, c := range corners {
		end := int(c.at) + 1
		for i := range curve[begin:end] {
			curve[begin+i] = gain - c.fall*float32(i+1)
		}
		begin, gain = end, curve[end-1]
	}
	for i := range curve[begin:] {
		curve[begin+i] = gain
	}
	return gain
}
