package media

import (
	"math"
	"testing"
)

// appendix is ITU-T Recommendation G.711 Appendix I (09/99), as its text has it: what our concealment is judged by.  It takes 10 ms at a time, and what
// it plays is 3.75 ms behind, so that it can begin to fade before the loss.
type appendix struct {
	history [appendixHistory]float64 // the last that was played, and what is to be
	pitch   [appendixHistory]float64 // the same when the loss began, with the end smoothed
	last    [appendixOverlap]float64 // the end of pitch as it was
	erased  int                      // frames lost in a row
	period  int
	overlap int // a quarter of a period
	length  int // of what is repeated: one to three periods
	offset  int // in it
}

const (
	appendixFrame   = 80  // 10 ms
	appendixLeast   = 40  // the shortest period, 5 ms
	appendixMost    = 120 // the longest, 15 ms
	appendixWindow  = 160 // 20 ms, of which the period is judged
	appendixOverlap = appendixMost / 4
	appendixHistory = 3*appendixMost + appendixOverlap
)

// play takes a frame, or none when it was lost, and returns what is to be played.
func (a *appendix) play(frame []float64) []float64 {
	out := make([]float64, appendixFrame)
	if frame == nil {
		a.conceal(out)
	} else {
		copy(out, frame)
		a.good(out)
	}
	copy(a.history[:], a.history[appendixFrame:])
	copy(a.history[appendixHistory-appendixFrame:], out)
	return a.history[appendixHistory-appendixFrame-appendixOverlap:][:appendixFrame]
}

// conceal makes up a frame (I.2.2 to I.2.6).
func (a *appendix) conceal(out []float64) {
	switch a.erased {
	case 0:
		a.pitch = a.history
		a.period = a.findPeriod()
		a.overlap = a.period / 4
		copy(a.last[:], a.pitch[appendixHistory-a.overlap:])
		a.offset, a.length = 0, a.period
		a.smooth()
		copy(a.history[appendixHistory-a.overlap:], a.pitch[appendixHistory-a.overlap:])
		a.repeat(out)
	case 1, 2: // one period more
		offset := a.offset
		tail := make([]float64, a.overlap)
		a.repeat(tail)
		a.offset = offset % a.period
		a.length += a.period
		a.smooth()
		a.repeat(out)
		for i := range tail {
			in := float64(i+1) / float64(a.overlap)
			out[i] = (1-in)*tail[i] + in*out[i]
		}
		a.fade(out)
	case 3, 4, 5:
		a.repeat(out)
		a.fade(out)
	}
	a.erased++
}

// good fades a frame in that comes after a loss (I.2.7).
func (a *appendix) good(frame []float64) {
	if a.erased == 0 {
		return
	}
	made := make([]float64, min(a.overlap+(a.erased-1)*32, appendixFrame))
	if a.erased <= 6 {
		a.repeat(made)
	}
	gain := max(0, 1-0.2*float64(a.erased-1))
	for i := range made {
		in := float64(i+1) / float64(len(made))
		frame[i] = gain*(1-in)*made[i] + in*frame[i]
	}
	a.erased = 0
}

// smooth fades the end of what is repeated into what stood before its beginning.
func (a *appendix) smooth() {
	from := appendixHistory - a.length - a.overlap
	for i := range a.overlap {
		in := float64(i+1) / float64(a.overlap)
		a.pitch[appendixHistory-a.overlap+i] = (1-in)*a.last[i] + in*a.pitch[from+i]
	}
}

func (a *appendix) repeat(out []float64) {
	for i := range out {
		out[i] = a.pitch[appendixHistory-a.length+a.offset]
		a.offset = (a.offset + 1) % a.length
	}
}

// fade takes a fifth away in each frame after the first.
func (a *appendix) fade(out []float64) {
	gain := 1 - 0.2*float64(a.erased-1)
	for i := range out {
		out[i] *= max(0, gain)
		gain -= 0.2 / appendixFrame
	}
}

// findPeriod is the peak of the normalised cross-correlation, looked for at every second sample and then at each near it (I.2.1).
func (a *appendix) findPeriod() int {
	score := func(period, step int) float64 {
		var cross, energy float64
		for i := appendixHistory - appendixWindow; i < appendixHistory; i += step {
			cross += a.pitch[i] * a.pitch[i-period]
			energy += a.pitch[i-period] * a.pitch[i-period]
		}
		return cross / math.Sqrt(max(energy, 250))
	}
	find := func(from, to, step int) (best int) {
		most := math.Inf(-1)
		for period := to; period >= from; period -= step {
			if s := score(period, step); s >= most {
				best, most = period, s
			}
		}
		return best
	}
	rough := find(appendixLeast, appendixMost, 2)
	return find(max(appendixLeast, rough-1), min(appendixMost, rough+1), 1)
}

// appendixI plays sound of which some packets get lost by Appendix I, and returns what is heard, in the place of what was said.
func appendixI(pcm []int16, lost []bool) []int16 {
	var a appendix
	heard := make([]int16, len(pcm))
	frame := make([]float64, appendixFrame)
	for at := 0; at+appendixFrame <= len(pcm); at += appendixFrame {
		var played []float64
		if packet := at / 160; packet < len(lost) && lost[packet] {
			played = a.play(nil)
		} else {
			for i := range frame {
				frame[i] = float64(pcm[at+i])
			}
			played = a.play(frame)
		}
		for i, s := range played {
			if to := at + i - appendixOverlap; to >= 0 {
				heard[to] = int16(max(math.MinInt16, min(math.Round(s), math.MaxInt16)))
			}
		}
	}
	return heard
}

// The measure itself: a tone goes on as if nothing had been lost, 10 ms of a loss at full level, and what nothing was lost of is played as it came.
func TestAppendixIIsAsItsTextHasIt(t *testing.T) {
	pcm := make([]int16, 160*20)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*float64(i)/80))
	}
	lost := make([]bool, 20)
	lost[10] = true
	heard := appendixI(pcm, lost)
	for i := range pcm[:160*18] {
		off := math.Abs(float64(heard[i]) - float64(pcm[i]))
		if faded := i >= 1600+80 && i < 1760+appendixFrame; off > 2 && !faded || off > 8000*0.25 {
			t.Fatalf("sample %d is %d, the tone has %d", i, heard[i], pcm[i])
		}
	}
}
