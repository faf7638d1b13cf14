package main

import (
	"math"
	"slices"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
)

// heardAs is sound as it arrives: late by so many samples, changed by dB, with silence around it.
func heardAs(said []int16, late int, dB float64) []int16 {
	heard := make([]int16, late+len(said)+sampleRate/2)
	for i, s := range said {
		heard[late+i] = int16(math.Round(float64(s) * math.Pow(10, dB/20)))
	}
	return heard
}

// added is the sum of sounds; the longest counts.
func added(sounds ...[]int16) []int16 {
	var sum []int16
	for _, sound := range sounds {
		for i, s := range sound {
			if i == len(sum) {
				sum = append(sum, 0)
			}
			sum[i] += s
		}
	}
	return sum
}

// wantGood wants all the verdicts to be good, or one of them not to be.
func wantGood(t *testing.T, good bool, verdicts ...verdict) {
	t.Helper()
	bad := slices.ContainsFunc(verdicts, func(v verdict) bool { return !v.good() })
	if bad == good || len(verdicts) == 0 {
		t.Errorf("got %v, want good to be %v", verdicts, good)
	}
}

// TestJudgeTurn: Boris speaks, and something comes of it to Anna, Boris and Clara.
func TestJudgeTurn(t *testing.T) {
	said := callers[1].voice.phrase()
	silence := make([]int16, len(said))
	fine := heardAs(said, 800, 0)
	gap := heardAs(said, 800, 0)
	clear(gap[len(gap)-sampleRate:][:160]) // a frame that never came, in the middle of the note
	for _, c := range []struct {
		name               string
		anna, boris, clara []int16
		good               bool
	}{
		{"all is well", fine, silence, fine, true},
		{"late", heardAs(said, 2400, 0), silence, fine, true},
		{"a little softer", heardAs(said, 800, -1.4), silence, fine, true},
		{"a frame lost", gap, silence, fine, true},
		{"too soft", heardAs(said, 800, -1.6), silence, fine, false},
		{"too loud", fine, silence, heardAs(said, 800, 1.6), false},
		{"Clara hears nothing", fine, silence, silence, false},
		{"Clara heard too little of it", fine, silence, fine[:window/2], false},
		{"Clara hears somebody else", fine, silence, heardAs(callers[0].voice.phrase(), 800, 0), false},
		{"a faint echo", fine, heardAs(said, 1600, -41), fine, true},
		{"an echo", fine, heardAs(said, 1600, -39), fine, false},
		{"Boris hears himself", fine, fine, fine, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			heard := [][]int16{c.anna, c.boris, c.clara}
			wantGood(t, c.good, judgeTurn(c.name, callers, 1, said, heard))
		})
	}
}

// TestJudgeTogether: all hum, each begins a little later than the one before.
func TestJudgeTogether(t *testing.T) {
	said, arrived := make([][]int16, 3), make([][]int16, 3)
	for i, c := range callers {
		said[i] = c.voice.hum(humLength)
		arrived[i] = heardAs(said[i], 800+160*i, 0)
	}
	minus := func(own int) []int16 { return added(arrived[(own+1)%3], arrived[(own+2)%3]) }
	judge := func(name string, anna, boris, clara []int16) []verdict {
		return judgeTogether(name, callers, said, [][]int16{anna, boris, clara})
	}
	wantGood(t, true, judge("mix-minus", minus(0), minus(1), minus(2))...)
	wantGood(t, false, judge("no minus", added(arrived...), minus(1), minus(2))...)
	wantGood(t, false, judge("an echo", added(minus(0), heardAs(said[0], 1600, -38)), minus(1), minus(2))...)
	wantGood(t, false, judge("one missing", minus(0), minus(1), arrived[0])...)
	wantGood(t, false, judge("nothing", nil, nil, nil)...)
}

func TestVerdictText(t *testing.T) {
	turn := verdict{"Anna speaks", []hearing{{"Anna", "Anna", -20, -90}, {"Anna", "Boris", -20, -20.04}, {"Anna", "Clara", -20, -23}}}
	if got, want := turn.String(), "Anna speaks: BAD. Heard by Boris +0.0 dB, Clara -3.0 dB WRONG, not by Anna -70 dB"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	together := verdict{"All at once", []hearing{{"Anna", "Boris", -20, -19.5}, {"Boris", "Boris", -20, -90}, {"Clara", "Boris", -20, -20.5}}}
	if got, want := together.String(), "All at once: good. Boris hears Anna +0.5 dB, Clara -0.5 dB, not Boris -70 dB"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if (verdict{}).good() {
		t.Error("a verdict on nothing is good")
	}
}

// TestVoices: what the check relies on.  The pitches can be told apart within a window, no harmonic
// of one voice is taken for the pitch of another, and three at once are not clipped.
func TestVoices(t *testing.T) {
	for i, a := range callers {
		phrase := a.voice.phrase()
		if got := phone.PeakLevel(phrase); math.Abs(got+16) > 0.1 {
			t.Errorf("%s: peak of %.1f dBFS, want -16", a.name, got)
		}
		if got := loudest(phrase, a.voice.pitch); got < -35 {
			t.Errorf("%s: the pitch is at %.1f dBFS, too faint to find an echo 40 dB below", a.name, got)
		}
		for j, b := range callers {
			for k := 1.0; j != i && k*b.voice.pitch < highestTone; k++ {
				if off := math.Abs(k*b.voice.pitch - a.voice.pitch); off < 40 {
					t.Errorf("%s's pitch is %.0f Hz from a harmonic of %s's", a.name, off, b.name)
				}
			}
		}
		for _, step := range a.voice.melody {
			if math.Abs(step) < 2 {
				t.Errorf("%s: a syllable %v semitones from the note would be taken for it", a.name, step)
			}
		}
	}
}
