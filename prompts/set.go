package prompts

import "time"

// Rate is the sample rate of the prompts in Hz: that of G.711, at which rooms mix.
const Rate = 8000

const (
	frameTime = 20 * time.Millisecond
	frameSize = Rate / 50
)

// Set is all prompts in all languages. Immutable; safe for concurrent use. Made by [Load].
type Set struct {
	clips map[string]map[Name][]int16 // by language; whole frames
}

// silence is a frame of it, shared.
var silence = make([]int16, frameSize)

// Clip is the samples of one prompt: whole frames of 20 ms, to be read only. A language that we do not have is English.
// nil if there is no such prompt.
func (s *Set) Clip(lang string, name Name) []int16 { return s.clips[language(lang)][name] }

// Say is the frames of what is to be said, of 20 ms each and to be read only: they are those of the recordings. A name
// that does not exist is left out.
func (s *Set) Say(lang string, parts ...Part) [][]int16 {
	lang = language(lang)
	steps := Phrase(parts).steps(nil, lang)
	count := 0
	for _, step := range steps {
		count += step.before + len(s.Clip(lang, step.name))/frameSize
	}
	frames := make([][]int16, 0, count)
	spoken := false // what was last was a prompt and no pause
	for _, step := range steps {
		clip, pause := s.Clip(lang, step.name), step.name == ""
		if pause || spoken && clip != nil {
			for range step.before {
				frames = append(frames, silence)
			}
		}
		for rest := clip; len(rest) > 0; rest = rest[frameSize:] {
			frames = append(frames, rest[:frameSize:frameSize])
		}
		spoken = clip != nil || spoken && !pause
	}
	return frames
}
