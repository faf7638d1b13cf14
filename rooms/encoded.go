package rooms

import "github.com/sipconf/sipconf/codec"

// maxCodecs is how many codecs can meet in a room and still share encoded frames. A leg with one
// more is served like a talker, encoded for alone.
const maxCodecs = 4

// encoded is one frame in as many codecs as were asked for, each encoded once. This is what makes
// those who only listen nearly free. The zero value holds nothing.
type encoded struct {
	used    int
	entries [maxCodecs]struct {
		codec   *codec.Codec
		payload []byte // its memory stays when used is reset
	}
}

// reset forgets the frame, not the memory.
func (e *encoded) reset() { e.used = 0 }

// reserve makes the memory for payloads of so many bytes, so that of never has to.
func (e *encoded) reserve(size int) {
	for i := range e.entries {
		if cap(e.entries[i].payload) < size {
			e.entries[i].payload = make([]byte, size)
		}
	}
}

// of is the frame in codec c; it is encoded at the first question after reset. nil when there is
// no place left for one more codec.
func (e *encoded) of(c *codec.Codec, frame []int16) []byte {
	for i := range e.used {
		if e.entries[i].codec == c {
			return e.entries[i].payload
		}
	}
	if e.used == maxCodecs {
		return nil
	}
	entry := &e.entries[e.used]
	if cap(entry.payload) < c.FrameBytes() {
		return nil
	}
	entry.codec, entry.payload = c, entry.payload[:c.FrameBytes()]
	c.Encode(entry.payload, frame)
	e.used++
	return entry.payload
}
