package main

import "math"

// The demo's callers speak with voices that the program makes itself: a sum of harmonics, as the
// vocal cords make them, each as loud as the formants of a vowel let it through.
//
// From small to large: a harmonic, a syllable (a vowel on a pitch, begun with closed lips), a phrase
// (syllables, and at last one long note).  The long note is exactly on the voice's own pitch, which
// no other voice has as a harmonic: by it the check knows who is heard, and how loud.

// sampleRate is that of the demo's sound, in samples per second: what G.711 carries.
const sampleRate = 8000

// A voice is a caller's way to sound.
type voice struct {
	pitch  float64   // of the long note, in Hz
	tract  float64   // formants are higher by this factor: the shorter the throat, the higher
	melody []float64 // the syllables' distance from the pitch, in semitones; never 0, for the check knows the note by its pitch
	vowels string    // the syllables' vowels, one letter each
}

// formants are the first three resonances of the mouth for each vowel, in Hz (Peterson and Barney,
// 1952, men).
var formants = map[rune][3]float64{
	'a': {730, 1090, 2440},
	'e': {530, 1840, 2480},
	'i': {270, 2290, 3010},
	'o': {570, 840, 2410},
	'u': {300, 870, 2240},
}

const (
	syllableLength = 0.2 // s
	lipsLength     = 0.05
	noteLength     = 1.0
	gapLength      = 0.1 // between the syllables and the note
	fadeLength     = 0.03
	highestTone    = 3400 // Hz, where a telephone ends
	voicePeak      = 5200 // of 32767: -16 dBFS, so that three at once are far from the limit
)

// phrase is what the voice says in its turn: its syllables and then its long note.
func (v voice) phrase() []int16 {
	var sound []float64
	phase := 0.0
	for i, vowel := range v.vowels {
		pitch := v.pitch * math.Exp2(v.melody[i%len(v.melody)]/12)
		sound = append(sound, v.sing(vowel, pitch, syllableLength, lipsLength, &phase)...)
	}
	sound = append(sound, make([]float64, int(gapLength*sampleRate))...)
	return scaled(append(sound, v.note(noteLength)...))
}

// hum is the long note alone, seconds long.
func (v voice) hum(seconds float64) []int16 { return scaled(v.note(seconds)) }

func (v voice) note(seconds float64) []float64 {
	phase := 0.0
	return v.sing('a', v.pitch, seconds, 0, &phase)
}

// sing is one vowel on one pitch.  For the first lips seconds the lips are closed, as for an m.
// phase goes on from one syllable to the next, so that there is no click between them.
func (v voice) sing(vowel rune, pitch, seconds, lips float64, phase *float64) []float64 {
	loudness := v.harmonics(vowel, pitch)
	n := int(seconds * sampleRate)
	sound := make([]float64, n)
	for i := range sound {
		at := float64(i) / sampleRate
		open := 1.0
		if lips > 0 {
			open = 0.15 + 0.85*smooth((at-lips/2)/(lips/2))
		}
		fade := smooth(at/fadeLength) * smooth((seconds-at)/fadeLength)
		for k, loud := range loudness {
			if k > 0 {
				loud *= open // closed lips let only the lowest through
			}
			sound[i] += loud * fade * math.Sin(float64(k+1)**phase)
		}
		*phase = math.Mod(*phase+2*math.Pi*pitch/sampleRate, 2*math.Pi)
	}
	return sound
}

// harmonics is how loud each harmonic of pitch is in a vowel, from the first on.
func (v voice) harmonics(vowel rune, pitch float64) []float64 {
	var loudness []float64
	for k := 1; float64(k)*pitch < highestTone; k++ {
		throat := 0.0
		for i, formant := range formants[vowel] {
			width := 80 + 40*float64(i)
			off := (float64(k)*pitch - formant*v.tract) / width
			throat += math.Exp2(-float64(i)) / (1 + off*off)
		}
		cords := 1 / float64(k)
		loudness = append(loudness, cords*(0.1+4*throat))
	}
	loudness[0] = max(loudness[0], 0.7) // the pitch itself must be heard, the check listens to it
	return loudness
}

// smooth goes from 0 at 0 to 1 at 1 without a corner.
func smooth(x float64) float64 {
	x = min(max(x, 0), 1)
	return (1 - math.Cos(math.Pi*x)) / 2
}

// scaled makes samples whose largest has voicePeak.
func scaled(sound []float64) []int16 {
	peak := 0.0
	for _, s := range sound {
		peak = max(peak, math.Abs(s))
	}
	samples := make([]int16, len(sound))
	for i, s := range sound {
		samples[i] = int16(math.Round(s / peak * voicePeak))
	}
	return samples
}
