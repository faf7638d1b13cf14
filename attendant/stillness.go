package attendant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// stillness is how an office comes to stand still: whoever works in it says so, and lets go while he waits for keys, calls or the dialler, so that what
// he is waiting for can be written down. A pause comes when nobody works; from then on nobody begins to.
//
// The zero value is an office that works. Safe for concurrent use.
type stillness struct {
	mu    sync.Mutex
	works map[*worker]work
	over  chan struct{} // closed when the pause is over; nil: there is none, nor is one coming
	on    bool          // it has come
	moved chan struct{} // somebody has begun or ended, while one is coming; holds one
}

// work is what somebody does who works, for the error of a pause that cannot come.
type work uint8

const (
	serving    work = iota
	lookingUp       // a group
	dialling        // a number: he is told how far that has come
	receiving       // who was called and has answered
	replacing       // a call by another
	connecting      // a link
	crying
)

var workWords = [...][2]string{
	serving:    {"a participant is being served", "%d participants are being served"},
	lookingUp:  {"a group is being looked up", "%d groups are being looked up"},
	dialling:   {"a number is being dialled", "%d numbers are being dialled"},
	receiving:  {"somebody who has answered is being received", "%d who have answered are being received"},
	replacing:  {"a call is taking the place of another", "%d calls are taking the place of others"},
	connecting: {"the far side of a link is being sent keys", "the far sides of %d links are being sent keys"},
	crying:     {"a room is being told something", "%d rooms are being told something"},
}

// worker is one who works, most often a goroutine. Its methods are safe for concurrent use; the fields are its owner's.
type worker struct {
	still  *stillness
	work   work
	call   ending // others wait for him when this is over: then he does not wait for a pause that is only coming; nil: there is none
	urgent bool   // he never does
}

// begin says that he works. It waits for the end of a pause. Who works already goes on.
func (w *worker) begin() {
	var ended <-chan struct{}
	if w.call != nil {
		ended = w.call.Done()
	}
	urgent := w.urgent
	for {
		over := w.still.admit(w, urgent)
		if over == nil {
			return
		}
		select {
		case <-over:
		case <-ended:
			urgent, ended = true, nil
		}
	}
}

// end says that he does not any more.
func (w *worker) end() {
	s := w.still
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.works, w)
	s.stir()
}

// rest lets go while he waits.
func (w *worker) rest(wait func()) {
	w.end()
	defer w.begin()
	wait()
}

// as does something that has another name.
func (w *worker) as(what work, f func()) {
	before := w.work
	w.rename(what)
	defer w.rename(before)
	f()
}

// admit lets somebody work; not nil: first this is to be closed.
func (s *stillness) admit(w *worker, urgent bool) (over <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, works := s.works[w]; !works && s.over != nil && (s.on || !urgent) {
		return s.over
	}
	if s.works == nil {
		s.works = make(map[*worker]work)
	}
	s.works[w] = w.work
	s.stir()
	return nil
}

func (w *worker) rename(what work) {
	s := w.still
	s.mu.Lock()
	defer s.mu.Unlock()
	w.work = what
	if _, works := s.works[w]; works {
		s.works[w] = what
	}
}

// stir tells a pause that is coming that something has changed. The lock is held.
func (s *stillness) stir() {
	select {
	case s.moved <- struct{}{}:
	default: // it will look, or there is none
	}
}

var errPaused = errors.New("they stand still already")

// pause waits until nobody works and settled says that nobody will soon. An error says who still does; then all go on.
func (s *stillness) pause(ctx context.Context, settled func() bool) error {
	moved, err := s.announce()
	if err != nil {
		return err
	}
	for !s.come(settled) {
		select {
		case <-moved:
		case <-ctx.Done():
			err := fmt.Errorf("%w: %s", context.Cause(ctx), s.words())
			s.resume()
			return err
		}
	}
	return nil
}

// announce says that a pause is coming.
func (s *stillness) announce() (moved <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		return nil, errPaused
	}
	s.over, s.moved = make(chan struct{}), make(chan struct{}, 1)
	return s.moved, nil
}

// come lets the pause come, if nobody works.
func (s *stillness) come(settled func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = len(s.works) == 0 && settled()
	return s.on
}

// hold is a pause that comes at once, for when nobody works yet.
func (s *stillness) hold() {
	s.announce()
	s.come(func() bool { return true })
}

// resume ends a pause, if there is one.
func (s *stillness) resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over != nil {
		close(s.over)
	}
	s.over, s.on, s.moved = nil, false, nil
}

// words are what a pause waits for.
func (s *stillness) words() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var counts [len(workWords)]int
	for _, w := range s.works {
		counts[w]++
	}
	var said []string
	for w, n := range counts {
		switch n {
		case 0:
		case 1:
			said = append(said, workWords[w][0])
		default:
			said = append(said, fmt.Sprintf(workWords[w][1], n))
		}
	}
	if len(said) == 0 {
		return "somebody who has hung up is still there"
	}
	return strings.Join(said, ", ")
}
