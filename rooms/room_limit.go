package rooms

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// limit finds the gain of this tick, which all share, if what somebody is to hear does not fit 16
// bits. loudest is what the peaks of all the frames add up to: nearly always that fits, and nothing
// has to be looked at twice.
func (r *Room) limit(loudest int) {
	w := r.work
	w.limited = false
	if loudest <= math.MaxInt16 && r.limiter.Cut == 0 {
		return
	}
	clear(w.gain)
	if loudest > math.MaxInt16 {
		r.reach()
	}
	w.limited = r.limiter.Frame(w.gain)
}

// reach works out the most that anybody hears, at each sample. A sum that nobody hears does not
// count: of two who shout at each other, each hears one, and that fits; unless they are recorded, for
// a recording is one more who listens.
func (r *Room) reach() {
	w, shared := r.work, r.recording != nil
	for _, p := range r.members {
		sum := r.sumFor(&w.desk, p, r.peekPrivately(p))
		switch {
		case sum == nil:
		case p.heard:
			mixer.Reach(w.gain, sum, p.frame)
		case r.isShared(sum): // worked out once for all
			shared = true
		default:
			mixer.Reach(w.gain, sum, w.quiet)
		}
	}
	if shared {
		mixer.Reach(w.gain, w.sum, w.quiet)
	}
}

// fit writes to dst what somebody hears: the sum less his own part in it, if he has one, and with
// the gain of this tick. Nothing is fitted to 16 bits before his part is out: what comes back to a
// talker would be his own voice, distorted.
func (w *work) fit(dst []int16, sum []int32, own []int16) {
	switch {
	case w.limited && own == nil:
		mixer.Shape(dst, sum, w.quiet, w.gain)
	case w.limited:
		mixer.Shape(dst, sum, own, w.gain)
	case own == nil:
		mixer.Saturate(dst, sum)
	default:
		mixer.Minus(dst, sum, own)
	}
}
