package rooms

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mediatest"
)

// talk is the levels of so many frames of made-up speech: others with another number, the same with the same.
func talk(number uint64, frames int) (levels []int) {
	r := rand.New(rand.NewPCG(number, 1))
	for len(levels) < frames {
		loud, soft := -14-r.IntN(10), -30-r.IntN(15)
		for range 3 + r.IntN(6) {
			levels = append(levels, loud-r.IntN(3))
		}
		for range 1 + r.IntN(4) {
			levels = append(levels, soft)
		}
	}
	levels = levels[:frames]
	for i := range 4 { // so that it ends loud
		levels[frames-1-i] = -16
	}
	return levels
}

// pause is so many frames of that level.
func pause(frames, level int) []int { return slices.Repeat([]int{level}, frames) }

// hears plays levels to the ear, and returns what it tells, and in which frames, counted from 1.
func (e *ear) hears(levels ...[]int) string {
	var told []string
	for i, level := range slices.Concat(levels...) {
		what := e.frame(level)
		for bit, name := range []string{"spoken", "again", "on"} {
			if what&(1<<bit) != 0 {
				told = append(told, fmt.Sprintf("%s %d", name, i+1))
			}
		}
	}
	return strings.Join(told, ", ")
}

// A machine has spoken when it is silent for 0.8 s, whatever noise there is on its line; a breath is no end, and a click is no speech.
func TestTheEndOfAPrompt(t *testing.T) {
	for _, c := range []struct {
		what   string
		levels [][]int
		want   string
	}{
		{"a prompt", [][]int{pause(20, -127), talk(1, 100), pause(100, -127)}, "spoken 160"},
		{"with a breath in it", [][]int{talk(1, 50), pause(39, -60), talk(2, 50), pause(100, -60)}, "spoken 179"},
		{"two of them", [][]int{talk(1, 50), pause(40, -60), talk(2, 50), pause(100, -60)}, "spoken 90, spoken 180"},
		{"over a noise that is 24 dB softer", [][]int{pause(30, -38), talk(1, 100), pause(100, -38)}, "spoken 170"},
		{"a click", [][]int{pause(20, -127), pause(2, -10), pause(200, -127)}, ""},
		{"silence", [][]int{pause(500, -127)}, ""},
		{"a tone without an end", [][]int{pause(500, -12)}, ""},
	} {
		for _, to := range []Listening{ForQuestion, ForSpeech} {
			var e ear
			e.listen(to)
			if got := e.hears(c.levels...); got != c.want {
				t.Errorf("%s: %q, want %q", c.what, got, c.want)
			}
		}
	}
}

// The question is heard, and then an answer is given, while the machine is silent or says something; what comes next is the question, or something else,
// or nothing.
func TestTheQuestionAgain(t *testing.T) {
	question := [][]int{pause(30, -127), talk(1, 140), pause(20, -127)}
	silent, atOnce := [][]int{pause(40, -127)}, [][]int{}
	for _, c := range []struct {
		what                        string
		question, meanwhile, levels [][]int
		want                        string
	}{
		{"the question", question, silent, [][]int{pause(70, -127), talk(1, 140), pause(100, -127)}, "again 167, spoken 250"},
		{"the question, after an apology that sounded like the end of it", question, silent, [][]int{talk(9, 75), pause(15, -127), talk(1, 140)}, "on 65, again 187"},
		{"a bit softer, and with noise", question, silent, [][]int{pause(70, -45), softer(talk(1, 140), 2), pause(50, -45)}, "again 167, spoken 250"},
		{"something else", question, silent, [][]int{pause(20, -127), talk(2, 140), pause(100, -127)}, "on 86, spoken 200"},
		{"something else, that begins like it", question, silent, [][]int{talk(1, 60), talk(2, 200), pause(50, -127)}, "on 103, spoken 300"},
		{"silence", question, silent, [][]int{pause(200, -127)}, "on 100"},
		{"a short word, and silence", question, silent, [][]int{pause(30, -127), talk(2, 20), pause(200, -127)}, "spoken 90, on 150"},
		{"nothing but a beep", question, silent, [][]int{pause(10, -12), pause(200, -127)}, "spoken 50, on 110"},
		{"a tone", question, silent, [][]int{pause(300, -12)}, "on 52"},
		{"the question twice: it is told once", question, silent, [][]int{talk(1, 140), pause(60, -127), talk(1, 140)}, "again 97, spoken 180"},
		{"what it was saying, to its end, and silence", [][]int{talk(1, 140), talk(3, 60)}, atOnce, [][]int{talk(4, 200), pause(200, -127)}, "spoken 240, on 300"},
		{"what it was saying, without an end", [][]int{talk(1, 140), talk(3, 60)}, atOnce, [][]int{talk(4, 400)}, "on 250"},
		{"what it was saying, and then the question", [][]int{talk(1, 140), talk(3, 60)}, atOnce, [][]int{talk(4, 60), pause(45, -127), talk(1, 140)}, "spoken 100, again 203"},
		{"what it was saying is a tone", [][]int{pause(200, -12)}, atOnce, [][]int{pause(400, -12)}, "on 100"},
		{"a noise that is neither speech nor silence", question, silent, [][]int{pause(110, -127), pause(600, -40)}, "on 100"},
		{"nothing but that", nil, silent, [][]int{pause(600, -40)}, "on 500"},
		{"a question of which the end was heard while it was answered", [][]int{talk(1, 140)[:40]}, [][]int{talk(1, 140)[40:], pause(50, -127), talk(8, 100)}, [][]int{pause(60, -127), talk(1, 140)}, "spoken 40, again 158"},
		{"the last of two that were said", [][]int{talk(5, 60), pause(30, -127), talk(1, 140), pause(50, -127)}, silent, [][]int{talk(1, 140)}, "again 97"},
		{"the first of two that were said", [][]int{talk(5, 60), pause(30, -127), talk(1, 140), pause(50, -127)}, silent, [][]int{pause(60, -127), talk(5, 60), pause(10, -127)}, "again 120"},
		{"a question that we have broken off after 1.1 s", [][]int{talk(1, 55)}, silent, [][]int{pause(60, -127), talk(1, 140)}, "again 115"},
		{"one of which we have heard too little", [][]int{talk(1, 40)}, silent, [][]int{pause(60, -127), talk(1, 140)}, "on 118"},
		{"a tone is no question", [][]int{pause(140, -12), pause(50, -127)}, silent, [][]int{pause(60, -127), pause(140, -12)}, "on 112"},
		{"no question at all", nil, silent, [][]int{pause(60, -127), talk(1, 140)}, "on 118"},
	} {
		var e ear
		e.listen(ForQuestion)
		e.hears(c.question...)
		e.listen(ForSpeech)
		e.hears(c.meanwhile...)
		e.listen(ForAnswer)
		if got := e.hears(c.levels...); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func softer(levels []int, dB int) []int {
	for i := range levels {
		levels[i] -= dB
	}
	return levels
}

// It asks the next thing so quickly that nobody has told the ear yet that a question comes.
func TestAQuestionBeforeItIsExpected(t *testing.T) {
	for _, frames := range []int{1, 5, 30, 99} {
		var e ear
		e.listen(ForSpeech)
		e.hears(pause(30, -127), talk(1, 140)[:frames])
		e.listen(ForQuestion)
		e.hears(talk(1, 140)[frames:], pause(50, -127))
		e.listen(ForAnswer)
		if got := e.hears(talk(1, 140)); got != "again 97" {
			t.Errorf("after %d frames: %q", frames, got)
		}
	}
}

// It asks again, is answered again, and asks once more: each time that is told, once.
func TestTheQuestionTwiceAgain(t *testing.T) {
	var e ear
	e.listen(ForQuestion)
	e.hears(talk(1, 140), pause(50, -127))
	for range 2 {
		e.listen(ForAnswer)
		if got := e.hears(pause(20, -127), talk(1, 140), pause(40, -127)); got != "again 118, spoken 200" {
			t.Errorf("%q", got)
		}
		e.listen(ForSpeech)
		if got := e.hears(talk(1, 140)); got != "" {
			t.Errorf("while it is answered: %q", got)
		}
	}
}

// A line's leg, in the ante-room, is asked by a machine and presses keys for it. Ann and Bob talk in the room: nothing of that goes to the machine, and
// nothing of the machine to them.
func TestKeysAreForTheLineAlone(t *testing.T) {
	s := newQuietScene(t)
	ann, bob, line := s.joins("ann", codec.PCMA), s.joins("bob", codec.PCMA), s.comes("line", codec.PCMA)
	line.p.link = true
	line.renegotiates(func(s *media.Session) { s.EventType = 0 })
	ann.speaks(2500, 6000)
	bob.listens()
	line.speaks(700, 6000)
	s.ticks(10)
	s.happened()
	line.p.ear = &ear{To: ForQuestion}
	keys, err := media.NewKeys(false, Stroke{Key: '3'}, Stroke{Key: '#'})
	if err != nil {
		t.Fatal(err)
	}
	line.leg.SendKeys(keys)
	line.p.sending = true
	s.forget()
	s.ticks(5)
	line.hears(697, 8098)
	line.hears(1477, 10195)
	line.hearsNo(2500)
	s.ticks(15)
	line.listens()
	s.ticks(45)
	bob.hears(2500, 6000)
	bob.hearsNo(697)
	bob.hearsNo(700)
	s.expect("keys sent call-line", "the far side has spoken call-line")
}

// A machine asks, is answered, says that it is sorry, and asks again: what is told of it, by its sound.
func TestAMachineIsHeard(t *testing.T) {
	s := newQuietScene(t)
	line := s.comes("line", codec.PCMU)
	line.p.ear = new(ear)
	says := func(sound []int16) {
		begin := line.spoken
		line.says = func(i int) int16 {
			if i -= begin; i < len(sound) {
				return sound[i]
			}
			return 0
		}
		s.ticks(len(sound)/160 + 60)
	}
	question := mediatest.Babble(1, 3*time.Second, 8000)
	for _, c := range []struct {
		to    Listening
		sound []int16
		want  []string
	}{
		{ForQuestion, question, []string{"the far side has spoken call-line"}},
		{ForSpeech, nil, nil},
		{ForAnswer, mediatest.Babble(2, 1500*time.Millisecond, 8000), []string{"the far side asks nothing call-line", "the far side has spoken call-line"}},
		{ForAnswer, question, []string{"the far side asks again call-line true", "the far side has spoken call-line"}},
	} {
		line.p.ear.listen(c.to)
		says(c.sound)
		s.expect(c.want...)
	}
}

// What is asked of a participant from outside, and of one who has left.
func TestSendingKeys(t *testing.T) {
	h := newHouse(t, Config{})
	c := h.calls("line")
	p := h.link("5234").Wait(c)
	if err := p.SendKeys(false, Stroke{Key: '5'}, Stroke{Key: 'x'}); err == nil || err.Error() != `stroke 2: 'x' is no key` {
		t.Error(err)
	}
	if p.TakesEvents() {
		t.Error("no events are agreed")
	}
	c.leg.Update(media.Session{Codec: codec.PCMA, PayloadType: 8, EventType: 101})
	waitFor(t, "events are agreed", p.TakesEvents)
	p.Listen(ForQuestion)
	p.Listen(ForAnswer) // 2 s of silence
	if err := p.SendKeys(true); err != nil {
		t.Error(err)
	}
	waitFor(t, "it is told that nothing is asked", func() bool { return h.told(WentOn) == 1 })
	p.Listen(NotListening)
	waitFor(t, "it listens no more", func() bool { return p.ask(func(*flags) {}) == flags{} && p.ear == nil })
	p.Leave("hung up")
	if err := p.SendKeys(false, Stroke{Key: '5'}); err != nil || p.TakesEvents() {
		t.Errorf("after it has left: %v", err)
	}
	c.leg.Close()
	if n := h.told(KeysSent); n != 0 {
		t.Errorf("told %d times of keys", n)
	}
}

func BenchmarkEar(b *testing.B) {
	for _, c := range []struct {
		what   string
		levels []int
	}{{"silence", pause(1, -127)}, {"speech", talk(3, 1000)}, {"the question", talk(1, 140)}} {
		b.Run(c.what, func(b *testing.B) {
			var e ear
			e.listen(ForQuestion)
			e.hears(talk(5, 60), pause(50, -127), talk(1, 140), pause(50, -127))
			e.listen(ForAnswer)
			for i := 0; b.Loop(); i++ {
				e.Told, e.On = false, false
				e.frame(c.levels[i%len(c.levels)])
			}
		})
	}
}
