package main

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// listening is all that was heard of all tones: per leg and window the level of each tone. The verdict takes
// the median over the windows, because one concealed packet smears a loud tone over its neighbours for a window;
// a tone that leaks from another room is there in all of them. The disturbed windows are counted beside it.
type listening struct {
	plan   *plan
	levels [][][]float32 // leg, window, tone
}

// tolerances of the verdict, in dB.
const (
	sameLevel = 1.5 // another one's tone is heard as he sent it, give or take
	farBelow  = 36  // one's own tone, and those of other rooms, are at least so much lower: of nine tones at -23 dBFS G.711 makes lines of -61
)

// looksMost is how many legs are looked at, evenly spread over all rooms: the generator's time is the server's. With more legs the others
// are told by their packets only.
const looksMost = 500

// listen takes windows of the legs until the context ends: each leg once per round, evenly spread, so that
// the check does not take the processor from the server in one piece.
func (l *listening) listen(ctx context.Context, legs []*leg) {
	l.levels = make([][][]float32, len(legs))
	looked := l.looked()
	step := time.NewTicker(max(time.Millisecond, 2*time.Second/time.Duration(len(looked))))
	defer step.Stop()
	for {
		for _, i := range looked {
			leg := legs[i]
			select {
			case <-ctx.Done():
				return
			case <-step.C:
			}
			if pcm := leg.call.Last(l.plan.length()); len(pcm) == l.plan.window {
				l.levels[i] = append(l.levels[i], l.spectrum(pcm))
			}
		}
	}
}

// looked are the legs that are looked at, in turn.
func (l *listening) looked() (at []int) {
	n := len(l.plan.legs)
	for k := range min(n, looksMost) {
		at = append(at, k*n/min(n, looksMost))
	}
	return at
}

func (l *listening) spectrum(pcm []int16) []float32 {
	s := phone.NewSpectrum(pcm)
	levels := make([]float32, len(l.plan.tones))
	for i, hz := range l.plan.tones {
		levels[i] = float32(s.Level(hz))
	}
	return levels
}

// verdict is who heard whom.
type verdict struct {
	Windows, Disturbed int     // windows looked at; those with something out of bounds
	Unheard            int     // legs that were never looked at: no sound came
	Missing            int     // pairs of a leg and a room-mate's tone that is not at its level
	Own                int     // legs that hear themselves
	Foreign            int     // pairs of a leg and a tone that nobody in its room speaks
	WorstDeviation     float64 // dB, of a room-mate's tone
	LoudestOwn         float64 // dBFS
	LoudestForeign     float64 // dBFS
}

func (v verdict) wrong() int { return v.Unheard + v.Missing + v.Own + v.Foreign }

func (l *listening) verdict() verdict {
	v := verdict{LoudestOwn: phone.Floor, LoudestForeign: phone.Floor}
	for _, i := range l.looked() {
		windows := l.levels[i]
		if len(windows) == 0 {
			v.Unheard++
			continue
		}
		v.Windows += len(windows)
		for _, w := range windows {
			if one := l.judge(i, w); one.wrong() > 0 {
				v.Disturbed++
			}
		}
		v.add(l.judge(i, medians(windows)))
	}
	return v
}

// judge looks at one leg's levels of all tones.
func (l *listening) judge(i int, levels []float32) verdict {
	v := verdict{LoudestOwn: phone.Floor, LoudestForeign: phone.Floor}
	own := l.plan.legs[i]
	limit := l.plan.level - farBelow
	for tone := range l.plan.tones {
		level := float64(levels[tone])
		switch {
		case tone == own.tone && (own.talks || !l.plan.spoken[own.room][tone]):
			v.LoudestOwn = level
			if level > limit {
				v.Own++
			}
		case l.plan.spoken[own.room][tone]:
			deviation := math.Abs(level - l.plan.level)
			v.WorstDeviation = max(v.WorstDeviation, deviation)
			if deviation > sameLevel {
				v.Missing++
			}
		default:
			v.LoudestForeign = max(v.LoudestForeign, level)
			if level > limit {
				v.Foreign++
			}
		}
	}
	return v
}

func (v *verdict) add(o verdict) {
	v.Missing += o.Missing
	v.Own += o.Own
	v.Foreign += o.Foreign
	v.WorstDeviation = max(v.WorstDeviation, o.WorstDeviation)
	v.LoudestOwn = max(v.LoudestOwn, o.LoudestOwn)
	v.LoudestForeign = max(v.LoudestForeign, o.LoudestForeign)
}

// medians over the windows, tone by tone.
func medians(windows [][]float32) []float32 {
	result, column := make([]float32, len(windows[0])), make([]float32, len(windows))
	for tone := range result {
		for w := range windows {
			column[w] = windows[w][tone]
		}
		slices.Sort(column)
		result[tone] = column[len(column)/2]
	}
	return result
}
