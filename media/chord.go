package media

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// The frequencies of the keys, ITU-T Q.23: each key is one of the first four, its row, and one of the last four, its column.
var toneHertz = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

// toneKeys are the keys by row and column.
var toneKeys = [4]string{"123A", "456B", "789C", "*0#D"}

// The pieces of a frame that are looked at.  All codecs that we have make 8,000 samples a second.
const (
	toneRate  = 8000
	toneChord = 40            // samples: 5 ms
	toneBlock = 2 * toneChord // 10 ms
	toneFrame = 2 * toneBlock
	toneHalf  = toneChord / 2 // of a chord
)

// chord is how much of each of the eight frequencies is in 5 or 10 ms of sound: its products with their cosines and sines, counted from the
// middle.  It is what Goertzel's algorithm gives; but a sample before the middle and the one as far behind it share their products, so it takes
// less than half of the time.
type chord struct {
	cos, sin [8]float32
	energy   float32 // the sum of the squares of the samples
}

// of takes 5 ms of sound.
func (c *chord) of(sound []int16) {
	x := (*[toneChord]int16)(sound)
	var even, odd [toneHalf]float32
	for i := range toneHalf {
		after, before := float32(x[toneHalf+i]), float32(x[toneHalf-1-i])
		even[i], odd[i] = after+before, after-before
	}
	for k := 0; k < len(c.cos); k += 2 { // two at a time, because an addition has to wait for the one before it
		a, b := &toneWaves[k], &toneWaves[k+1]
		var cosA, sinA, cosB, sinB float32
		for i := range toneHalf {
			cosA, sinA = cosA+even[i]*a.cos[i], sinA+odd[i]*a.sin[i]
			cosB, sinB = cosB+even[i]*b.cos[i], sinB+odd[i]*b.sin[i]
		}
		c.cos[k], c.sin[k], c.cos[k+1], c.sin[k+1] = cosA, sinA, cosB, sinB
	}
	c.energy = float32(mixer.Energy(x[:]))
}

// join makes one of two that follow each other: each is turned to the middle between them.
func (c *chord) join(a, b *chord) {
	for k := range c.cos {
		cos, sin := toneWaves[k].turn[0], toneWaves[k].turn[1]
		c.cos[k] = cos*(a.cos[k]+b.cos[k]) + sin*(a.sin[k]-b.sin[k])
		c.sin[k] = cos*(a.sin[k]+b.sin[k]) - sin*(a.cos[k]-b.cos[k])
	}
	c.energy = a.energy + b.energy
}

// strongest are the strongest row and the strongest column, and about how much of the energy of n samples they have, by a simple sum: less than a third
// off.
func (c *chord) strongest(n int) (row, col int, energy float32) {
	var most [2]float32
	for k := range 4 {
		if p := power([2]float32{c.cos[k], c.sin[k]}); p > most[0] {
			row, most[0] = k, p
		}
		if p := power([2]float32{c.cos[4+k], c.sin[4+k]}); p > most[1] {
			col, most[1] = k, p
		}
	}
	return row, col, (most[0] + most[1]) * 2 / float32(n)
}

// duet is a row and a column as they are in a chord.
type duet struct {
	row, col [2]float32 // the amplitudes of cosine and sine
	r, c     int        // which ones
	energy   float32    // theirs
}

// duet is the pair of tones that makes most of a chord of 5 ms, in which the strongest ones need not be the right ones.
func (c *chord) duet() (best duet) {
	for row := range chordMetrics {
		for col := range chordMetrics[row] {
			if d := chordMetrics[row][col].solve(c, row, col); d.energy > best.energy {
				best = d
			}
		}
	}
	return best
}

func (d *duet) key() byte { return toneKeys[d.r][d.c] }

// equal says whether both tones are loud enough, and neither too much louder than the other.
func (d *duet) equal() bool {
	row, col := power(d.row), power(d.col)
	return row >= toneLeast && col >= toneLeast && row <= toneTwist*col && col <= toneTwist*row
}

func power(a [2]float32) float32 { return a[0]*a[0] + a[1]*a[1] }

// drift says by how many radians each of the two tones has left its frequency behind from one chord to the next, up to half a turn either way.
func (d *duet) drift(a, b *chord) (row, col float64) {
	m := &chordMetrics[d.r][d.c]
	from, to := m.solve(a, d.r, d.c), m.solve(b, d.r, d.c)
	return toneWaves[d.r].drift(from.row, to.row), toneWaves[4+d.c].drift(from.col, to.col)
}

func (w *wave) drift(from, to [2]float32) float64 {
	cos, sin := from[0]*to[0]+from[1]*to[1], from[1]*to[0]-from[0]*to[1] // of the turn
	return math.Atan2(float64(sin*w.step[0]-cos*w.step[1]), float64(cos*w.step[0]+sin*w.step[1]))
}

// metric is what it takes to tell a row from a column: in so short a time each has some of the other in it.  So they are found by least squares, and
// as the cosines and the sines have nothing of each other, that is twice two equations.  It holds the inverse of both, which are symmetric.
type metric struct{ cos, sin [3]float32 }

func (m *metric) solve(c *chord, row, col int) (d duet) {
	cosRow, cosCol, sinRow, sinCol := c.cos[row], c.cos[4+col], c.sin[row], c.sin[4+col]
	d.r, d.c = row, col
	d.row[0], d.col[0] = m.cos[0]*cosRow+m.cos[1]*cosCol, m.cos[1]*cosRow+m.cos[2]*cosCol
	d.row[1], d.col[1] = m.sin[0]*sinRow+m.sin[1]*sinCol, m.sin[1]*sinRow+m.sin[2]*sinCol
	d.energy = d.row[0]*cosRow + d.col[0]*cosCol + d.row[1]*sinRow + d.col[1]*sinCol
	return d
}

// wave is a frequency from the middle of a chord on.
type wave struct {
	cos, sin [toneHalf]float32
	turn     [2]float32 // cosine and sine of half a chord, and
	step     [2]float32 // of a whole one
	off      float64    // radians that a tone may drift in a chord
}

var (
	toneWaves    = newWaves()
	chordMetrics = newMetrics(toneChord)
	blockMetrics = newMetrics(toneBlock)
)

func newWaves() (waves [8]wave) {
	for k, hertz := range toneHertz {
		w, turn := &waves[k], 2*math.Pi*hertz/toneRate
		for i := range toneHalf {
			w.cos[i], w.sin[i] = float32(math.Cos(turn*(float64(i)+0.5))), float32(math.Sin(turn*(float64(i)+0.5)))
		}
		w.turn = [2]float32{float32(math.Cos(turn * toneHalf)), float32(math.Sin(turn * toneHalf))}
		w.step = [2]float32{float32(math.Cos(turn * toneChord)), float32(math.Sin(turn * toneChord))}
		w.off = toneOff * turn * toneChord
	}
	return waves
}

func newMetrics(n int) (metrics [4][4]metric) {
	for row := range metrics {
		for col := range metrics[row] {
			a, b := 2*math.Pi*toneHertz[row]/toneRate, 2*math.Pi*toneHertz[4+col]/toneRate
			var cos, sin [3]float64
			for i := range n {
				t := float64(i) - float64(n-1)/2
				cosA, cosB, sinA, sinB := math.Cos(a*t), math.Cos(b*t), math.Sin(a*t), math.Sin(b*t)
				cos[0], cos[1], cos[2] = cos[0]+cosA*cosA, cos[1]+cosA*cosB, cos[2]+cosB*cosB
				sin[0], sin[1], sin[2] = sin[0]+sinA*sinA, sin[1]+sinA*sinB, sin[2]+sinB*sinB
			}
			metrics[row][col] = metric{inverse(cos), inverse(sin)}
		}
	}
	return metrics
}

// inverse is that of a symmetric matrix, of which the second number stands twice.
func inverse(m [3]float64) [3]float32 {
	det := m[0]*m[2] - m[1]*m[1]
	return [3]float32{float32(m[2] / det), float32(-m[1] / det), float32(m[0] / det)}
}
