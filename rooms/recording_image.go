package rooms

import "fmt"

// RecordingImage is a recording, written down. Plain data.
type RecordingImage struct {
	Tape    TapeImage
	Waiting []byte // what has not come to the tape yet, low byte first
	Lost    uint64 // samples that the tape will never have
	Warned  bool   // that was told already
	Over    bool   // nothing more comes, but it is not whole yet
}

// save writes the recording down; over says that its room has another one by now, or none. While a pause is on; Directory.mu is held.
func (rec *Recording) save(over bool) RecordingImage {
	im := RecordingImage{Tape: rec.state(), Lost: rec.lost.Load(), Warned: rec.warned, Over: over || rec.ended.Load()}
	for _, part := range rec.ring.all() {
		im.Waiting = appendSamples(im.Waiting, part)
	}
	return im
}

// restore makes the recording again on its tape, without its room and its goroutine.
func (im *RecordingImage) restore(d *Directory, tape Tape) (*Recording, error) {
	rec := newRecording(d)
	if !rec.ring.put(samples(im.Waiting)) {
		return nil, fmt.Errorf("%d bytes wait for the recording of room %s", len(im.Waiting), im.Tape.Room)
	}
	rec.warned = im.Warned
	rec.lost.Store(im.Lost)
	rec.ended.Store(im.Over)
	rec.tape, rec.before = tape, tape.Samples()
	return rec, nil
}
