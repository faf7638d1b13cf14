package phone

import (
	"math"
	"sync"
	"time"
)

// Rate is the number of samples per second of everything a phone speaks and hears.
const Rate = 8000

// Source is something to say. Fill writes the next samples into the whole frame, silence where it has none left,
// and returns false when it has nothing more. It is called by the pump, one call at a time, and must not block.
type Source interface{ Fill(frame []int16) bool }

// amplitude turns dBFS into the peak of a sine; 0 dBFS is a peak of 32767.
func amplitude(dBFS float64) float64 { return 32767 * math.Pow(10, dBFS/20) }

// tone is an endless sine: a vector that turns by a fixed angle from sample to sample, which costs four multiplications
// where a sine costs thirty. Once per frame its length is set right again.
type tone struct{ x, y, turnX, turnY, peak float64 }

// Tone is an endless sine of hz at dBFS.
func Tone(hz, dBFS float64) Source {
	y, x := math.Sincos(2 * math.Pi * hz / Rate)
	return &tone{x: 1, turnX: x, turnY: y, peak: amplitude(dBFS)}
}

func (t *tone) Fill(frame []int16) bool {
	for i := range frame {
		frame[i] = int16(math.RoundToEven(t.peak * t.y))
		t.x, t.y = t.x*t.turnX-t.y*t.turnY, t.x*t.turnY+t.y*t.turnX
	}
	length := math.Hypot(t.x, t.y)
	t.x, t.y = t.x/length, t.y/length
	return true
}

// burst is a short piece of another source.
type burst struct {
	of   Source
	left int
}

// Burst is the first part of a source, length long: a beep whose begin can be found again at the other end.
func Burst(of Source, length time.Duration) Source {
	return &burst{of: of, left: int(length * Rate / time.Second)}
}

func (b *burst) Fill(frame []int16) bool {
	n := min(b.left, len(frame))
	b.of.Fill(frame[:n])
	clear(frame[n:])
	b.left -= n
	return b.left > 0
}

// samples plays PCM.
type samples struct {
	pcm  []int16
	at   int
	loop bool
}

// Samples plays PCM at Rate once. The slice must not be changed afterwards.
func Samples(pcm []int16) Source { return &samples{pcm: pcm} }

// Loop plays PCM at Rate again and again.
func Loop(pcm []int16) Source { return &samples{pcm: pcm, loop: len(pcm) > 0} }

func (s *samples) Fill(frame []int16) bool {
	n := copy(frame, s.pcm[s.at:])
	s.at += n
	for s.loop && s.at == len(s.pcm) {
		s.at = copy(frame[n:], s.pcm)
		n += s.at
	}
	clear(frame[n:])
	return s.loop || s.at < len(s.pcm)
}

// sum is several sources at once.
type sum struct {
	of    []Source
	frame []int16
}

// Sum speaks several sources at once, clipped at full scale. It ends when the last of them ends.
func Sum(of ...Source) Source { return &sum{of: of} }

func (s *sum) Fill(frame []int16) bool {
	if len(s.frame) < len(frame) {
		s.frame = make([]int16, len(frame))
	}
	part, more := s.frame[:len(frame)], false
	clear(frame)
	for _, source := range s.of {
		more = source.Fill(part) || more
		for i, v := range part {
			frame[i] = int16(max(-32768, min(32767, int32(frame[i])+int32(v))))
		}
	}
	return more
}

// Utterance is one thing said by Call.Speak. Safe for concurrent use.
type Utterance struct {
	mu    sync.Mutex
	began time.Time
	done  chan struct{}
	ended bool
}

func newUtterance() *Utterance { return &Utterance{done: make(chan struct{})} }

// Began is the mouth time of the first sample, zero if it has not been said yet (see the package's notes on time).
func (u *Utterance) Began() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.began
}

// Done is closed when the source came to its end, was replaced by another one, or the call ended.
func (u *Utterance) Done() <-chan struct{} { return u.done }

func (u *Utterance) begin(at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.began.IsZero() {
		u.began = at
	}
}

func (u *Utterance) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.ended {
		u.ended = true
		close(u.done)
	}
}
