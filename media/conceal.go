package media

import "math"

// Concealment in the manner of G.711 Appendix I: what is missing is made up from the last pitch period before it, repeated, at its
// level for 10 ms and then fading to silence at 60 ms: longer repetition sounds like a machine.  What comes after is faded in.
// Other than there, the period is known to a fraction of a sample, and goes on becoming longer or shorter as it did before: a voice's
// melody does not stop, and after three periods the repetition would be out of step with it.
// docs/quality.md says how good it is, and what was tried.

const (
	unlike    = 192 // of 256: how loud what is made up is at least, however little the pitch periods before it were alike
	fadeStart = 10  // ms of concealment at full level
	fadeEnd   = 60  // ms after which there is silence
	pitchSize = 48000 / 50
)

// pitchWindow is the last 6 ms, by which a period is judged: what is longer ago is less like what comes.
func pitchWindow(frame int) int { return frame * 3 / 10 }

// slideMost is how much longer or shorter than the one before a period of a voice can be.
const slideMost = 0.05

// pitchMin and pitchMax are the pitch periods that are looked for, 5 ms (200 Hz) and 15 ms (66 Hz): higher voices and tones
// are found by a multiple of their period.
func pitchMin(frame int) int { return frame / 4 }
func pitchMax(frame int) int { return frame * 3 / 4 }

// concealer repeats one pitch period.  The zero value has no room for one; fit gives it some, and then it repeats silence until it learns.
type concealer struct {
	cycle  []int16 // has room for the longest pitch period
	period int     // samples of it
	gain   int     // of 256: the less alike the periods were, the less of the repetition is right
	turn   Turn
}

// Turn is where in its pitch period a concealment is.  Plain data.
type Turn struct {
	Length float64 // of the period, in samples
	At     float64 // of the next sample; the period ends where the samples of it do
	Step   float64 // from one sample to the next: more than 1 makes the period shorter
	Slide  float64 // what the step is multiplied by after each period
}

// steady is a period that is as long as its samples, at their beginning.
func steady(period int) Turn { return Turn{Length: float64(period), Step: 1, Slide: 1} }

// within is the turn if it can be one in a period of so many samples; else, as of a process that knew no turns, a steady one.
func (t Turn) within(period int) Turn {
	if period == 0 {
		return t // it is not used
	}
	inside := t.At > -1 && t.At < float64(period) && math.Abs(t.Length-float64(period)) < 1
	if inside && t.Step > 0.25 && t.Step < 4 && t.Slide >= 1-slideMost && t.Slide <= 1+slideMost && (t.Step == 1 || period > 2) {
		return t
	}
	return steady(period)
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
	longest, window := pitchMax(frame), pitchWindow(frame)
	c.gain = 256
	if history < int64(longest+window) { // too little is known to tell a pitch: repeat what there is, as far as it goes
		c.period = int(min(history, int64(longest)))
		c.turn = steady(c.period)
	} else {
		var past [3 * pitchSize]int16
		known := past[:min(int64(2*longest+longest/10+window+1), history)]
		r.read(known, at-int64(len(known)))
		c.hear(known, window, frame)
	}
	r.read(c.cycle[:c.period], at-int64(c.period))
	if c.period > 0 {
		c.smooth(r, at, history)
	}
}

// hear finds the pitch period, and how it slides.
func (c *concealer) hear(known []int16, window, frame int) {
	longest, least := pitchMax(frame), pitchMin(frame)
	var like float64
	c.period, like = pitch(known[len(known)-longest-window:], window, least)
	c.gain = max(unlike, int(256*math.Sqrt(min(1, like))))
	length := between(known, window, c.period)
	c.turn = Turn{Length: length, At: float64(c.period) - length, Step: 1, Slide: 1}
	// The period before: at most a tenth longer or shorter.
	known = known[:len(known)-c.period]
	from, to := max(least, c.period*9/10), min(longest, c.period*11/10+1)
	if len(known) < to+1+window {
		return
	}
	before, like := pitch(known[len(known)-to-window:], window, from)
	if like > likeSlide {
		c.turn.Slide = max(1-slideMost, min(between(known, window, before)/length, 1+slideMost))
		c.turn.Step = c.turn.Slide
	}
}

// likeSlide is how alike two periods have to be that the difference of their lengths means something.
const likeSlide = 0.5

// between is the period at which the last window samples are most like those before them, to a fraction of a sample: the peak of the parabola
// through the period and its neighbours.  If there is none, the period.
func between(known []int16, window, period int) float64 {
	last := known[len(known)-window:]
	if len(known) < window+period+1 {
		return float64(period)
	}
	below, top, above := alikeness(last, known, period-1, 1), alikeness(last, known, period, 1), alikeness(last, known, period+1, 1)
	if curve := below - 2*top + above; curve < 0 {
		return float64(period) + max(-0.5, min((below-above)/(2*curve), 0.5))
	}
	return float64(period)
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
	for i := range dst {
		sample := c.next() * c.gain / 256
		if at >= end {
			sample = 0
		} else if at > full {
			sample = sample * (end - at) / (end - full)
		}
		dst[i] = int16(sample)
		at++
	}
	return true
}

// next is the next sample of the repetition.
func (c *concealer) next() int {
	t := &c.turn
	whole := math.Floor(t.At)
	sample := c.within(int(whole), t.At-whole)
	t.At += t.Step
	if t.At >= float64(c.period) {
		t.At -= t.Length
		t.Step *= t.Slide
	}
	return sample
}

// within is the cycle between two of its samples, by the cubic through the four around (Catmull-Rom); its end goes over into its beginning.
func (c *concealer) within(i int, part float64) int {
	if part == 0 && i >= 0 {
		return int(c.cycle[i])
	}
	a, b, d, e := c.sample(i-1), c.sample(i), c.sample(i+1), c.sample(i+2)
	made := b + part/2*(d-a+part*(2*a-5*b+4*d-e+part*(3*(b-d)+e-a)))
	return int(max(math.MinInt16, min(math.Round(made), math.MaxInt16)))
}

// sample is that of the cycle which stands at i, before its beginning and after its end as well.
func (c *concealer) sample(i int) float64 {
	if i < 0 {
		i += c.period
	} else if i >= c.period {
		i -= c.period
	}
	return float64(c.cycle[i])
}

// blend fades real samples in over 5 ms, and goes on with the made-up ones under them.  It ends the concealment.
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
		if s := alikeness(last, known, d, step); s > score {
			best, score = d, s
		}
	}
	return best, score
}

// alikeness is how much of the energy of the last samples those d samples before them account for; it looks at every step-th.  -1: nothing.
func alikeness(last, known []int16, d, step int) float64 {
	earlier := known[len(known)-len(last)-d:]
	var cross, energy int64
	for i := 0; i < len(last); i += step {
		a, b := int64(last[i]), int64(earlier[i])
		cross += a * b
		energy += b * b
	}
	if cross <= 0 {
		return -1
	}
	return float64(cross) * float64(cross) / float64(energy)
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
