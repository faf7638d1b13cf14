package media

import "time"

// The playout, in milliseconds of sound.
const (
	slackFirst = 20  // what is held back at first, besides the frame to be played
	slackStep  = 5   // a packet that came too late raises the slack by at least so much, a quiet time lowers it again
	slackOver  = 10  // slack beyond the wanted one that is let be
	jitterMax  = 100 // default of the most slack
	windowLong = 50  // ticks over which the least slack is watched
	quietLong  = 10  // windows without a late packet after which less slack is tried
	cutEvery   = 5   // ticks between two cuts
)

// MostJitter is the most sound that a jitter buffer may be told to hold back.  With more, packets that come after a stall would lie
// so far ahead that they look like those of a sender that has set its clock (put); and nobody can talk over half a second.
const MostJitter = 400 * time.Millisecond

// JitterState is what the playout of one stream has learnt and where it stands: plain data, positions in samples.
type JitterState struct {
	Frame   int   // samples of one 20 ms frame; 0: not set up
	Limit   int64 // the most slack
	Target  int64 // the slack that is wanted now
	Playing bool  // else nothing has come, or nothing for so long that the next packet begins anew
	Next    int64 // position of the next sample to be played
	End     int64 // position behind the newest sample that has come
	Quiet   bool  // what is missing from QuietAt on is silence, not loss
	QuietAt int64
	History int64 // samples before Next that belong together, for concealment
	Lost    int64 // samples concealed in a row until Next
	Longest int64 // the longest packet of late

	Least    int64 // least slack in this window
	Ticks    int   // of this window
	Calm     int   // windows in a row without a late packet
	Excess   int64 // what is to be cut out yet
	SinceCut int

	Jumped bool  // the last packet lay where it cannot belong
	JumpAt int64 // there

	Concealed int64 // samples made up, in all
	Skipped   int64 // samples that came and were not played, in all
}

// jitter is the playout buffer of one leg: packets in at their timestamps, exactly one frame out per tick.
//
// Before the frame is taken, the samples on hand beyond it are the slack: the time by which a packet may be late.  It begins with
// 20 ms.  A packet that comes too late is played all the same when there is nothing else to play, which makes the slack longer by its
// lateness; when the slack has been longer than wanted for a second, one pitch period at a time is cut out, which nobody hears.
// It never exceeds Limit, so the delay cannot grow.  Silence (nothing to play) starts anew with the wanted slack.
//
// Pure: knows no clock; a pop is a tick.  Owned by the leg's owner.
type jitter struct {
	JitterState
	ring
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
	j.Target = min(j.samples(slackFirst), j.Limit)
	j.ring.clear()
}

// samples is that many milliseconds.
func (j *jitter) samples(ms int64) int64 { return int64(j.Frame) * ms / 20 }

// starved says that nothing is on hand.
func (j *jitter) starved() bool { return j.End <= j.Next }

// start begins to play at the position, after the wanted slack.
func (j *jitter) start(at int64) {
	j.Skipped += j.onHand()
	j.ring.clear()
	j.Playing, j.Jumped = true, false
	j.Next, j.End = at-j.Target, at
	j.Quiet, j.QuietAt = true, j.Next
	j.History, j.Lost, j.Longest = 0, 0, 0
	j.Least, j.Ticks, j.Excess = j.Limit, 0, 0
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

// put takes the samples of one packet.
func (j *jitter) put(at int64, pcm []int16) verdict {
	n := int64(len(pcm))
	if !j.Playing {
		if behind := j.End - at; behind > 0 && behind < j.samples(1000) && j.History > 0 {
			return late // belongs to what was played before the silence
		}
		j.start(at)
	}
	ahead := at - j.Next
	if ahead+n > ringSize/2 || ahead < -ringSize/2 {
		if !j.leap(at) {
			return jumped
		}
		ahead = at - j.Next
	}
	if ahead < 0 {
		behind := -ahead
		if j.starved() && !j.Quiet && behind <= j.Limit {
			j.Next = at // nothing else to play: better late than never
			j.longer(behind)
		} else if behind >= n {
			j.longer(j.samples(slackStep))
			return late
		} else {
			at, pcm = at+behind, pcm[behind:]
		}
	}
	if j.ring.run(at, len(pcm), true) == len(pcm) {
		return duplicate
	}
	j.ring.write(at, pcm)
	j.End = max(j.End, at+int64(len(pcm)))
	j.Longest = max(j.Longest, n)
	j.Jumped = false
	return stored
}

// leap decides about a packet that lies far from all others.  One alone is dropped; when the next one lies near it, or nothing else is
// on hand, the sender has set his clock, and the playing starts anew there.
func (j *jitter) leap(at int64) bool {
	near := j.Jumped && at-j.JumpAt < ringSize/2 && j.JumpAt-at < ringSize/2
	if !near && !j.starved() {
		j.Jumped, j.JumpAt = true, at
		return false
	}
	j.start(at)
	return true
}

// longer raises the wanted slack after a packet came too late.
func (j *jitter) longer(by int64) {
	j.Target = min(max(j.Target, j.samples(slackFirst))+min(max(by, j.samples(slackStep)), j.samples(slackFirst)), j.Limit)
	j.Calm = 0
}

// pop plays one frame into dst, which holds Frame samples, and says whether there is anything in it that may be heard.
func (j *jitter) pop(dst []int16) bool {
	if !j.Playing {
		clear(dst)
		return false
	}
	j.regulate()
	if j.Lost == 0 && j.ring.run(j.Next, j.Frame, true) == j.Frame { // nearly always
		j.ring.take(dst, j.Next)
		j.spoken()
		j.advance(j.Frame)
		return true
	}
	return j.patch(dst)
}

// advance has played n samples.
func (j *jitter) advance(n int) {
	j.Next += int64(n)
	j.History = min(j.History+int64(n), ringSize/4)
}

// spoken ends a silence when sound is played that comes after its beginning.
func (j *jitter) spoken() {
	if j.Next >= j.QuietAt {
		j.Quiet = false
	}
}

// patch plays a frame of which something is missing.
func (j *jitter) patch(dst []int16) (heard bool) {
	for len(dst) > 0 {
		if n := j.ring.run(j.Next, len(dst), true); n > 0 {
			j.ring.take(dst[:n], j.Next)
			if j.Lost > 0 {
				j.conceal.blend(dst[:n], j.Lost, j.Frame)
			}
			j.Lost, heard = 0, true
			j.spoken()
			j.advance(n)
			dst = dst[n:]
			continue
		}
		n := j.ring.run(j.Next, len(dst), false)
		if j.Quiet && j.Next >= j.QuietAt {
			clear(dst[:n])
			j.Lost = 0
		} else {
			heard = j.fill(dst[:n]) || heard
		}
		j.ring.paste(j.Next, dst[:n])
		j.advance(n)
		dst = dst[n:]
	}
	if j.starved() && (j.Quiet || j.Lost >= j.samples(fadeEnd)) {
		j.stop()
	}
	return heard
}

// fill makes up what is missing, and says whether it can be heard.
func (j *jitter) fill(dst []int16) bool {
	if j.Lost == 0 {
		j.conceal.learn(&j.ring, j.Next, j.History, j.Frame)
	}
	audible := j.conceal.fill(dst, j.Lost, j.Frame)
	j.Lost += int64(len(dst))
	if audible {
		j.Concealed += int64(len(dst))
	}
	return audible
}

// regulate keeps the slack near the wanted one, before each frame.
func (j *jitter) regulate() {
	slack := j.End - j.Next - int64(j.Frame)
	if over := slack - j.Limit - j.Longest; over > 0 { // the cap: no care is taken, it happens after a storm only
		skip := slack - j.Target
		j.ring.mark(j.Next, int(skip), false)
		j.Next += skip
		j.Skipped += skip
		j.Excess, j.History = 0, 0
		return
	}
	j.Least = min(j.Least, slack)
	if j.Ticks++; j.Ticks >= windowLong {
		j.review()
	}
	if j.SinceCut++; j.Excess > 0 && j.SinceCut >= cutEvery {
		j.cut()
	}
}

// review looks back on a window: too much slack is to be cut, and a long calm lets the target sink.
func (j *jitter) review() {
	if j.Calm++; j.Calm >= quietLong {
		j.Calm = 0
		j.Target = max(j.Target-j.samples(slackStep), min(j.samples(slackFirst), j.Limit))
	}
	j.Excess = 0
	if over := j.Least - j.Target; over > j.samples(slackOver) {
		j.Excess = over
	}
	j.Least, j.Ticks = j.Limit+j.Longest, 0
}

// cut takes one pitch period out of what is to be played next, laying what is before the cut over what is behind it.
func (j *jitter) cut() {
	longest := pitchMax(j.Frame)
	need := j.Frame + 2*longest
	if j.Lost > 0 || j.ring.run(j.Next, need, true) < need {
		return
	}
	period := cutOut(&j.ring, j.Next, j.Frame)
	j.ring.mark(j.Next, period, false)
	j.Next += int64(period)
	j.Skipped += int64(period)
	j.Excess -= int64(period)
	j.SinceCut = 0
}
