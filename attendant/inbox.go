package attendant

import "sync"

// inbox is what has come for somebody and that he has not taken yet, such as the keys that he has pressed. It is no channel, because what has been
// taken from a channel by somebody who then has to wait for the end of a pause is nowhere to be found.
//
// One goroutine at a time takes, any may put. Create it with newInbox.
type inbox[T any] struct {
	came chan struct{} // there may be something to take; holds one

	mu    sync.Mutex
	waits []T
	most  int
}

func newInbox[T any](most int) *inbox[T] { return &inbox[T]{came: make(chan struct{}, 1), most: most} }

// put adds something, if there is room for it.
func (b *inbox[T]) put(what T) {
	b.mu.Lock()
	if len(b.waits) < b.most {
		b.waits = append(b.waits, what)
	}
	b.mu.Unlock()
	select {
	case b.came <- struct{}{}:
	default: // he will look
	}
}

// take takes what has come first; false: there is nothing. Who takes until there is nothing may wait on came then.
func (b *inbox[T]) take() (what T, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waits) == 0 {
		return what, false
	}
	what, b.waits = b.waits[0], b.waits[1:]
	return what, true
}

// all is what waits; it goes on waiting.
func (b *inbox[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]T(nil), b.waits...)
}

// drain forgets what has come.
func (b *inbox[T]) drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waits = nil
}
