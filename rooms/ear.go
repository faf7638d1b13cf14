package rooms

// Listening is what the ear on a participant listens for (Participant.Listen).
type Listening uint8

const (
	NotListening Listening = iota // there is no ear, and what it knew is forgotten
	ForQuestion                   // what he says is remembered: it is the question
	ForSpeech                     // whether he speaks, which is told with the others, too: Spoke. Of what he is saying the rest is remembered, and nothing new
	ForAnswer                     // whether he asks the question again (AskedAgain), or does not (WentOn)
)

// What the ear takes for what, in frames of 20 ms. docs/quality.md has the figures behind those of the question.
const (
	earPause  = 40  // of silence after speech have it that he has spoken: 0.8 s
	earBreath = 5   // of it are no end of what he says
	earSilent = 100 // of silence have it that he asks nothing: 2 s
	earDiffer = 50  // of speech that is not the question have it, too: 1 s
	earEndure = 250 // of what he was saying before have it as well, 5 s; earSilent of a tone or the like
	earWait   = 500 // have it in any case, 10 s, but for what may become the question
	earBelow  = 20  // dB below the loudest of what he says there is a pause in it, however loud the noise of his line
	earFall   = 25  // of silence after which the loudest is 1 dB softer: whoever speaks then may speak softly

	earLeast = 50  // of a question, so that it is known again
	earMost  = 100 // of it are compared
	earFloor = -50 // dBFS; what is softer is as loud
	earLags  = 3   // frames by which the beginnings of speech may be found apart
	earPiece = 20  // of them must not be off by more than 4.5 dB anywhere: what only begins like the question is none
	earShift = 2   // by so many they may lie before or behind where the last ones have them
	earMoves = 4   // dB of mean deviation of a question: a tone has no more, and is none
)

// ear listens to the far side of a line, where a machine may ask for a number. It tells when that has spoken, and whether it asks again what it
// asked before. A question is known again by its envelope, the level of each frame: in the same words of the same voice it is the same
// within 3 dB or so, whatever the codec, the loss and the noise of the line make of it, and in others it is not.
//
// What is remembered is the first that he says and the last, up to two seconds of each: a greeting may be said once and the question behind it
// again, or both.
//
// Plain data; the zero value has heard nothing and does not listen for anything. Pure, O(1) in a frame.
type ear struct {
	To    Listening
	Voice voice
	Quiet int  // frames of silence up to now
	Top   int  // dBFS of the loudest frame of late; 0: nobody has spoken
	Spoke bool // he has, since there was a pause of earPause

	Last      [2]int // levels of the last frames: no softer than the floor
	Recent    [128]int16
	Count     uint // of frames that Recent has had
	Questions [2]question
	Asked     int  // how many sayings there were to be remembered
	Learns    bool // what he says now is
	Age       int  // frames of Recent since he has begun to say it

	// ForAnswer.
	Told   bool // AskedAgain was
	First  bool // it was the first question
	On     bool // WentOn was
	Waited int  // frames
	Begun  bool // he has begun to say something
	Since  int  // frames of Recent since then
	Said   int  // of them, those in which he speaks
}

// question is the envelope of something that was said, in quarters of a dB, softened over three frames.
type question struct {
	Levels [earMost + 1]int16
	Known  int // frames
	Loud   int // of them, up to the last in which he spoke
}

// tidings of the ear after a frame.
type tidings uint8

const (
	hasSpoken tidings = 1 << iota
	asksAgain
	wentOn
)

// listen has the ear listen for something else from now on. What it has heard it knows.
func (e *ear) listen(to Listening) {
	e.To = to
	e.Told, e.First, e.On, e.Waited, e.Begun, e.Since, e.Said = false, false, false, 0, false, 0, 0
	if to == ForQuestion && e.Voice.Talking && !e.Learns && e.Age <= earMost {
		e.begin() // he was quick
	}
	e.Spoke = e.Spoke && e.Quiet < earBreath // what has ended before is nothing that is waited for
	if to != ForAnswer {
		return
	}
	e.Quiet = 0
	for i := range e.Questions {
		if q := &e.Questions[i]; flat(q.Levels[:q.length()]) {
			*q = question{}
		}
	}
}

// frame takes the level of the next frame in dBFS.
func (e *ear) frame(level int) (told tidings) {
	e.soften(level)
	loud := e.measure(level)
	if !loud {
		level = silence
	}
	began := e.Voice.frame(level) && e.Voice.Talking
	if e.Age++; began {
		e.Age = lead
	}
	e.Spoke = e.Spoke || began
	if e.Spoke && e.Quiet >= earPause {
		e.Spoke = false
		told = hasSpoken
	}
	switch e.To {
	case ForQuestion, ForSpeech:
		e.learn(began && e.To == ForQuestion, loud)
	case ForAnswer:
		told |= e.judge(began, loud)
	}
	return told
}

// measure says whether a frame is loud enough to be of something that is said.
func (e *ear) measure(level int) (loud bool) {
	if level < quietLevel || e.Top != 0 && level < e.Top-earBelow {
		if e.Quiet++; e.Top != 0 && e.Quiet%earFall == 0 {
			e.Top--
		}
		return false
	}
	e.Quiet = 0
	if level = min(level, -1); e.Top == 0 || level > e.Top {
		e.Top = level
	}
	return true
}

// soften puts the frame before this one into Recent.
func (e *ear) soften(level int) {
	level = max(earFloor, min(level, 0))
	if e.Count == 0 {
		e.Last = [2]int{level, level}
	}
	e.Recent[e.Count%uint(len(e.Recent))] = int16(e.Last[0] + 2*e.Last[1] + level)
	e.Last = [2]int{e.Last[1], level}
	e.Count++
}

// lead is how many frames of Recent belong to what has just begun: those by which talking is known, one before, and the one that is
// behind by softening.
const lead = talkFrames + 1

// learn remembers what he says.
func (e *ear) learn(began, loud bool) {
	switch e.Learns = e.Learns && e.Voice.Talking; {
	case began:
		e.begin()
	case e.Learns:
		e.Questions[min(e.Asked, len(e.Questions))-1].add(e.recent(1), loud)
	}
}

// begin begins to remember what he is saying.
func (e *ear) begin() {
	e.Learns = true
	e.Asked++
	q := &e.Questions[min(e.Asked, len(e.Questions))-1]
	*q = question{}
	for back := e.Age; back > 0; back-- {
		q.add(e.recent(back), true)
	}
}

func (q *question) add(level int16, loud bool) {
	if q.Known == len(q.Levels) {
		return
	}
	q.Levels[q.Known] = level
	if q.Known++; loud {
		q.Loud = q.Known
	}
}

// recent is the newest level but so many; 1: the newest.
func (e *ear) recent(back int) int16 {
	return e.Recent[(e.Count-uint(back))%uint(len(e.Recent))]
}

// judge says whether he asks again, or does not.
func (e *ear) judge(began, loud bool) (told tidings) {
	if !e.Told {
		for i := range e.Questions {
			if q := &e.Questions[i]; e.is(q, q.length(), q.off()) {
				e.Told, e.First = true, i == 0
				return asksAgain
			}
		}
	}
	if e.On || e.Told {
		return 0
	}
	e.follow(began, loud)
	if e.goesOn() {
		e.On = true
		return wentOn
	}
	return 0
}

// goesOn says whether it is clear by now that he does not ask again.
func (e *ear) goesOn() bool {
	switch {
	case e.Quiet >= earSilent:
		return true
	case e.Said >= earDiffer:
		return !e.may()
	case e.Begun:
		return e.Waited >= earWait
	case e.Voice.Talking: // still
		return e.Waited >= earEndure || e.Waited == earSilent && flat(e.Recent[:])
	}
	return e.Waited >= earWait
}

// follow counts what he says, if he has begun it since he is listened to for an answer: what he has not yet ended is no answer.
func (e *ear) follow(began, loud bool) {
	e.Waited++
	switch {
	case began && !e.Begun:
		e.Begun, e.Since = true, lead
	case e.Begun:
		e.Since++
	}
	if e.Begun && loud {
		e.Said++
	}
}

// length is how many frames of it are compared; 0: it cannot be known again.
func (q *question) length() int {
	n := min(q.Known, q.Loud+2) - 1 // the last one is there for what lies between two frames
	if n < earLeast {
		return 0
	}
	return n
}

// flat says whether these levels are next to no envelope, as those of a tone.
func flat(levels []int16) bool {
	n, sum, off := len(levels), 0, 0
	for _, level := range levels {
		sum += int(level)
	}
	for _, level := range levels {
		off += abs(n*int(level) - sum)
	}
	return off < 4*earMoves*n*n
}

// off is how much something may be off the question, in 16ths of a dB: in the mean, and in that of each piece.
type off struct{ mean, piece int }

// off is that of all of the question: 2.25 dB of the shortest one that is known, 2.8 from 1.5 s on, and 4.5 of each piece.
func (q *question) off() off {
	const short, long, piece = 36, 45, 72
	return off{min(long, short+(long-short)*(q.length()-earLeast)/(75-earLeast)), piece}
}

// may says whether what he is saying may become a question: so far it is.
func (e *ear) may() bool {
	perhaps := off{72, 1 << 10} // 4.5 dB, however it is spread
	for i := range e.Questions {
		q := &e.Questions[i]
		for lag := -earLags; lag <= earLags; lag++ {
			if n := e.Since + lag; n <= q.length()+earLags && e.is(q, min(n, q.length()), perhaps) {
				return true
			}
		}
	}
	return false
}

// is says whether the newest frames are the first n of a question, but for so much in the mean. Where the frames of the two do not begin at the
// same sample, the level that is compared lies between those of two frames. And as a jitter buffer stretches what comes late, and
// makes it up, or cuts a pause, each piece may lie some frames before or behind where the last one has it.
func (e *ear) is(q *question, n int, most off) bool {
	for part := range 4 {
		for shift := -1; shift <= 1 && n > 0; shift++ {
			if e.follows(q, n, most, part, shift) {
				return true
			}
		}
	}
	return false
}

// follows is is, for one part of a frame, and with the first piece so many frames before its place.
func (e *ear) follows(q *question, n int, most off, part, shift int) bool {
	from, to := shift, shift
	sum := 0
	for at := 0; at < n; at += earPiece {
		end := min(n, at+earPiece)
		least := (end-at)*most.piece + 1
		for s := from; s <= to; s++ {
			if piece := e.piece(q, at, end, n+s, part, least); piece < least {
				least, shift = piece, s
			}
		}
		if sum += least; sum > n*most.mean || least > (end-at)*most.piece {
			return false
		}
		from, to = shift-earShift, shift+earShift
	}
	return true
}

// piece is how much the frames from at to end of a question are off, in all, if its first is the newest but so many; or anything above most.
func (e *ear) piece(q *question, at, end, back, part, most int) (sum int) {
	for k := at; k < end && sum < most; k++ {
		sum += abs(4*int(e.recent(max(1, back-k))) - (4-part)*int(q.Levels[k]) - part*int(q.Levels[k+1]))
	}
	return sum
}

func abs(n int) int { return max(n, -n) }
