package links

import "time"

// steady is how long the far side was connected when all that went before is forgotten.
const steady = time.Minute

// jitter is how much longer a wait may be than it is said to be, as a part of it: two servers that call each other, or all the links of a
// PBX that is back, are not to dial in step.
const jitter = 0.2

// asunder is by how much two that have called each other at the same time, and do not know it, may dial one after the other: more
// than it takes until it rings.
const asunder = 20 * time.Second

// ladder is how far the waits have grown. Plain data; the zero value is its first step.
type ladder struct {
	step int
}

// next is how long to wait after an end; luck is from 0 to 1.
func (l *ladder) next(link *Link, e end, luck float64) time.Duration {
	if e.up >= steady {
		l.step = 0
	}
	wait := link.Retry[min(l.step, len(link.Retry)-1)]
	l.step++
	if e.deliberate {
		wait = max(wait, link.Ended)
	}
	longer := jitter * luck * float64(wait)
	if e.crossed {
		longer += luck * float64(asunder)
	}
	return wait + time.Duration(longer)
}
