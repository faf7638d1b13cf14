package media

import (
	"time"

	"github.com/sipconf/sipconf/codec"
)

// outbox gathers the code words of frames until they fill a packet of the agreed length.  A frame that is a packet by itself, as nearly all
// are, is made on the desk instead.  Owned by the leg's owner.
type outbox struct {
	filled uint32                       // bytes gathered
	full   uint32                       // bytes of a whole packet
	frame  uint32                       // bytes of a frame
	units  uint32                       // timestamp units of a frame
	packet *[headerSize + 2*maxOut]byte // room for what is gathered, and one frame more; nil as long as a frame is a packet
}

// maxOut is the most payload of ours: 60 ms of a codec with 64 kbit/s.
const maxOut = 480

// whole says whether a frame is a packet by itself.
func (o *outbox) whole() bool { return o.full == o.frame }

// size sets the packet time and the codec.
func (o *outbox) size(ptime time.Duration, c *codec.Codec) {
	o.frame, o.units = uint32(c.FrameBytes()), uint32(c.ClockRate/50)
	o.full = o.frame * uint32(ptime/time.Millisecond) / 20
	if !o.whole() && o.packet == nil {
		o.packet = new([headerSize + 2*maxOut]byte) // once in a negotiation
	}
}

// empty drops what is gathered; the timestamps go on over it.
func (o *outbox) empty(s *Sender) {
	if o.filled > 0 {
		s.TS += o.unitsOf(o.filled)
		s.Marker = true
		o.filled = 0
	}
}

func (o *outbox) unitsOf(bytes uint32) uint32 { return bytes * o.units / o.frame }

// Push sends one frame.  A shorter one is filled up with silence; a peer on hold gets silence.  now as in Pull.  Owner only.
func (l *Leg) Push(now int64, frame []int16) {
	room := l.room(now)
	if room == nil || l.state.Keying.active() && l.key(room) {
		return
	}
	n := 0
	if !l.state.Agreed.Held {
		n = l.codec.Encode(room, frame)
	}
	l.post(room, n)
}

// PushEncoded sends one frame that is encoded for Codec already: the mix that all listeners share.  Else like Push.  Owner only.
func (l *Leg) PushEncoded(now int64, payload []byte) {
	room := l.room(now)
	if room == nil || l.state.Keying.active() && l.key(room) {
		return
	}
	n := 0
	if !l.state.Agreed.Held {
		n = copy(room, payload)
	}
	l.post(room, n)
}

// room moves the clock of the stream on to this frame and returns where its code words go; nil when nothing was agreed yet.
// RFC 3550 section 5.1: the timestamp is the time of the sound, so it goes on over ticks that were skipped and over
// time without an address, as a clock on the wall would.
func (l *Leg) room(now int64) []byte {
	if l.shut.Load() || l.state.Agreed.Codec == "" {
		return nil
	}
	s, o := &l.state.Sender, &l.out
	if s.Clock == 0 {
		s.Clock = now
	}
	if missed := (now - s.Clock) / int64(frameTime); missed > 0 {
		o.empty(s)
		s.TS += uint32(missed) * o.units
		s.Clock += missed * int64(frameTime)
		s.Marker = true
	}
	s.Clock += int64(frameTime)
	if o.whole() {
		return l.desk().packet[headerSize:][:o.frame]
	}
	return o.packet[headerSize+o.filled:][:o.frame]
}

// post fills up the frame, of which n bytes are written, and sends the packets that are full.
func (l *Leg) post(room []byte, n int) {
	if n < len(room) {
		silence := l.codec.Silence()
		for i := n; i < len(room); i++ {
			room[i] = silence
		}
	}
	o := &l.out
	if o.whole() {
		l.send(l.work.packet[:headerSize+o.full])
		l.state.Sender.TS += o.units
		return
	}
	for o.filled += o.frame; o.filled >= o.full; {
		l.send(o.packet[:headerSize+o.full])
		l.state.Sender.TS += o.unitsOf(o.full)
		o.filled -= o.full
		if o.filled > 0 {
			copy(o.packet[headerSize:], o.packet[headerSize+o.full:][:o.filled])
		}
	}
}

// send sends one packet of sound, of which the payload is in place.
func (l *Leg) send(b []byte) {
	s := &l.state.Sender
	s.Marker = !l.put(b, l.state.Agreed.PayloadType, s.TS, s.Marker)
}

// put sends one packet, if there is an address to send it to; false: there is none.
func (l *Leg) put(b []byte, typ uint8, ts uint32, marker bool) bool {
	s := &l.state.Sender
	to := l.state.Latch.Source
	if !l.tied {
		if to = l.state.Latch.destination(); !to.IsValid() {
			return false
		}
	}
	h := &l.desk().header
	h.Version, h.Marker, h.PayloadType = 2, marker, typ
	h.SequenceNumber, h.Timestamp, h.SSRC = s.Seq, ts, s.SSRC
	if _, err := h.MarshalTo(b); err != nil {
		return true // only a buffer shorter than the header could make one
	}
	s.Seq++
	if !l.conn.Send(b, to) {
		l.state.Figures.SendFailed++
		return true
	}
	l.state.Figures.PacketsOut++
	l.state.Figures.BytesOut += uint64(len(b) - headerSize)
	return true
}
