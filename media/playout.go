package media

// pop plays one frame into dst, which holds Frame samples, and says whether there is anything in it that may be heard.
func (j *jitter) pop(dst []int16) bool {
	heard := j.play(dst)
	j.Clock += int64(j.Frame)
	return heard
}

// passed has the time go on over ticks that were left out, so that what waited for them is not taken for slow.  It says how many ticks of time
// have gone by since the last pop, one at least.
func (j *jitter) passed(now int64) (ticks int64) {
	ticks = 1
	if missed := (now - j.Passed) - int64(frameTime); j.Passed != 0 && missed > -int64(frameTime) { // below 0: another loop ticks somewhat sooner
		j.Clock += missed * int64(j.Frame) / int64(frameTime)
		ticks += (missed + int64(frameTime) - 1) / int64(frameTime)
	}
	j.Passed = now
	return ticks
}

// play is pop, without the passing of time.
func (j *jitter) play(dst []int16) bool {
	if !j.Playing {
		clear(dst)
		return false
	}
	j.regulate()
	if j.ready() { // nearly always
		j.ring.take(dst, j.Next)
		j.spoken()
		j.advance(j.Frame)
		return true
	}
	return j.patch(dst)
}

// ready says whether the next frame is on hand as a whole, and goes on from the one before.
func (j *jitter) ready() bool { return j.Playing && j.Lost == 0 && j.whole(j.Frame) }

// advance has played n samples.
func (j *jitter) advance(n int) {
	j.Next += int64(n)
	j.History = min(j.History+int64(n), j.samples(kept))
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
