package main

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowReader reads a log, or does not.
type slowReader struct {
	reads chan struct{} // one for each write that it takes
	got   strings.Builder
}

func (r *slowReader) Write(b []byte) (int, error) {
	<-r.reads
	return r.got.Write(b)
}

func tellLost(w io.Writer, lost int) { fmt.Fprintf(w, "%d lost\n", lost) }

// Whoever logs does not wait for whoever reads; what is too much is lost and counted; what is read is in order.
func TestLogQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowReader{reads: make(chan struct{})}
		q := newLogQueue(r, tellLost)
		defer close(q.wake)
		line := strings.Repeat("x", 1023) + "\n"
		fmt.Fprintln(q, "first")
		synctest.Wait() // it is being written, for as long as nobody reads
		for range mostQueued/len(line) + 7 {
			if n, err := io.WriteString(q, line); n != len(line) || err != nil {
				t.Fatal(n, err)
			}
		}
		began := time.Now()
		q.flush(flushTime)
		if took := time.Since(began); took != flushTime {
			t.Errorf("waited %v for a reader who does not read", took)
		}
		go func() {
			for range 4 { // the first line, the others, what is said of the lost ones, and the last
				r.reads <- struct{}{}
			}
		}()
		synctest.Wait()
		fmt.Fprintln(q, "last")
		q.flush(flushTime)
		if time.Since(began) != flushTime {
			t.Error("waited for a reader who has read everything")
		}
		if want := "first\n" + strings.Repeat(line, mostQueued/len(line)) + "7 lost\nlast\n"; r.got.String() != want {
			t.Errorf("read %d bytes, want %d; the end is %q", r.got.Len(), len(want), r.got.String()[max(0, r.got.Len()-20):])
		}
		q.flush(flushTime) // of nothing
	})
}
