package rooms

import (
	"log/slog"
	"time"
)

// run writes down what comes, until the recording ends, and then what is still there.
func (rec *Recording) run() {
	ticker := time.NewTicker(recordingPause)
	defer ticker.Stop()
	for !rec.ended.Load() {
		<-ticker.C
		rec.atTape(rec.drain)
	}
	rec.atTape(func() { rec.drain(); rec.finish() })
}

// atTape runs f, in which the tape is written to, when no pause is on.
func (rec *Recording) atTape(f func()) {
	rec.directory.tapes.enter()
	defer rec.directory.tapes.leave()
	f()
}

// drain takes the samples from the ring to the tape. What the tape does not take stays in the ring, to be tried
// again, as long as there is room.
func (rec *Recording) drain() {
	for part := rec.ring.peek(); len(part) > 0; part = rec.ring.peek() {
		if err := rec.tape.Write(part); err != nil {
			rec.warn("a recording cannot be written: it is tried again, and what does not fit into memory is lost", "err", err)
			return
		}
		rec.ring.skip(len(part))
		rec.taken.Add(int64(len(part)))
	}
	if rec.lost.Load() > 0 {
		rec.warn("a recording has lost sound: the disk is too slow")
	}
}

// warn says, once in a recording, that the tape does not take what comes.
func (rec *Recording) warn(what string, why ...any) {
	if !rec.warned {
		rec.log().Warn(what, why...)
	}
	rec.warned = true
}

func (rec *Recording) log() *slog.Logger {
	return rec.directory.config.Log.With("room", rec.room.number, "file", rec.tape.Name())
}

// finish makes the file whole.
func (rec *Recording) finish() {
	rec.lost.Add(uint64(rec.ring.waiting())) // it was not taken at the last try either
	if err := rec.tape.Close(); err != nil {
		rec.log().Warn("the end of a recording may be missing", "err", err)
	}
	rec.log().Info("recording has ended", "duration", lasting(rec.State().Samples), "lost", lasting(int64(rec.lost.Load())))
	rec.directory.forget(rec)
}

// lasting is how long it takes to hear so many samples.
func lasting(samples int64) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(mixRate)
}
