package rooms

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// scene is a room without a loop and without sockets: the test is its loop, and ticks it by hand.
type scene struct {
	testing.TB
	room   *Room
	events *queue
	phones []*phone
	legs   media.LegConfig // of those who join
	now    int64
}

// phone is somebody at the other end of a leg. What he says goes in as RTP packets, what he hears
// comes out of them.
type phone struct {
	scene  *scene
	name   string
	codec  *codec.Codec
	wire   *wire
	leg    *media.Leg
	p      *Participant
	agreed media.Session

	says   func(sample int) int16 // what he says at a sample; nil: he sends nothing
	spoken int                    // how many samples he has sent
	seq    uint16

	heard    []int16 // all that he has heard
	packets  int     // in how many packets
	payload  []byte  // of the last packet
	pulled   []int16 // what the room pulled from his leg in the last tick
	wasHeard bool    // whether it was in the mix
}

// wire is a media.Conn in memory: packets from the phone wait in it, packets to the phone pile up.
type wire struct {
	local    netip.AddrPort
	from     netip.AddrPort
	incoming [][]byte
	outgoing [][]byte
}

func (w *wire) Recv(b []byte) (int, netip.AddrPort, bool) {
	if len(w.incoming) == 0 {
		return 0, netip.AddrPort{}, false
	}
	n := copy(b, w.incoming[0])
	w.incoming = w.incoming[1:]
	return n, w.from, true
}

func (w *wire) Send(b []byte, _ netip.AddrPort) bool {
	w.outgoing = append(w.outgoing, append([]byte(nil), b...))
	return true
}

func (w *wire) Connect(netip.AddrPort)    {}
func (w *wire) Arrived() int64            { return 0 }
func (w *wire) LocalAddr() netip.AddrPort { return w.local }
func (w *wire) Close() error              { return nil }

// newScene makes a room with tones.
func newScene(t testing.TB) *scene {
	events := newQueue(1024)
	return &scene{TB: t, room: newRoom("5234", nil, newWork(), newTones(mixRate), events), events: events, now: int64(time.Hour)}
}

// newQuietScene makes a room without tones.
func newQuietScene(t testing.TB) *scene {
	s := newScene(t)
	s.room.tones = nil
	return s
}

// joins lets somebody call and join with that codec.
func (s *scene) joins(name string, c *codec.Codec) *phone {
	s.Helper()
	ph := s.comes(name, c)
	s.room.enter(ph.p)
	return ph
}

// comes lets somebody call and come into the ante-room.
func (s *scene) comes(name string, c *codec.Codec) *phone {
	s.Helper()
	ph := s.calls(name, c)
	seat := &Seat{room: s.room}
	seat.state.Store(taken)
	ph.p = &Participant{id: "call-" + name, name: name, number: fmt.Sprint(99 + len(s.phones)), since: time.Now(), leg: ph.leg, seat: seat}
	s.room.receive(ph.p)
	return ph
}

// calls lets somebody call whom no room has taken in.
func (s *scene) calls(name string, c *codec.Codec) *phone {
	s.Helper()
	port := uint16(20000 + 2*len(s.phones))
	w := &wire{
		local: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
		from:  netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), port),
	}
	ph := &phone{scene: s, name: name, codec: c, wire: w, leg: media.NewLeg(s.legs, w)}
	ph.agreed = media.Session{
		Remote: w.from, Codec: c, PayloadType: c.PayloadType,
		EventType: 101, EventRate: 8000, Ptime: 20 * time.Millisecond,
	}
	ph.leg.Update(ph.agreed)
	ph.p = &Participant{phase: gone}
	s.phones = append(s.phones, ph)
	return ph
}

// leaves takes him out of the room.
func (ph *phone) leaves(reason string) {
	ph.scene.Helper()
	for i, p := range ph.scene.room.members {
		if p == ph.p {
			ph.scene.room.exit(i, reason)
			return
		}
	}
	ph.scene.Fatalf("%s is not in the room", ph.name)
}

// renegotiates lets SIP agree on something else.
func (ph *phone) renegotiates(change func(*media.Session)) {
	change(&ph.agreed)
	ph.leg.Update(ph.agreed)
}

// speaks lets him say a tone of that pitch, so loud that a sample is at most peak.
func (ph *phone) speaks(pitch, peak float64) {
	ph.says = func(i int) int16 {
		return int16(math.Round(peak * math.Sin(2*math.Pi*pitch*float64(i)/float64(ph.codec.Rate))))
	}
}

// listens lets him send silence, as a muted phone does.
func (ph *phone) listens() { ph.says = func(int) int16 { return 0 } }

// ticks lets so many ticks of 20 ms go by: everybody sends a packet, the room works, everybody
// receives.
func (s *scene) ticks(n int) {
	s.Helper()
	for range n {
		for _, ph := range s.phones {
			ph.send()
		}
		s.room.Tick(s.now)
		s.now += int64(20 * time.Millisecond)
		for _, ph := range s.phones {
			ph.receive()
		}
	}
}

// send puts 20 ms of what he says on the wire.
func (ph *phone) send() {
	if ph.says == nil {
		return
	}
	frame := make([]int16, ph.codec.FrameSize())
	for i := range frame {
		frame[i] = ph.says(ph.spoken + i)
	}
	payload := make([]byte, ph.codec.FrameBytes())
	ph.codec.Encode(payload, frame)
	ph.sendPacket(ph.codec.PayloadType, uint32(ph.spoken), payload)
	ph.spoken += len(frame)
}

// sendPacket puts an RTP packet on the wire (RFC 3550 section 5.1: V=2, no padding, extension or CSRC).
func (ph *phone) sendPacket(payloadType byte, ts uint32, payload []byte) {
	b := []byte{0x80, payloadType}
	b = binary.BigEndian.AppendUint16(b, ph.seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	b = binary.BigEndian.AppendUint32(b, 0x5eed0000+uint32(ph.wire.local.Port()))
	ph.seq++
	ph.wire.incoming = append(ph.wire.incoming, append(b, payload...))
}

// receive takes what the room sent him in this tick.
func (ph *phone) receive() {
	ph.scene.Helper()
	for _, b := range ph.wire.outgoing {
		ph.packets++
		if len(b) != 12+ph.codec.FrameBytes() || b[0] != 0x80 || b[1]&0x7f != ph.codec.PayloadType {
			ph.scene.Fatalf("%s got a strange packet: % x", ph.name, b[:min(len(b), 16)])
		}
		ph.payload = b[12:]
		frame := make([]int16, ph.codec.FrameSize())
		ph.codec.Decode(frame, ph.payload)
		ph.heard = append(ph.heard, frame...)
	}
	ph.wire.outgoing = nil
	ph.pulled = append(ph.pulled[:0], ph.p.frame...)
	ph.wasHeard = ph.p.heard
}

// forgets lets him forget what he has heard so far, so that the next question is about what comes.
func (ph *phone) forgets() {
	ph.heard, ph.packets = nil, 0
}

// forget is forgets for all.
func (s *scene) forget() {
	for _, ph := range s.phones {
		ph.forgets()
	}
}

// dB is the level of a pitch in what he has heard since he forgot; 0 dB is a tone of full scale.
func (ph *phone) dB(pitch float64) float64 {
	ph.scene.Helper()
	if len(ph.heard) < 5*ph.codec.FrameSize() {
		ph.scene.Fatalf("%s has heard %d samples, too few to say what", ph.name, len(ph.heard))
	}
	return 10 * math.Log10(power(ph.heard, pitch)*2/(32767*32767)+1e-12)
}

// hears fails unless he has heard the pitch at the level of that peak, within 1 dB. G.711 changes the
// level of a tone by less than 0.3 dB (ITU-T G.712 allows as much); the rest is the edge of the window.
func (ph *phone) hears(pitch, peak float64) {
	ph.scene.Helper()
	if got, want := ph.dB(pitch), 20*math.Log10(peak/32767); math.Abs(got-want) > 1 {
		ph.scene.Errorf("%s hears %.0f Hz at %.1f dBFS, want %.1f", ph.name, pitch, got, want)
	}
}

// hearsNo fails if there is anything of the pitch: -60 dBFS is 40 dB below the softest tone of the
// tests, and above what quantising the other tones leaves there.
func (ph *phone) hearsNo(pitch float64) {
	ph.scene.Helper()
	if got := ph.dB(pitch); got > -60 {
		ph.scene.Errorf("%s hears %.0f Hz at %.1f dBFS, want nothing", ph.name, pitch, got)
	}
}

// hearsSilence fails unless every code word he got since he forgot is that of silence.
func (ph *phone) hearsSilence() {
	ph.scene.Helper()
	nothing := make([]int16, 1)
	ph.codec.Decode(nothing, []byte{ph.codec.Silence()})
	if len(ph.heard) == 0 {
		ph.scene.Errorf("%s gets no packets at all", ph.name)
	}
	for i, s := range ph.heard {
		if s != nothing[0] {
			ph.scene.Errorf("%s hears %d at sample %d, want silence", ph.name, s, i)
			return
		}
	}
}

// hearsTone returns at which frames since he forgot that tone began, sample by sample; so only for
// those who hear nothing else.
func (ph *phone) hearsTone(tone tone) (begins []int) {
	size := ph.codec.FrameSize()
	for f := 0; f+len(tone) <= len(ph.heard)/size; f++ {
		if ph.same(ph.heard[f*size:(f+len(tone))*size], tone) {
			begins = append(begins, f)
		}
	}
	return begins
}

// same compares what was heard with a tone that went through his codec.
func (ph *phone) same(heard []int16, tone tone) bool {
	for f, frame := range tone {
		for i, s := range ph.throughCodec(frame) {
			if heard[f*len(frame)+i] != s {
				return false
			}
		}
	}
	return true
}

// throughCodec is what becomes of a frame on the wire.
func (ph *phone) throughCodec(frame []int16) []int16 {
	payload, out := make([]byte, ph.codec.FrameBytes()), make([]int16, len(frame))
	ph.codec.Encode(payload, frame)
	ph.codec.Decode(out, payload)
	return out
}

// happened returns the events since the last question, as "kind call-id".
func (s *scene) happened() (events []string) {
	for e, ok := s.events.take(); ok; e, ok = s.events.take() {
		line := e.Kind.String() + " " + e.Call
		switch e.Kind {
		case Pressed:
			line += " " + string(rune(e.Digit))
		case Left:
			line += " " + e.Reason
		case AskedAgain:
			line += " " + fmt.Sprint(e.First)
		}
		events = append(events, line)
	}
	return events
}

// presses lets him press a key for a moment (RFC 4733).
func (ph *phone) presses(key byte) {
	event := strings.IndexByte("0123456789*#ABCD", key)
	for i, duration := range []uint16{160, 320, 320} {
		payload := binary.BigEndian.AppendUint16([]byte{byte(event), 10}, duration)
		if i > 0 {
			payload[1] |= 0x80 // the end
		}
		ph.sendPacket(101, uint32(ph.spoken), payload)
	}
	ph.spoken += 320
}
