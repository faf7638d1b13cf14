package media

import (
	"math"
	"time"
)

// The playout, in milliseconds of sound.
const (
	slackFirst = 20  // what is held back as long as the arrivals are not known
	guardLeast = 4   // how much sooner than it is needed the slowest packet is wanted
	guardMost  = 20  // the same, after packets have come too late again and again
	guardStep  = 5   // a packet that came too late raises the guard by so much, a calm lowers it again
	calmLong   = 500 // ticks without a late packet after which a lower guard is tried
	jitterMax  = 120 // default of the longest that a packet may wait
	astray     = 512 // a packet that lies so far behind the playing is not of this stream
	kept       = 64  // played sound that is kept for concealment: a pitch period, and what it is compared with
)

// MostJitter is the longest that a packet may be told to wait in a jitter buffer: nobody can talk over half a second, and the ring would
// have to be larger (mostRing).
const MostJitter = 400 * time.Millisecond

// JitterState is what the playout of one stream has learnt and where it stands: plain data, positions in samples.
type JitterState struct {
	Frame   int   // samples of one 20 ms frame; 0: not set up
	Limit   int64 // the longest that a packet may wait, from when it came until its first sample is played
	Playing bool  // else nothing has come, or nothing for so long that the next packet begins anew
	Quiet   bool  // what is missing from QuietAt on is silence, not loss
	Jumped  bool  // the last packet lay where it cannot belong
	Next    int64 // position of the next sample to be played
	End     int64 // position behind the newest sample that has come
	QuietAt int64 // from where on what is missing is silence, if Quiet
	History int64 // samples before Next that belong together, for concealment
	Lost    int64 // samples concealed in a row until Next
	Least   int64 // what is played next must not lie before it, or what has come since the last pop waits for too long

	Clock  int64 // time, in samples: at the next pop
	Passed int64 // the same, in nanoseconds, as of the last pop
	Calm   int   // ticks since a packet came too late
	Rest   int   // ticks until the pace may be corrected again

	Concealed int64 // samples made up, in all

	Arrivals Arrivals // from its third field on, not each tick needs what follows; see fetch
	Guard    int64    // how much sooner than it is needed the slowest packet is wanted
	Size     int64    // of the newest packet, and
	Origin   int64    // where it begins
	Grid     int64    // greatest common divisor of Size and Frame
	Known    int64    // what lies before it came by other arrivals than these
	JumpAt   int64    // where the packet lay that cannot belong there
	Skipped  int64    // samples that came and were not played, in all
}

// jitter is the playout buffer of one leg: packets in at their timestamps, exactly one frame out per tick.
//
// It plays as early as the slowest packet of late allows, and a guard of 4 ms later (pace.go).  As sound comes in whole packets, that
// is a question of whole packets: the wait for the tick is all the delay there is on a LAN, unless packets come just at the tick; then
// it is one packet more.  A packet that comes too late is played all the same when there is nothing else to play, which makes the delay
// longer by its lateness.  Corrections are made one pitch period at a time, which nobody hears.
// No packet is played later than Limit after it came, so the delay cannot grow.  Silence (nothing to play) starts anew.
//
// Pure: knows no clock; a pop is a tick.  Owned by the leg's owner.
type jitter struct {
	ring
	JitterState
	conceal concealer
}

// verdict is what became of a packet.
type verdict uint8

const (
	stored verdict = iota
	duplicate
	late
	jumped
)

// setUp forgets everything, for frames of that many samples and that limit.
func (j *jitter) setUp(frame int, limit time.Duration) {
	concealed, skipped := j.Concealed, j.Skipped
	j.JitterState = JitterState{Frame: frame, Concealed: concealed, Skipped: skipped}
	j.Limit = j.samples(jitterMax)
	if limit > 0 {
		j.Limit = int64(frame) * int64(min(limit, MostJitter)) / int64(frameTime)
	}
	j.Guard, j.Calm = j.samples(guardLeast), calmLong // no trouble yet
	j.makeReady()
}

// makeReady has room for Frame and Limit, and nothing in it.
func (j *jitter) makeReady() {
	j.conceal.fit(j.Frame)
	j.ring.fit(int(j.samples(int64(maxPacket/time.Millisecond)) + 2*j.Limit + j.samples(kept))) // see reach
}

// reach is how far ahead of the playing a packet may end.  Behind it lies what was played, which a late packet may be written over, by the limit at most,
// and what concealment learns from.
func (j *jitter) reach() int64 { return int64(len(j.ring.samples)) - j.Limit - j.samples(kept) }

// samples is that many milliseconds.
func (j *jitter) samples(ms int64) int64 { return int64(j.Frame) * ms / 20 }

// starved says that nothing is on hand.
func (j *jitter) starved() bool { return j.End <= j.Next }

// start begins to play, so that the packet at the position, which has just come, is in time for what is known of the others.
func (j *jitter) start(at int64) {
	j.Skipped += j.onHand()
	j.ring.clear()
	j.Playing, j.Jumped = true, false
	early := j.samples(slackFirst)
	if j.Arrivals.known() {
		early = j.Guard + j.samples(guardLeast)
	}
	j.Next, j.End = max(at-j.Limit, min(at, j.latest(at, early))), at
	j.Quiet, j.QuietAt, j.Known, j.Least = true, j.Next, j.Next, j.Next
	j.History, j.Lost = 0, 0
}

// stop ends the playing: the next packet starts it anew.
func (j *jitter) stop() {
	if j.Playing {
		j.Skipped += j.onHand()
		j.ring.clear()
		j.Playing = false
	}
}

// onHand is how much has come and was not taken, gaps included.
func (j *jitter) onHand() int64 {
	if !j.Playing {
		return 0
	}
	return max(0, j.End-j.Next)
}

// silence says that nothing is to be expected from the position on: comfort noise, or a key press.
func (j *jitter) silence(at int64) {
	if j.Playing && !j.Quiet {
		j.Quiet, j.QuietAt = true, at
	}
}

// least is what may be played next at the earliest, so that a packet with that transit does not wait for longer than the limit.
func (j *jitter) least(transit int64) int64 { return j.Clock - transit - j.Limit }

// wonders says whether it must be known when the packet at the position came, which may have waited in the socket for so many ticks (Leg.drain).  Of any
// other one it may be unknown: even if it did, and the playing is then held back once more, it does not wait for longer than the limit.
func (j *jitter) wonders(at int64, ticks uint8) bool {
	sure := min(2*int64(j.Frame), j.Limit-int64(ticks)*int64(j.Frame)-int64(pitchMax(j.Frame)))
	return !j.Playing || at < j.Next || at-j.Next > sure
}

// whenever says that nobody has asked when a packet came.
const whenever = math.MinInt64

// put takes the samples of one packet, which came that many samples of time before the next pop, or whenever, if it is none that wonders.
func (j *jitter) put(at int64, pcm []int16, before int64) verdict {
	n := int64(len(pcm))
	asked := before != whenever
	if !asked {
		before = 0 // just now, for all that is known
	}
	transit := j.Clock - before - at
	if !j.Playing {
		if behind := j.End - at; behind > 0 && behind < j.samples(1000) && j.History > 0 {
			return late // belongs to what was played before the silence
		}
		j.came(at, n, transit)
		j.start(at)
	}
	j.makeRoom(at, n)
	if ahead := at - j.Next; ahead+n > j.reach() || ahead < -j.samples(astray) {
		if !j.leaps(at) {
			return jumped
		}
		j.Arrivals = Arrivals{}
		j.came(at, n, transit)
		j.start(at)
	}
	behind := j.Next - at
	if asked && behind <= j.Limit { // else one packet that went astray would hold all others back
		j.came(at, n, transit)
	}
	switch {
	case behind <= 0:
	case j.starved() && !j.Quiet && behind <= j.Limit:
		j.Next, j.History = at, max(0, j.History-behind) // nothing else to play: better late than never
		j.missed()
	case behind >= n:
		j.missed()
		return late
	default:
		at, pcm = at+behind, pcm[behind:]
	}
	if j.ring.run(at, len(pcm), true) == len(pcm) {
		return duplicate
	}
	j.ring.write(at, pcm)
	j.End = max(j.End, at+int64(len(pcm)))
	j.Least = max(j.Least, j.least(transit))
	j.Jumped = false
	return stored
}

// makeRoom skips the oldest of what waits when a packet that goes on from it would lie beyond the ring: after a stall all that was
// held up comes at once, and most of it is too late to be played (capped).
func (j *jitter) makeRoom(at, n int64) {
	over := at + n - j.Next - j.reach()
	if gap := at - j.End; over > 0 && gap >= 0 && gap <= j.Limit && over <= j.onHand() {
		j.skip(over)
		j.History = 0
	}
}

// came learns from the arrival of a packet.  One that is out of all measure comes by another clock: the sender has set his, as after a
// pause or at music on hold, and what was learnt by the old one is void.
func (j *jitter) came(at, n, transit int64) {
	if a := &j.Arrivals; a.Count > 0 && (transit < a.fastest()-j.Limit || transit > a.slowest()+j.Limit) {
		*a = Arrivals{}
		j.Known = j.End
	}
	j.Arrivals.add(transit)
	j.Origin = at
	if n != j.Size {
		j.Size, j.Grid = n, divisor(n, int64(j.Frame))
	}
}

// divisor is the greatest common one.
func divisor(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// leaps decides about a packet that lies far from all others.  One alone is dropped; when the next one lies near it, or nothing else is
// on hand, the sender has set his clock, and the playing starts anew there.
func (j *jitter) leaps(at int64) bool {
	near := j.Jumped && at-j.JumpAt < j.samples(astray) && j.JumpAt-at < j.samples(astray)
	if near || j.starved() {
		return true
	}
	j.Jumped, j.JumpAt = true, at
	return false
}
