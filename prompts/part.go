package prompts

import (
	"strconv"
	"time"
)

// Part is something to be said: a [Name], [Digits], [Number], [Participants], [Pause] or [Phrase]. Plain data.
type Part interface {
	// steps adds what is to be played for it in that language.
	steps(to []step, lang string) []step
}

// step is a prompt, or, without a name, silence.
type step struct {
	name   Name
	before int // frames of silence before it, or of which it consists; between two prompts only
}

// The silences within a sentence, in frames. A prompt has none of its own at its ends.
const (
	betweenWords   = 3
	betweenDigits  = 5 // so that they can be written down
	betweenNumbers = 1 // as in twenty-one
)

func (n Name) steps(to []step, _ string) []step { return append(to, step{n, betweenWords}) }

// Digits is a number that is said digit by digit, with * # and +. All else in it is not said.
type Digits string

// keys are the names of what Digits can say.
var keys = map[rune]Name{'*': star, '#': pound, '+': plus,
	'0': "0", '1': "1", '2': "2", '3': "3", '4': "4", '5': "5", '6': "6", '7': "7", '8': "8", '9': "9"}

func (d Digits) steps(to []step, _ string) []step {
	for _, key := range string(d) {
		if name, ok := keys[key]; ok {
			to = append(to, step{name, betweenDigits})
		}
	}
	return to
}

// said reports whether anything of it can be said: nothing can of sip:alice.
func (d Digits) said() bool { return len(d.steps(nil, "")) > 0 }

// Number is a number that is said as such: twenty-one. From 1,000 on it is said digit by digit. Negative is 0.
type Number int

func (n Number) steps(to []step, lang string) []step {
	rest := max(0, int(n))
	if rest >= 1000 {
		return Digits(strconv.Itoa(rest)).steps(to, lang)
	}
	before := betweenWords
	add := func(value int) {
		to = append(to, step{Name(strconv.Itoa(value)), before})
		before = betweenNumbers
	}
	if rest >= 100 {
		add(rest / 100 * 100)
		rest %= 100
	}
	if rest > 20 {
		add(rest / 10 * 10)
		rest %= 10
	}
	if rest > 0 || n <= 0 {
		add(rest)
	}
	return to
}

// Participants is how many there are: one participant, two participants.
type Participants int

func (p Participants) steps(to []step, lang string) []step {
	to = Number(p).steps(to, lang)
	return append(to, step{participants(lang, max(0, int(p))), betweenWords})
}

// Pause is silence, in whole frames of 20 ms. It takes the place of the short one that is between two prompts.
type Pause time.Duration

func (p Pause) steps(to []step, _ string) []step {
	return append(to, step{before: int(max(0, p) / Pause(frameTime))})
}

// Phrase is parts that belong together. The zero value says nothing.
type Phrase []Part

func (p Phrase) steps(to []step, lang string) []step {
	for _, part := range p {
		to = part.steps(to, lang)
	}
	return to
}
