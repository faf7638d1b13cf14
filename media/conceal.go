package media

import "math"

// Concealment in the manner of G.711 Appendix I: what is missing is made up from the last pitch period before it, repeated, at its
// level for 10 ms and then fading to silence at 60 ms: longer repetition sounds like a machine.  What comes after is faded in.
// docs/quality.md says how good it is, and what was tried.

const (
	unlike    = 192 // of 256: how loud what is made up is at least, however little the pitch periods before it were alike
	fadeStart = 10  // ms of concealment at full level
	fadeEnd   = 60  // ms after which there is silence
	pitchSize = 48000 / 50
)

// pitchMin and pitchMax are the pitch periods that are looked for, 5 ms (200 Hz) and 15 ms (66 Hz): higher voices and tones
// are found by a multiple of their period.
func pitchMin(frame int) int { return frame / 4 }
func pitchMax(frame int) int { return frame * 3 / 4 }

// concealer repeats one pitch period.  The zero value has no room for one; fit gives it some, and then it repeats silence until it learns.
type concealer struct {
	cycle  []int16 // has room for the longest pitch period
	period int
	gain   int // of 256: the less alike the periods were, the less of the repetition is right
}

// fit makes room for frames of that many samples, and forgets all.  It allocates only if the room changes.
func (c *concealer) fit(frame int) {
	if longest := pitchMax(frame); longest != len(c.cycle) {
		c.cycle = make([]int16, longest)
	}
	c.period = 0
}

// learn takes the last pitch period before the position, of which history samples belong together.
func (c *concealer) learn(r *ring, at, history int64, frame int) {
	longest, window := pitchMax(frame), frame*2/5
	c.gain = 256
	if history < int64(longest+window) { // too little is known to tell a pitch: repeat what there is, as far as it goes
		c.period = int(min(history, int64(longest)))
	} else {
		var past [2 * pitchSize]int16
		known := past[:longest+window]
		r.read(known, at-int64(len(known)))
		var like float64
		c.period, like = pitch(known, window, pitchMin(frame))
		c.gain = max(unlike, int(256*math.Sqrt(min(1, like))))
	}
	r.read(c.cycle[:c.period], at-int64(c.period))
	if c.period > 0 {
		c.smooth(r, at, history)
	}
}

// smooth lays the end of the cycle over what stood before its beginning, as far as that is known, so that it repeats without a click.
func (c *concealer) smooth(r *ring, at, history int64) {
	n := min(c.period/4, int(history)-c.period)
	var before [pitchSize]int16
	r.read(before[:n], at-int64(c.period)-int64(n))
	tail := c.cycle[c.period-n : c.period]
	for i := range tail {
		tail[i] = mixed(tail[i], before[i], i+1, n+1)
	}
}

// mixed is a on its way to b: part of whole.
func mixed(a, b int16, part, whole int) int16 {
	return int16((int(a)*(whole-part) + int(b)*part) / whole)
}

// fill makes up samples, of which lost were made up before, and says whether they can be heard.
func (c *concealer) fill(dst []int16, lost int64, frame int) bool {
	full, end := frame*fadeStart/20, frame*fadeEnd/20
	at := int(lost)
	if c.period == 0 || at >= end {
		clear(dst)
		return false
	}
	phase := at % c.period
	for i := range dst {
		sample := int(c.cycle[phase]) * c.gain / 256
		if at >= end {
			sample = 0
		} else if at > full {
			sample = sample * (end - at) / (end - full)
		}
		dst[i] = int16(sample)
		at++
		if phase++; phase == c.period {
			phase = 0
		}
	}
	return true
}

// blend fades real samples in over 5 ms, and goes on with the made-up ones under them.
func (c *concealer) blend(real []int16, lost int64, frame int) {
	n := min(frame/4, len(real))
	var made [pitchSize]int16
	c.fill(made[:n], lost, frame)
	for i := range n {
		real[i] = mixed(made[i], real[i], i+1, n+1)
	}
}

// pitch finds the distance at which the last window samples of known are most like those before them, and how much: 1 is the same.
func pitch(known []int16, window, lowest int) (period int, likeness float64) {
	last := known[len(known)-window:]
	highest := len(known) - window
	best, _ := search(last, known, lowest, highest, 2)
	best, score := search(last, known, max(lowest, best-1), min(highest, best+1), 1)
	var energy int64
	for _, s := range last {
		energy += int64(s) * int64(s)
	}
	return best, score / float64(max(1, energy))
}

// search tries the distances from low to high and looks at every step-th sample and distance.
func search(last, known []int16, low, high, step int) (best int, score float64) {
	best, score = high, -1
	for d := low; d <= high; d += step {
		earlier := known[len(known)-len(last)-d:]
		var cross, energy int64
		for i := 0; i < len(last); i += step {
			a, b := int64(last[i]), int64(earlier[i])
			cross += a * b
			energy += b * b
		}
		if cross <= 0 {
			continue
		}
		if s := float64(cross) * float64(cross) / float64(energy); s > score {
			best, score = d, s
		}
	}
	return best, score
}

// pitchAround finds the distance, from least to most, at which what stands from the position on is most like what stands before it.
func pitchAround(r *ring, at int64, least, most, frame int) (period int, likeness float64) {
	var known [2 * pitchSize]int16
	around := known[:most+frame/2]
	r.read(around, at-int64(most))
	return pitch(around, frame/2, least)
}

// join changes what stands at the second position so that it goes on from what is before the first: over n samples, those from the
// first on fade out into those from the second on, for a cut, or into those just before the first, for a repetition.
func join(r *ring, from, to int64, n int) {
	var out, in [pitchSize]int16
	r.read(out[:n], from)
	r.read(in[:n], to)
	for i := range n {
		out[i] = mixed(out[i], in[i], i+1, n+1)
	}
	r.paste(to, out[:n])
}
