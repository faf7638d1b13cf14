package media

import "math"

// The pace: where in the stream the playing stands, and how it gets to where it should be.
const (
	paceSlop   = 1   // ms by which a packet has to be more punctual than wanted before less is held back
	paceRest   = 4   // ticks from one look at the pace, or correction, to the next
	paceSure   = 60  // ms that are too much however little is known, as when packets have waited for the call to be answered
	paceRetry  = 25  // ticks after which it is tried again when nothing could be cut out: to search for it costs
	paceJoint  = 5   // ms of a cross-fade
	alike      = 0.9 // sounds that may be taken for each other, where 1 is the same
	quietLevel = 48  // samples up to it, -57 dBFS, are a pause, of which any length may be cut out
)

// latest is the latest position that may be played next when each packet has to come that early before it is needed.  A frame needs
// the packet that its last sample is in, and what is early enough for it is early enough for the whole packet: it ends the frame.
func (j *jitter) latest(at, early int64) int64 {
	come := j.Clock - j.Arrivals.slowest() - early // what begins here or before has come
	since := come - at
	whole := since / j.Grid * j.Grid
	if whole > since {
		whole -= j.Grid
	}
	return at + whole + j.Grid - int64(j.Frame)
}

// regulate keeps the playing where it should be, before each frame.
func (j *jitter) regulate() {
	j.Arrivals.tick()
	j.calm()
	j.capped()
	if j.Rest--; j.Rest > 0 || j.Lost > 0 {
		return
	}
	j.Rest = paceRest
	if behind := j.latest(j.Origin, j.Guard+j.samples(paceSlop)) - j.Next; behind > 0 && (j.Arrivals.known() || behind > j.samples(paceSure)) {
		if !j.cut(behind) {
			j.Rest = paceRetry
		}
	} else if ahead := j.Next - j.latest(j.Origin, j.Guard); ahead > 0 && !j.Quiet {
		j.stretch(ahead)
	}
}

// missed has come to know of a packet that came too late.  What follows at once is the same trouble, and what the window shows needs no
// guard: it is raised when trouble comes again and again.
func (j *jitter) missed() {
	if j.Calm > stretches*stretchTicks && j.Calm < calmLong {
		j.Guard = min(j.Guard+j.samples(guardStep), j.samples(guardMost))
	}
	j.Calm = 0
}

// calm lowers the guard when there was no trouble for long.
func (j *jitter) calm() {
	if j.Calm++; j.Calm%calmLong == 0 {
		j.Guard = max(j.Guard-j.samples(guardStep), j.samples(guardLeast))
	}
}

// capped skips what keeps a packet waiting for longer than the limit.  It happens after a storm only, and leaves as much as may wait.
func (j *jitter) capped() {
	least := j.Least
	j.Least = math.MinInt64 // until something comes
	if least <= j.Next || j.starved() {
		return
	}
	over := min(least-j.Next, j.onHand())
	if joint := int(j.samples(paceJoint)); j.whole(joint) && j.ring.run(j.Next+over, joint, true) == joint {
		join(&j.ring, j.Next, j.Next+over, joint)
	}
	j.skip(over)
	j.History = 0
}

// cut takes out sound that is to be played next, and says whether it could: all that is too much in a pause, one pitch period in speech.
func (j *jitter) cut(most int64) bool {
	joint, pause := int(j.samples(paceJoint)), int(min(most, int64(j.Frame)))
	if n := pause + joint; j.whole(n) && j.ring.quiet(j.Next, n) {
		join(&j.ring, j.Next, j.Next+int64(pause), joint)
		j.skip(int64(pause))
		return true
	}
	if j.History < int64(pitchMax(j.Frame)) || !j.whole(j.Frame) {
		return false
	}
	period := j.period(pause)
	if period == 0 || !j.whole(max(j.Frame+period, 2*period)) {
		return false
	}
	join(&j.ring, j.Next, j.Next+int64(period), period)
	j.skip(int64(period))
	return true
}

// period is how much may be cut out of speech, most at most: one pitch period, or, when that is too much, whatever is alike enough; 0:
// nothing is, a pause will come.
func (j *jitter) period(most int) int {
	if longest := pitchMax(j.Frame); most >= longest {
		period, _ := pitchAround(&j.ring, j.Next, pitchMin(j.Frame), longest, j.Frame)
		return period
	}
	least := pitchMin(j.Frame) / 2
	if most < least {
		return 0
	}
	if period, likeness := pitchAround(&j.ring, j.Next, least, most, j.Frame); likeness >= alike {
		return period
	}
	return 0
}

// stretch plays some sound twice: as much as is wanting in a pause, one pitch period in speech.  There must be room below the limit for the fastest packet.
func (j *jitter) stretch(wanting int64) {
	longest := pitchMax(j.Frame)
	if j.History < int64(longest) || !j.whole(j.Frame) || j.Next < j.Known || j.Next-int64(longest) < j.least(j.Arrivals.fastest()) {
		return
	}
	period := int(min(wanting, int64(longest)))
	if !j.ring.quiet(j.Next-int64(period), 2*period) {
		period, _ = pitchAround(&j.ring, j.Next, pitchMin(j.Frame), longest, j.Frame)
	}
	again := j.Next - int64(period)
	join(&j.ring, j.Next, again, period)
	j.ring.mark(again, period, true)
	j.Next, j.History = again, j.History-int64(period)
}

// skip goes on at a later position.
func (j *jitter) skip(n int64) {
	j.ring.mark(j.Next, int(n), false)
	j.Next += n
	j.Skipped += n
}

// whole says whether the next n samples are all on hand.
func (j *jitter) whole(n int) bool { return j.ring.run(j.Next, n, true) == n }
