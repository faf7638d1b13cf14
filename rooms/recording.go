package rooms

import (
	"errors"
	"sync/atomic"
	"time"
)

// Why a room is not recorded.
var (
	ErrNoRoom   = errors.New("there is no such room")
	ErrRecorded = errors.New("the room is being recorded already")
)

// Tape is where a recording goes; *sound.Tape is one. One goroutine at a time uses it.
type Tape interface {
	Name() string                // of the file, for the log
	Samples() int64              // that are on it
	Write(samples []int16) error // adds them, all or none; they may be tried again after an error
	Close() error                // nothing more is written: the file is whole
}

// A recording's goroutine looks for samples ten times a second; looking is cheaper than being woken, for which the tick would
// have to take a lock. A disk may be busy for as long as the ring lasts.
const (
	recordingPause = 100 * time.Millisecond
	recordingTime  = 5 // seconds that wait in the ring at most: 80 KB
)

// Recording is what a room hears, from one tick to another, on its way to a tape. In the tick the mix that all get who only
// listen is copied into the ring, and nothing else happens; a goroutine, which Record starts, takes it from there to the tape.
// What the tape does not take in time is lost, and counted. Safe for concurrent use.
type Recording struct {
	directory *Directory
	room      *Room
	tape      Tape  // the goroutine's, but for its name; nil until it is open. Set under Directory.mu
	before    int64 // samples that were on it when it was opened. Likewise

	ring  *ring
	ended atomic.Bool   // nothing is put into the ring any more
	lost  atomic.Uint64 // samples that the tape will never have
	taken atomic.Int64  // samples that it has taken

	warned bool          // of lost sound; the goroutine's own
	done   chan struct{} // closed when the file is whole
}

// TapeImage is a tape, written down for another process to go on with. Plain data.
type TapeImage struct {
	Room, File string
	Samples    int64 // that are on the tape, with those of earlier processes
}

// Record records the room from one of the next ticks on: what somebody hears who only listens, tones and announcements
// included. open opens the tape; it may wait. The error is ErrNoRoom, ErrRecorded or that of open. The
// recording lasts until Stop or until the last one has left, and its goroutine as long; Close waits for that.
func (d *Directory) Record(number string, open func() (Tape, error)) (*Recording, error) {
	rec, err := d.begin(number, open)
	if err != nil {
		return nil, err
	}
	rec.start()
	if !rec.room.do(func() { rec.room.record(rec) }) {
		rec.ended.Store(true)
	}
	return rec, nil
}

// begin makes a recording with an open tape, when no pause is on.
func (d *Directory) begin(number string, open func() (Tape, error)) (*Recording, error) {
	d.tapes.enter()
	defer d.tapes.leave()
	rec, err := d.book(number)
	if err != nil {
		return nil, err
	}
	tape, err := open()
	if err != nil {
		d.forget(rec)
		d.recorders.Done()
		return nil, err
	}
	rec.load(tape)
	return rec, nil
}

// start starts the goroutine, which the recording ends; Directory.Close waits.
func (rec *Recording) start() {
	go func() {
		defer rec.directory.recorders.Done()
		rec.run()
	}()
}

// book books the recording of a room, so that there is one only, and makes its memory.
func (d *Directory) book(number string) (*Recording, error) {
	rec := newRecording(d)
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[number]
	switch {
	case r == nil:
		return nil, ErrNoRoom
	case r.recorded != nil:
		return nil, ErrRecorded
	}
	rec.room, r.recorded = r, rec
	d.recordings[rec] = struct{}{}
	d.recorders.Add(1) // before Close waits: it finds no rooms
	return rec, nil
}

func newRecording(d *Directory) *Recording {
	return &Recording{directory: d, ring: newRing(recordingTime * mixRate), done: make(chan struct{})}
}

// load puts the tape in.
func (rec *Recording) load(tape Tape) {
	rec.directory.mu.Lock()
	defer rec.directory.mu.Unlock()
	rec.tape, rec.before = tape, tape.Samples()
}

// Recording is that of a room; nil while it is not recorded.
func (d *Directory) Recording(number string) *Recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rooms[number]; r != nil {
		return r.recorded
	}
	return nil
}

// Stop ends the recording with the tick under way. Another one of the room may begin at once. It does not wait for the file,
// see Done. Safe to call twice, and when the room is gone.
func (rec *Recording) Stop() {
	rec.directory.unbook(rec)
	if !rec.room.do(func() { rec.room.stopRecording(rec) }) {
		rec.ended.Store(true)
	}
}

// Done is closed when the recording has ended and its file is whole.
func (rec *Recording) Done() <-chan struct{} { return rec.done }

// State is how far the recording is. Once it is done, one that goes on from there has no gap. The file has no name
// while it is being opened.
func (rec *Recording) State() TapeImage {
	rec.directory.mu.Lock()
	defer rec.directory.mu.Unlock()
	return rec.state()
}

// state is State for who holds Directory.mu.
func (rec *Recording) state() TapeImage {
	s := TapeImage{Room: rec.room.number, Samples: rec.before + rec.taken.Load()}
	if rec.tape != nil {
		s.File = rec.tape.Name()
	}
	return s
}

// unbook lets another recording of the room begin.
func (d *Directory) unbook(rec *Recording) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if rec.room.recorded == rec {
		rec.room.recorded = nil
	}
}

// forget takes a recording that is over off the books.
func (d *Directory) forget(rec *Recording) {
	d.unbook(rec)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.recordings, rec)
	d.recordingLost += rec.lost.Load()
	close(rec.done)
}

// recorded counts the recordings that are not over, and the samples that were ever lost. The lock is held.
func (d *Directory) recorded() (running int, lost uint64) {
	lost = d.recordingLost
	for rec := range d.recordings {
		lost += rec.lost.Load()
	}
	return len(d.recordings), lost
}

// endRecordings ends those whose room could not be reached any more, and waits until all files are whole.
func (d *Directory) endRecordings() {
	d.mu.Lock()
	for rec := range d.recordings {
		rec.ended.Store(true)
	}
	d.mu.Unlock()
	d.tapes.open()
	d.recorders.Wait()
}

// record begins to record, unless the room or the recording has ended before. On the loop.
func (r *Room) record(rec *Recording) {
	if r.ended {
		rec.ended.Store(true)
	}
	if !rec.ended.Load() {
		r.recording = rec
	}
}

// stopRecording ends a recording, if there is one. On the loop.
func (r *Room) stopRecording(rec *Recording) {
	if r.recording == rec {
		r.recording = nil
	}
	if rec != nil {
		rec.ended.Store(true)
	}
}

// put takes what the room hears in this tick. In the tick.
func (rec *Recording) put(frame []int16) {
	if !rec.ring.put(frame) {
		rec.lost.Add(uint64(len(frame)))
	}
}
