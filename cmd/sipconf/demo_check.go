package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sipconf/sipconf/bench/phone"
)

// A caller is one of the demo's participants.
type caller struct {
	name, number string
	voice        voice
}

// callers are the three who meet.  Their pitches are the chord C3, A3, E4: it sounds well when they
// hum it together, and no harmonic of one lies within 40 Hz of another's pitch.
var callers = []caller{
	{"Anna", "101", voice{pitch: 220.0, tract: 1.17, melody: []float64{2, 4, -2, 5, 2}, vowels: "aoieu"}},
	{"Boris", "102", voice{pitch: 130.8, tract: 1.0, melody: []float64{-2, 3, 2, -3, 2}, vowels: "oaeua"}},
	{"Clara", "103", voice{pitch: 329.6, tract: 1.2, melody: []float64{2, -3, 3, -5, -2}, vowels: "eiaoe"}},
}

// What must hold of the sound, in dB.  G.711 twice and the mixer between change a tone by less than
// 0.1 dB; a frame lost under the window of the measurement costs about 0.5.
const (
	tolerance = 1.5 // that a tone may arrive louder or softer than it was sent
	echoLimit = -40 // that one's own must be below what one sent
)

// A hearing is how loud the pitch of one caller arrived at one caller.
type hearing struct {
	speaker, listener string
	sent, heard       float64 // dBFS
}

// change is what became of the level on the way, in dB.
func (h hearing) change() float64 { return h.heard - h.sent }

func (h hearing) good() bool {
	if h.speaker == h.listener {
		return h.change() <= echoLimit
	}
	return -tolerance <= h.change() && h.change() <= tolerance
}

// window is how long a tone is listened to.  400 ms tell tones apart that are 20 Hz from each other.
const window = sampleRate * 2 / 5

// loudest is the highest level of the pitch in any window of the sound.  Nobody needs to know where
// exactly in it the note is, so that a delay does not matter.
func loudest(sound []int16, pitch float64) float64 {
	best := phone.Floor
	eachWindow(sound, func(part []int16) { best = max(best, phone.ToneLevel(part, pitch)) })
	return best
}

// steadiest is the part of the sound where all the pitches are at their loudest together.  At the
// begin and the end of a tone there is a little of every pitch, which would look like an echo.
func steadiest(sound []int16, pitches []float64) []int16 {
	var best []int16
	most := -1e9
	eachWindow(sound, func(part []int16) {
		least := 0.0
		for _, pitch := range pitches {
			least = min(least, phone.ToneLevel(part, pitch))
		}
		if least > most {
			best, most = part, least
		}
	})
	return best
}

// eachWindow calls f for windows of the sound that overlap by three quarters.
func eachWindow(sound []int16, f func(part []int16)) {
	for at := 0; at+window <= len(sound); at += window / 4 {
		f(sound[at : at+window])
	}
}

// A verdict is the judgement on what one speaker's voice came to everywhere, or on what came from
// everywhere to one listener.
type verdict struct {
	scene    string
	hearings []hearing // all of one speaker, or all of one listener
}

func (v verdict) good() bool {
	for _, h := range v.hearings {
		if !h.good() {
			return false
		}
	}
	return len(v.hearings) > 0
}

// judgeTurn judges what each of the callers heard while one of them spoke alone: heard[i] is what
// callers[i] did.
func judgeTurn(scene string, callers []caller, speaker int, said []int16, heard [][]int16) verdict {
	v := verdict{scene: scene}
	who := callers[speaker]
	sent := loudest(said, who.voice.pitch)
	for i, listener := range callers {
		v.hearings = append(v.hearings, hearing{who.name, listener.name, sent, loudest(heard[i], who.voice.pitch)})
	}
	return v
}

// judgeTogether judges what each heard while all of them hummed: said[i] is what callers[i] did.
func judgeTogether(scene string, callers []caller, said, heard [][]int16) []verdict {
	var verdicts []verdict
	for i, listener := range callers {
		var others []float64
		for j, c := range callers {
			if j != i {
				others = append(others, c.voice.pitch)
			}
		}
		part := steadiest(heard[i], others)
		v := verdict{scene: scene}
		for j, speaker := range callers {
			v.hearings = append(v.hearings, hearing{speaker.name, listener.name,
				loudest(said[j], speaker.voice.pitch), phone.ToneLevel(part, speaker.voice.pitch)})
		}
		verdicts = append(verdicts, v)
	}
	return verdicts
}

// String is one line, what one hears of himself at its end:
//
//	Anna speaks: good. Heard by Boris +0.0 dB, Clara +0.0 dB, not by Anna -92 dB
//	All at once: good. Anna hears Boris +0.0 dB, Clara +0.0 dB, not Anna -58 dB
func (v verdict) String() string {
	word := "BAD"
	if v.good() {
		word = "good"
	}
	subject, own, oneListener := "Heard by", "not by ", v.oneListener()
	if oneListener {
		subject, own = v.hearings[0].listener+" hears", "not "
	}
	var others, self []string
	for _, h := range v.hearings {
		who := h.listener
		if oneListener {
			who = h.speaker
		}
		if h.speaker == h.listener {
			self = append(self, own+h.text(who))
		} else {
			others = append(others, h.text(who))
		}
	}
	return fmt.Sprintf("%s: %s. %s %s", v.scene, word, subject, strings.Join(append(others, self...), ", "))
}

// oneListener says whether the verdict is on what came to one listener.
func (v verdict) oneListener() bool {
	first := v.hearings[0]
	return !slices.ContainsFunc(v.hearings, func(h hearing) bool { return h.listener != first.listener })
}

// text is who and the change of the level: Boris +0.0 dB.
func (h hearing) text(who string) string {
	text := fmt.Sprintf("%s %s dB", who, signed(h.change()))
	if !h.good() {
		text += " WRONG"
	}
	return text
}

// signed writes tenths of a dB where they count, with the sign, and never -0.0.
func signed(dB float64) string {
	if dB < -10 {
		return fmt.Sprintf("%.0f", dB)
	}
	return fmt.Sprintf("%+.1f", math.Round(dB*10)/10+0)
}
