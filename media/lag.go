package media

import (
	"sync/atomic"
	"time"
)

// A hand-over takes some milliseconds longer than there are between two ticks, and everybody's next packet would be late by as much.  So the ticks
// fall behind their deadlines beforehand, little by little, and catch up again in the other process: five gaps of 22 ms and five of 18 are nothing to a
// jitter buffer, and one of 30 is something.  What is reckoned by deadlines goes on as if nothing were.
const (
	mostLag = 10 * time.Millisecond
	lagStep = 2 * time.Millisecond // from tick to tick
	lagTime = (mostLag/lagStep + 1) * (frameTime + lagStep)
)

// lag is by how much a loop's ticks come later than their deadlines.
type lag struct {
	wanted atomic.Int64
	now    int64 // on the loop only
}

// next is that of the next tick.
func (l *lag) next() int64 {
	wanted := l.wanted.Load()
	l.now = min(max(wanted, l.now-int64(lagStep)), l.now+int64(lagStep))
	return l.now
}

// fallBehind has all loops do so, within lagTime.
func (e *Engine) fallBehind() {
	for _, l := range e.loops {
		l.lag.wanted.Store(int64(mostLag))
	}
}

// catchUpAgain has them be on time again.
func (e *Engine) catchUpAgain() {
	for _, l := range e.loops {
		l.lag.wanted.Store(0)
	}
}
