package main

import (
	"io"
	"sync"
	"time"
)

// mostQueued is how many bytes of log wait for their reader: some thousand lines.
const mostQueued = 1 << 20

// flushTime is how long the end of the program waits for whoever reads its log.
const flushTime = time.Second

// logQueue writes lines, in their order, off the goroutines that log them. Of a pipe that nobody reads any more each line would wait for ever, and with
// it whoever has a call in his hands. Lines for which there is no room are lost, and their number is told when there is room again.
type logQueue struct {
	w    io.Writer
	tell func(w io.Writer, lost int)
	wake chan struct{} // there are lines; holds one

	mu    sync.Mutex
	lines []byte
	lost  int
	busy  bool            // some are being written
	rests []chan struct{} // closed when none is left
}

// newLogQueue starts a goroutine that ends with the process. tell writes that so many lines were lost.
func newLogQueue(w io.Writer, tell func(w io.Writer, lost int)) *logQueue {
	q := &logQueue{w: w, tell: tell, wake: make(chan struct{}, 1)}
	go q.run()
	return q
}

// Write takes a line. It never waits, and never fails.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	if len(q.lines)+len(line) > mostQueued {
		q.lost++
	} else {
		q.lines = append(q.lines, line...)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(line), nil
}

// flush waits until all lines are written, for that long at most.
func (q *logQueue) flush(most time.Duration) {
	q.mu.Lock()
	if !q.busy && len(q.lines) == 0 {
		q.mu.Unlock()
		return
	}
	written := make(chan struct{})
	q.rests = append(q.rests, written)
	q.mu.Unlock()
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-written:
	case <-late.C:
	}
}

func (q *logQueue) run() {
	var lines []byte
	var lost int
	for range q.wake {
		for q.next(&lines, &lost) {
			q.w.Write(lines) // nobody could be told of an error
			if lost > 0 {
				q.tell(q.w, lost)
			}
		}
	}
}

// next takes what is to be written; false: nothing is.
func (q *logQueue) next(lines *[]byte, lost *int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lines, *lines = (*lines)[:0], q.lines
	q.lost, *lost = 0, q.lost
	q.busy = len(*lines) > 0 || *lost > 0
	if !q.busy {
		for _, rest := range q.rests {
			close(rest)
		}
		q.rests = nil
	}
	return q.busy
}
