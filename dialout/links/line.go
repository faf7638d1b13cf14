package links

import (
	"context"
	"slices"
	"sync"
)

// line is what several links share, and who waits for it, the longest waiting first. A nil line is never in use.
type line struct {
	mu      sync.Mutex
	free    int             // below 0: so many more calls are on it than it takes, as there were before another process took over
	waiting []chan struct{} // closed when the line is his
}

// take takes a place on the line, waiting for it until ctx is done; then it is false. waits is called if one has to wait.
func (l *line) take(ctx context.Context, waits func()) bool {
	if l == nil {
		return true
	}
	mine := l.queue()
	if mine == nil {
		return true
	}
	waits()
	select {
	case <-mine:
	case <-ctx.Done():
		if l.leave(mine) {
			return false
		}
	}
	if ctx.Err() != nil { // it was his at the last moment
		l.give()
		return false
	}
	return true
}

// occupy takes a place for a call that there is already.
func (l *line) occupy() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free--
}

// queue takes a place, and then it is nil, or queues for one.
func (l *line) queue() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.free > 0 {
		l.free--
		return nil
	}
	mine := make(chan struct{})
	l.waiting = append(l.waiting, mine)
	return mine
}

// leave leaves the queue; false: the place has been given to him.
func (l *line) leave(mine chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.waiting, mine)
	if at < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, at, at+1)
	return true
}

// give gives a place back: to whom has waited for it the longest.
func (l *line) give() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 || l.free < 0 {
		l.free++
		return
	}
	close(l.waiting[0])
	l.waiting = slices.Delete(l.waiting, 0, 1)
}
