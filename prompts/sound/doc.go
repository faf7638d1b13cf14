// Package sound reads and writes short sounds in WAV files, changes their sample rate and measures how loud they are.
// That is for the time before anything plays: it takes memory and time as it needs them. A [Tape] is a WAV file that grows
// while it is written: a recording.
//
// Levels are in dBov: 0 is the power of the loudest square wave, a sine at full scale has -3. The server's own aim for
// speech, -23 dBFS of docs/quality.md and media.level, is -26 dBov.
//
// No module that the proxy serves is kept up and does this: of the usual one, go-audio/wav, the last version is of 2022; a
// file of 24 bytes that its fuzzing found in a minute keeps it busy for 19 s, it takes half a sample at the end for a whole
// one, and it knows nothing of G.711, which the prompts are stored in.
package sound

import "time"

// Sound is one channel of samples. The zero value is none. Plain data.
type Sound struct {
	Rate    int // samples per second
	Samples []int16

	Comment  string // ICMT of the file: of ours, the text that is spoken
	Software string // ISFT of the file: of ours, what spoke it
}

// Length is how long it lasts.
func (s Sound) Length() time.Duration {
	if s.Rate <= 0 {
		return 0
	}
	return time.Duration(len(s.Samples)) * time.Second / time.Duration(s.Rate)
}
