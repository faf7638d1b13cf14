package media

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// A frame whose samples are all the same is still: a constant has no sound, so it is not heard, be it of a muted phone or of a broken one at full
// scale.  A-law has no zero, and its silence is 8: mixed, that of 500 phones is an offset of -18 dBFS, with which voices meet the
// limiter sooner; and each of the 500 would have an encoding of the mix for himself, where those who are not heard share one.

// silenceMost is how far from 0 the silence of a law lies.  Where sound goes on from there, the step of -72 dBFS is none.
const silenceMost = 8

// Stillness is what is needed to join a peer's still frames to his sound.  A microphone's soft noise upon an offset may be still in one frame and
// not in the next; to leave the offset out at once would make a click of its size each time, so it goes, and comes back, in a slope of a frame.
//
// Plain data; the zero value has heard nothing.  Owned by the leg's owner.
type Stillness struct {
	Last   int16 // sample of the frame before, if that was sound; else 0
	Offset int16 // of the frame before, if that was still, and worth the name of an offset; else 0
}

// watchStill keeps still frames out of the mix.  It says whether this one is still and is heard all the same, as the end of the sound before it.
func (l *Leg) watchStill() (faded bool) {
	before := l.state.Stillness
	now := &l.state.Stillness
	*now = Stillness{}
	switch {
	case !l.heard:
	case !mixer.Still(l.frame):
		if joins(l.frame[0], before.Offset) {
			settle(l.frame, before.Offset)
		}
		now.Last = l.frame[len(l.frame)-1]
	default:
		if at := l.frame[0]; at > silenceMost || at < -silenceMost {
			now.Offset = at
		}
		if joins(before.Last, now.Offset) {
			mixer.Ramp(l.frame, 1, 0)
			return true
		}
		l.heard, l.level = false, silent
	}
	return false
}

// joins says whether a sample of the sound lies nearer to the offset beside it than to the nothing that is in its place when it is left out.
func joins(sample, offset int16) bool {
	return abs(int(sample)-int(offset)) < abs(int(sample))
}

func abs(n int) int { return max(n, -n) }

// settle brings a frame that goes on from an offset down to 0 at its first sample and up again at its last: what is heard of it is the same.
func settle(frame []int16, offset int16) {
	for i, s := range frame {
		left := int(offset) * (len(frame) - 1 - i) / len(frame)
		frame[i] = int16(max(math.MinInt16, min(int(s)-left, math.MaxInt16)))
	}
}
