package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"time"

	"github.com/sipconf/sipconf/attendant"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/media/handover"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/sip"
)

// heritage is what a server leaves to the next process, but for the media, which package media writes down. Plain data, for encoding/gob.
type heritage struct {
	Affairs affairs
	Places  places
}

// affairs are what stands still while people still hear each other.
type affairs struct {
	Calls  sip.Image
	Dialer dialout.Saved
	Groups dialout.GroupsImage
	Links  links.Image
	Former []formerImage
	Counts []countImage
}

// places are who is where, and what he hears, as of the last tick.
type places struct {
	Rooms  rooms.Image
	Office attendant.Image
	Still  time.Time // since when nobody hears anything
}

// heritageVersion is the version of the heritage and of all that is in it. Fields that are added or left out are no new version: whoever reads knows
// of them, or does without. For one of another type or meaning it is raised, and then neither process can read what the other one writes: the
// upgrade, or the way back, is refused before anything has stopped.
const heritageVersion = 1

// The messages of the line between the two processes, in their order, after those of generation.
const (
	kindReads    = "reads"    // new: the heritageVersion that it knows
	kindSpecimen = "specimen" // old: a heritage with nothing in it. What gob has to learn of it takes as long as all else; then come the sockets
	kindStop     = "stop"     // new: it has all that can be had while everything goes on
	kindAffairs  = "affairs"  // old: it is at rest, but for the media; with the connections
	kindSilence  = "silence"  // new: it has understood them
	kindRooms    = "rooms"    // old: the media stand still, and what they are has been said; places.Rooms
	kindOffice   = "office"   // old: the rest of the places
)

// speaker writes messages to a line.
type speaker struct {
	line   *handover.Line
	buffer bytes.Buffer
	coder  *gob.Encoder
}

func newSpeaker(line *handover.Line) *speaker {
	s := &speaker{line: line}
	s.coder = gob.NewEncoder(&s.buffer)
	return s
}

// tell sends a message; what may be nil.
func (s *speaker) tell(kind string, what any, descriptors ...int) error {
	if err := step("tells "+kind, s.line); err != nil {
		return err
	}
	s.buffer.Reset()
	if what != nil {
		if err := s.coder.Encode(what); err != nil {
			return fmt.Errorf("write %q down: %w", kind, err)
		}
	}
	return s.line.Send(kind, s.buffer.Bytes(), descriptors...)
}

// reader reads messages from a line.
type reader struct {
	line    *handover.Line
	message bytes.Reader
	decoder *gob.Decoder
}

func newReader(line *handover.Line) *reader {
	r := &reader{line: line}
	r.decoder = gob.NewDecoder(&r.message)
	return r
}

// expect receives a message of that kind; what may be nil. The error is what the other process says where it has failed.
func (r *reader) expect(kind string, what any) (descriptors []int, err error) {
	m, err := receive(r.line)
	switch {
	case err != nil:
		return nil, err
	case m.Kind != kind:
		err = fmt.Errorf("%q came, where %q should", m.Kind, kind)
	case what != nil:
		r.message.Reset(m.Body)
		err = r.decoder.Decode(what)
	}
	if err == nil {
		err = step("hears "+kind, r.line)
	}
	if err != nil {
		handover.Discard(m.Descriptors)
		return nil, err
	}
	return m.Descriptors, nil
}
