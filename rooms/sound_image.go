package rooms

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ToneImage is what is still to be heard of a tone, also of one that every process has: the next one's may be another. Plain data.
type ToneImage struct {
	Begin  int   // how many frames have been heard by all who hear it, and are left out
	Frames []int // which of Image.Frames the others are, in runs: the first and how many, the first and how many, ...
}

// SoundImage is a Sound, written down.
type SoundImage struct {
	Tone int // its number in Image.Tones, from 1 on; 0: there is none
	Peak int
	Loop bool
}

// PlayingImage is a tone that is being heard, written down.
type PlayingImage struct {
	Tone             int // as in SoundImage
	Next             int // index of the frame that comes next
	Loop, Keys, Till bool
}

// NoticesImage is what those are told who have not heard whether they are recorded, written down.
type NoticesImage struct{ On, Off SoundImage }

// savedSounds gives numbers to the tones that are in an image, and to their frames, so that each is there once, however many hear it: words that
// many are told are made of the same recordings. The zero value has none.
type savedSounds struct {
	tones   []begun
	numbers map[*[]int16]int // of the tones, from 1 on, by the first frame
	notices []NoticesImage
	frames  [][]int16
	places  map[*int16]int // of the frames, from 0 on, by the first sample
}

// begun is a tone, of which some may have been heard by all.
type begun struct {
	tone tone
	from int
}

// number is that of a tone, of which the frames before from are not needed; 0 is that of none.
func (s *savedSounds) number(t tone, from int) int {
	if len(t) == 0 {
		return 0
	}
	n, known := s.numbers[&t[0]]
	if known {
		s.tones[n-1].from = min(s.tones[n-1].from, from)
		return n
	}
	if s.numbers == nil {
		s.numbers, s.places = make(map[*[]int16]int), make(map[*int16]int)
	}
	s.tones = append(s.tones, begun{t, from})
	s.numbers[&t[0]] = len(s.tones)
	return len(s.tones)
}

func (s *savedSounds) sound(of Sound) SoundImage {
	return SoundImage{s.number(of.tone, 0), of.peak, of.loop}
}

func (s *savedSounds) playing(p *playing) PlayingImage {
	from := p.next
	if p.loop {
		from = 0
	}
	return PlayingImage{s.number(p.tone, from), p.next, p.loop, p.keys, p.till}
}

// told is the number of notices, from 1 on; 0 is that of none. There is one for each language.
func (s *savedSounds) told(n *Notices) int {
	if n == nil {
		return 0
	}
	im := NoticesImage{s.sound(n.On), s.sound(n.Off)}
	i := slices.Index(s.notices, im)
	if i < 0 {
		i = len(s.notices)
		s.notices = append(s.notices, im)
	}
	return i + 1
}

// save writes the tones down, and their frames.
func (s *savedSounds) save(im *Image) {
	im.Tones = make([]ToneImage, len(s.tones))
	for i, b := range s.tones {
		im.Tones[i] = ToneImage{b.from, s.runs(b.tone[b.from:])}
	}
	im.Frames = make([]byte, 0, len(s.frames)*toneFrame)
	for _, frame := range s.frames {
		im.Frames = appendSamples(im.Frames, frame)
	}
	im.Notices = s.notices
}

func (s *savedSounds) runs(t tone) (runs []int) {
	next := -1 // the place behind the run: nearly always it is that of the next frame, too
	for _, frame := range t {
		n := next
		if n < 0 || n >= len(s.frames) || &s.frames[n][0] != &frame[0] {
			n = s.place(frame)
		}
		if n == next {
			runs[len(runs)-1]++
		} else {
			runs = append(runs, n, 1)
		}
		next = n + 1
	}
	return runs
}

// place is that of a frame.
func (s *savedSounds) place(frame []int16) int {
	n, known := s.places[&frame[0]]
	if !known {
		n = len(s.frames)
		s.places[&frame[0]] = n
		s.frames = append(s.frames, frame)
	}
	return n
}

// toneFrame is how many bytes there are in a frame.
var toneFrame = 2 * mixRate / 50

func appendSamples(to []byte, samples []int16) []byte {
	for _, sample := range samples {
		to = binary.LittleEndian.AppendUint16(to, uint16(sample))
	}
	return to
}

// samples is the opposite of appendSamples; an odd byte is left out.
func samples(of []byte) []int16 {
	pcm := make([]int16, len(of)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(of[2*i:]))
	}
	return pcm
}

// restoredSounds are the opposite of savedSounds.
type restoredSounds struct {
	tones   []tone
	notices []*Notices
}

func restoreSounds(im *Image) (s restoredSounds, err error) {
	var frames [][]int16 // each with memory of its own: some notices are kept for hours
	for rest := im.Frames; len(rest) >= toneFrame; rest = rest[toneFrame:] {
		frames = append(frames, samples(rest[:toneFrame]))
	}
	for i := range im.Tones {
		t, err := im.Tones[i].restore(frames)
		if err != nil {
			return s, err
		}
		s.tones = append(s.tones, t)
	}
	for _, n := range im.Notices {
		on, err := s.sound(n.On)
		if err != nil {
			return s, err
		}
		off, err := s.sound(n.Off)
		if err != nil {
			return s, err
		}
		s.notices = append(s.notices, &Notices{On: on, Off: off})
	}
	return s, nil
}

// restore makes the tone again, of these frames. Those that were left out are nil.
func (im *ToneImage) restore(frames [][]int16) (tone, error) {
	if im.Begin < 0 || len(im.Frames)%2 != 0 {
		return nil, fmt.Errorf("a tone of %d runs, after %d frames", len(im.Frames)/2, im.Begin)
	}
	size := im.Begin
	for i := 1; i < len(im.Frames); i += 2 {
		size += min(max(0, im.Frames[i]), len(frames))
	}
	t := make(tone, im.Begin, size)
	for i := 0; i < len(im.Frames); i += 2 {
		first, n := im.Frames[i], im.Frames[i+1]
		if first < 0 || n < 0 || n > len(frames) || first > len(frames)-n {
			return nil, fmt.Errorf("a tone with frames %d to %d of %d", first, first+n, len(frames))
		}
		t = append(t, frames[first:first+n]...)
	}
	return t, nil
}

// tone is the one with that number.
func (s *restoredSounds) tone(number int) (tone, error) {
	switch {
	case number == 0:
		return nil, nil
	case number < 0 || number > len(s.tones):
		return nil, fmt.Errorf("tone %d of %d", number, len(s.tones))
	}
	return s.tones[number-1], nil
}

func (s *restoredSounds) sound(im SoundImage) (Sound, error) {
	t, err := s.tone(im.Tone)
	if err == nil && len(t) > 0 && t[0] == nil {
		err = errors.New("a sound without its beginning")
	}
	return Sound{tone: t, peak: im.Peak, loop: im.Loop}, err
}

func (s *restoredSounds) playing(im PlayingImage) (playing, error) {
	t, err := s.tone(im.Tone)
	switch {
	case err != nil:
		return playing{}, err
	case im.Next < 0 || im.Next > len(t),
		im.Next < len(t) && t[im.Next] == nil,
		im.Loop && len(t) > 0 && t[0] == nil:
		return playing{}, fmt.Errorf("frame %d of a tone of %d", im.Next, len(t))
	}
	return playing{tone: t, next: im.Next, loop: im.Loop, keys: im.Keys, till: im.Till}, nil
}

// told is the notices with that number; nil is none.
func (s *restoredSounds) told(number int) (*Notices, error) {
	switch {
	case number == 0:
		return nil, nil
	case number < 0 || number > len(s.notices):
		return nil, fmt.Errorf("notices %d of %d", number, len(s.notices))
	}
	return s.notices[number-1], nil
}
