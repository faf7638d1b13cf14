package media

import (
	"encoding/binary"
	"math"
	"strings"
)

// SendKeys sends keys from the next Push on, in the place of what is pushed and of those that it was sending before: one of these that is under
// way has its end told.  Keys without strokes end it.  They are events (RFC 4733) if the peer takes them, else tones in the sound.
// While the peer is on hold no key begins.  Owner only.
func (l *Leg) SendKeys(k Keys) { l.state.Keying.set(k, l.streamTime(), l.out.units) }

// SendingKeys says whether any are still to be sent, or the gap behind the last one is not over.  Owner only.
func (l *Leg) SendingKeys() bool { return l.state.Keying.active() }

// TakesEvents says whether the peer takes keys as events, as of the last Pull.  An event counts by the clock of the sound; where another one
// was agreed we send none.  Owner only.
func (l *Leg) TakesEvents() bool { return l.state.Agreed.EventType != 0 && l.shareClock() }

// streamTime is the timestamp of the frame that comes next.
func (l *Leg) streamTime() uint32 { return l.state.Sender.TS + l.out.unitsOf(l.out.filled) }

// key sends this frame's part of the keys, of which the sound goes into room; false: it has none.
func (l *Leg) key(room []byte) bool {
	held := l.state.Agreed.Held
	free := !held && l.state.Latch.destination().IsValid()
	switch c := l.state.Keying.frame(l.streamTime(), l.out.units, free, l.TakesEvents()); c.part {
	case partRest:
		l.post(room, 0)
	case partTone:
		n := 0
		if !held {
			n = l.codec.Encode(room, l.tone(c))
		}
		l.post(room, n)
	case partEvent:
		l.sendEvent(c)
	default:
		return false
	}
	return true
}

// sendEvent sends a packet of RFC 4733.  What sound is gathered goes before it, in a packet that is shorter than agreed.
// Section 2.5.1.2: the marker is on the first packet of an event, and its timestamp is that of the beginning; sound goes on where the clock is then.
func (l *Leg) sendEvent(c cue) {
	const volume = 10 // -10 dBm0
	s, o := &l.state.Sender, &l.out
	if o.filled > 0 {
		l.send(o.packet[:headerSize+o.filled])
		s.TS += o.unitsOf(o.filled)
		o.filled = 0
	}
	b := l.desk().packet[:headerSize+4]
	payload := b[headerSize:]
	payload[0], payload[1] = uint8(strings.IndexByte(eventCodes, c.key)), volume
	if c.end {
		payload[1] |= 0x80
	}
	binary.BigEndian.PutUint16(payload[2:], c.duration)
	l.put(b, l.state.Agreed.EventType, c.ts, c.first)
	s.TS += o.units
	s.Marker = true // the sound comes after a gap
}

// The tones of a key as we send them: the column 2 dB louder than the row, as lines take more of what is high.  Over the first and
// the last 2 ms it fades, for a tone that began at once would click.
const (
	rowPeak = 8098.0  // -9 dBm0; a sine that just fits 16 bits has 3.14 (ITU-T G.711)
	colPeak = 10195.0 // -7 dBm0
	keyFade = 0.002   // seconds
)

// tone is a frame of a key.  It takes 9 us, for as long as the key is down.
func (l *Leg) tone(c cue) []int16 {
	rate, perUnit := float64(l.codec.Rate), float64(l.codec.Rate)/float64(l.codec.ClockRate)
	at, length, fade := float64(c.at)*perUnit, float64(c.length)*perUnit, keyFade*rate
	row, col := toneOf(c.key)
	pcm := l.desk().pcm[:l.codec.FrameSize()]
	for i := range pcm {
		n := at + float64(i)
		turn := 2 * math.Pi * n / rate
		loud := max(0, min(1, n/fade, (length-1-n)/fade))
		pcm[i] = int16(math.Round(loud * (rowPeak*math.Sin(row*turn) + colPeak*math.Sin(col*turn))))
	}
	return pcm
}

// toneOf is the row and the column of a key, in Hz.
func toneOf(key byte) (row, col float64) {
	for r, keys := range toneKeys {
		if c := strings.IndexByte(keys, key); c >= 0 {
			return toneHertz[r], toneHertz[4+c]
		}
	}
	return 0, 0
}
