package rooms

import "math"

// tone is a signal that a room or a participant hears: its frames of 20 ms, one after the other.
// Immutable. A nil tone is none.
type tone [][]int16

// tones are all the signals we have, at one sample rate. Rising means somebody more, falling one
// less; the newcomer's own have three notes, or one note twice when there is nobody else.
type tones struct {
	joined  tone // to the room: somebody has joined
	left    tone // to the room: somebody has left
	welcome tone // to the newcomer: you are in, others are here
	alone   tone // to the newcomer: you are in, and the first
}

// The pitches are C5, E5 and G5: clear of the DTMF frequencies (697 Hz and up, always in pairs,
// none within 5 % of these), so no detector on the way takes a tone for a key.
const (
	low    = 523.25
	middle = 659.26
	high   = 783.99
)

// tonePeak is the amplitude of a tone: -20 dBFS, somewhat below speech, so that it is noticed in a
// pause and covers no word.
const tonePeak = 3277

// newTones makes the tones for one sample rate. A silent note has the pitch 0.
func newTones(rate int) *tones {
	return &tones{
		joined:  melody(rate, 5, low, middle),
		left:    melody(rate, 5, middle, low),
		welcome: melody(rate, 4, low, middle, high),
		alone:   melody(rate, 4, low, 0, low),
	}
}

// melody makes a tone of notes that are each as many frames long. Each note fades in and out over
// 10 ms with half a cosine: a note that began at once would click.
func melody(rate, frames int, notes ...float64) tone {
	size, fade := rate/50, rate/100
	var t tone
	for _, pitch := range notes {
		samples := make([]int16, frames*size)
		for i := range samples {
			edge := min(i, len(samples)-1-i)
			loud := tonePeak * 0.5 * (1 - math.Cos(math.Pi*float64(min(edge, fade))/float64(fade)))
			samples[i] = int16(math.Round(loud * math.Sin(2*math.Pi*pitch*float64(i)/float64(rate))))
		}
		for f := range frames {
			t = append(t, samples[f*size:(f+1)*size:(f+1)*size])
		}
	}
	return t
}

// playing is a tone that is being heard. The zero value is none.
type playing struct {
	tone tone
	next int  // index of the frame that comes next
	loop bool // it begins anew at its end
	keys bool // a key of the one who hears it ends it
	till bool // the first sound of his mate ends it
}

// of is a sound that begins now.
func of(s Sound) playing { return playing{tone: s.tone, loop: s.loop} }

// active reports whether there is a frame left.
func (p *playing) active() bool { return p.next < len(p.tone) }

// peek is the next frame, or nil when the tone has ended; it comes again.
func (p *playing) peek() []int16 {
	if !p.active() {
		return nil
	}
	return p.tone[p.next]
}

// frame is the next frame, or nil when the tone has ended.
func (p *playing) frame() []int16 {
	if !p.active() {
		*p = playing{}
		return nil
	}
	f := p.tone[p.next]
	if p.next++; p.loop && p.next == len(p.tone) {
		p.next = 0
	}
	return f
}
