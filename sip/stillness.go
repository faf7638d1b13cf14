package sip

import (
	"context"
	"sync"
)

// stillness is how a user agent comes to rest as a whole: whoever changes or
// sends something enters before, and leaves behind it. While it is still nobody
// enters; who would waits, and goes on when it moves again. Its zero value moves.
//
// Nobody who is inside waits for another one who would have to enter.
type stillness struct {
	mu     sync.Mutex
	moving int
	again  chan struct{} // closed when it moves again; nil: it does
	calm   chan struct{} // closed when the last one has left; nil: nobody waits for that
}

func (s *stillness) enter() {
	s.mu.Lock()
	for s.again != nil {
		again := s.again
		s.mu.Unlock()
		<-again
		s.mu.Lock()
	}
	s.moving++
	s.mu.Unlock()
}

func (s *stillness) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moving--
	s.settle()
}

// settle tells who waits that the last one has left. The lock is held.
func (s *stillness) settle() {
	if s.moving == 0 && s.calm != nil {
		close(s.calm)
		s.calm = nil
	}
}

// begin lets nobody in any more, and returns when the last one has left. When
// ctx ends before that, it moves again.
func (s *stillness) begin(ctx context.Context) error {
	s.mu.Lock()
	calm := make(chan struct{})
	s.again, s.calm = make(chan struct{}), calm
	s.settle()
	s.mu.Unlock()
	select {
	case <-calm:
		return nil
	case <-ctx.Done():
		s.end()
		return ctx.Err()
	}
}

// end has it move again.
func (s *stillness) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again != nil {
		close(s.again)
		s.again, s.calm = nil, nil
	}
}

// visit is one who has entered, and leaves once. Not safe for concurrent use.
type visit struct {
	of   *stillness
	over bool
}

func (s *stillness) visit() *visit {
	s.enter()
	return &visit{of: s}
}

func (v *visit) leave() {
	if !v.over {
		v.over = true
		v.of.leave()
	}
}
