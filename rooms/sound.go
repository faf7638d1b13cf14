package rooms

import (
	"math"
	"slices"
	"time"

	"github.com/sipconf/sipconf/media/mixer"
)

// Sound is something that is played to a participant or a room: a tone or spoken words. Immutable, so
// that any number of them may hear it at once. The zero value is none.
type Sound struct {
	tone tone
	peak int  // the largest sample
	loop bool // begins anew at its end
}

// NewSound makes a sound of samples at 8,000 Hz, one piece after the other. The last frame is filled up
// with silence. The pieces are copied, but if all of them are of 20 ms, as those of prompts: then they are what is played, also of other sounds, and not to
// be changed any more.
func NewSound(pieces ...[]int16) Sound {
	size := mixRate / 50
	if !slices.ContainsFunc(pieces, func(piece []int16) bool { return len(piece) != size }) {
		return framed(pieces)
	}
	pcm := slices.Concat(pieces...)
	s := Sound{peak: mixer.Peak(pcm)}
	for len(pcm) > 0 {
		frame := make([]int16, size)
		pcm = pcm[copy(frame, pcm):]
		s.tone = append(s.tone, frame)
	}
	return s
}

// framed is a sound of these frames.
func framed(frames [][]int16) (s Sound) {
	s.tone = slices.Clone(frames) // each sound has its own list of them, by which it is told from others
	for _, frame := range frames {
		s.peak = max(s.peak, mixer.Peak(frame))
	}
	return s
}

// Looped is the same sound again and again, without an end.
func (s Sound) Looped() Sound {
	s.loop = true
	return s
}

// Length is how long it takes to play it once.
func (s Sound) Length() time.Duration { return time.Duration(len(s.tone)) * 20 * time.Millisecond }

// Signal is a tone of a telephone exchange: a pitch that comes and goes. On and off are rounded to 20 ms;
// an off of 0 makes it steady.
func Signal(hz float64, on, off time.Duration) Sound {
	edge := mixRate / 200 // 5 ms, in which it fades in and out
	whole := func(d time.Duration) int { return int(d/(20*time.Millisecond)) * (mixRate / 50) }
	pcm := make([]int16, whole(on))
	for i := range pcm {
		loud := float64(tonePeak)
		if near := min(i, len(pcm)-1-i); off > 0 && near < edge {
			loud *= float64(near) / float64(edge)
		}
		pcm[i] = int16(math.Round(loud * math.Sin(2*math.Pi*hz*float64(i)/float64(mixRate))))
	}
	return NewSound(pcm, make([]int16, whole(off))).Looped()
}

// The signals of ITU-T E.180 as most of Europe has them, Russia too: all of 425 Hz. On one second or two of
// dial tone the pitch has whole periods, so that nobody hears where it begins anew.
var (
	DialTone = Signal(425, time.Second, 0)
	Ringback = Signal(425, time.Second, 4*time.Second)
	BusyTone = Signal(425, 360*time.Millisecond, 360*time.Millisecond)
	Reorder  = Signal(425, 180*time.Millisecond, 180*time.Millisecond) // it cannot be had
	// Refused says that a key means nothing: one soft and low note.
	Refused = NewSound(melody(mixRate, 8, low/2)...)
)
