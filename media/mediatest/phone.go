package mediatest

import (
	"encoding/binary"
	"iter"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// EventType is the payload type of telephone-event in the sessions of phones.
const EventType = 101

// Phone is the peer of a Leg: it sends what it says, 20 ms at a Tick, and keeps what the leg sends.
// Not safe for concurrent use; its Leg may be used by another goroutine.
type Phone struct {
	Leg  *media.Leg
	Conn *Conn
	Addr netip.AddrPort // where its packets come from, and what its SDP says

	// The stream it sends; tests may change them at any time.
	Codec  *codec.Codec
	SSRC   uint32
	Seq    uint16
	TS     uint32
	Silent bool  // sends nothing at all, as with silence suppression
	Now    int64 // when its packets come, by the ticks' clock; 0: the leg does not know

	tone    float64 // Hz; 0: silence
	phase   float64
	keys    []keyStep
	dialled []int16 // keys in its sound
}

// keyStep is one tick of a key press; key is 0 in the pause between two.
type keyStep struct {
	key        byte
	first, end bool
	ts         uint32
	duration   uint16
}

var phones atomic.Uint32

// NewPhone makes a phone and the Leg that talks to it, already negotiated: codec c, telephone-event 101, 20 ms.
// The leg is closed when the test ends.
func NewPhone(tb testing.TB, c *codec.Codec) *Phone { return NewPhoneWith(tb, c, media.LegConfig{}) }

// NewPhoneWith is NewPhone for a leg with that configuration.
func NewPhoneWith(tb testing.TB, c *codec.Codec, cfg media.LegConfig) *Phone {
	n := phones.Add(1)
	host := func(last byte) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(n >> 8), last}) }
	p := &Phone{
		Conn: NewConn(netip.AddrPortFrom(host(1), uint16(20000+2*(n%5000)))), Addr: netip.AddrPortFrom(host(byte(n)), uint16(40000+2*(n%5000))),
		Codec: c, SSRC: 0x1000_0000 + n, Seq: uint16(n * 7919), TS: n * 104729,
	}
	cfg.Epoch = time.Now()
	p.Leg = media.NewLeg(cfg, p.Conn)
	p.Leg.Update(p.Session())
	tb.Cleanup(p.Leg.Close)
	return p
}

// Session is what offer/answer with this phone gives, to be changed and given to Leg.Update.
func (p *Phone) Session() media.Session {
	return media.Session{Remote: p.Addr, Codec: p.Codec, PayloadType: p.Codec.PayloadType, EventType: EventType, EventRate: p.Codec.ClockRate}
}

// Ticks counts n ticks: their times in nanoseconds, from 20 ms on.
func Ticks(n int) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range n {
			if !yield(int64(i+1) * int64(20*time.Millisecond)) {
				return
			}
		}
	}
}

// Says makes it say a tone from the next Tick on, at -12 dBov; 0 is silence (that is sent).
func (p *Phone) Says(hz float64) { p.tone, p.Silent = hz, false }

// Presses queues keys, each 100 ms long with a pause of 60 ms, as RFC 4733 events instead of sound: one packet a tick, the end three times.
func (p *Phone) Presses(keys string) {
	const held, pause = 5, 3
	ts := p.TS
	if n := len(p.keys); n > 0 {
		ts = p.TS + uint32(n)*p.units()
	}
	for _, key := range []byte(keys) {
		for i := range held + pause {
			step := keyStep{ts: ts}
			if i < held {
				step = keyStep{key: key, first: i == 0, end: i == held-1, ts: ts, duration: uint16(uint32(i+1) * p.units())}
			}
			p.keys = append(p.keys, step)
		}
		ts += (held + pause) * p.units()
	}
}

// Dials queues keys as tones in the sound, in the place of what it says, each so long and with such a pause behind it.
func (p *Phone) Dials(keys string, held, pause time.Duration) {
	for _, key := range []byte(keys) {
		p.dialled = append(p.dialled, Key(key, held, p.Codec.Rate)...)
		p.Pauses(pause)
	}
}

// Key is the sound of a key, both tones at -10 dBm0.
func Key(key byte, held time.Duration, rate int) []int16 {
	at := strings.IndexByte("123A456B789C*0#D", key)
	row, col := []float64{697, 770, 852, 941}[at/4], []float64{1209, 1336, 1477, 1633}[at%4]
	sound := make([]int16, int(held.Seconds()*float64(rate)))
	for i := range sound {
		turn := 2 * math.Pi * float64(i) / float64(rate)
		sound[i] = int16(math.Round(7217 * (math.Sin(row*turn) + math.Sin(col*turn)))) // a sine of that peak is -10 dBm0
	}
	return sound
}

// Babble is made-up speech, syllables at -12 to -24 dBov: the same with the same number, something else with another one.
func Babble(number uint64, length time.Duration, rate int) []int16 {
	random := rand.New(rand.NewPCG(number, 1))
	sound := make([]int16, int(length.Seconds()*float64(rate)))
	frame := rate / 50
	for at := 0; at < len(sound); {
		loud, pitch := 11600*math.Pow(10, -float64(random.IntN(12))/20), 120+random.Float64()*100
		end := min(at+(3+random.IntN(6))*frame, len(sound))
		for ; at < end; at++ {
			turn := 2 * math.Pi * pitch * float64(at) / float64(rate)
			sound[at] = int16(loud * (math.Sin(turn) + 0.5*math.Sin(3*turn)))
		}
		at += (1 + random.IntN(4)) * frame
	}
	return sound
}

// Pauses queues silence in the place of what it says, and before what it dials next.
func (p *Phone) Pauses(d time.Duration) {
	p.dialled = append(p.dialled, make([]int16, int(d.Seconds()*float64(p.Codec.Rate)))...)
}

// units is 20 ms of timestamps.
func (p *Phone) units() uint32 { return uint32(p.Codec.ClockRate / 50) }

// Tick sends 20 ms of what it says, and moves its clock.
func (p *Phone) Tick() {
	frame := p.Frame()
	switch {
	case len(p.keys) > 0:
		if step := p.keys[0]; step.key != 0 {
			p.Event(step.key, step.ts, step.duration, step.first, step.end)
		}
		p.keys = p.keys[1:]
	case !p.Silent:
		p.Sound(frame)
	}
	p.TS += p.units()
}

// Frame makes the next 20 ms of what it dials, or else of the tone.
func (p *Phone) Frame() []int16 {
	frame := make([]int16, p.Codec.FrameSize())
	if len(p.dialled) > 0 {
		p.dialled = p.dialled[copy(frame, p.dialled):]
	} else if p.tone > 0 {
		for i := range frame {
			frame[i] = int16(math.Round(11600 * math.Sin(p.phase))) // a sine of that peak is -12 dBov
			p.phase += 2 * math.Pi * p.tone / float64(p.Codec.Rate)
		}
	}
	return frame
}

// Sound sends one packet of sound at the timestamp TS; Tick moves TS, this does not.
func (p *Phone) Sound(frame []int16) {
	payload := make([]byte, len(frame))
	p.Codec.Encode(payload, frame)
	p.Packet(p.Codec.PayloadType, p.TS, false, payload)
}

// Event sends one event packet, three when it is the end.
func (p *Phone) Event(key byte, ts uint32, duration uint16, first, end bool) {
	payload := []byte{byte(strings.IndexByte("0123456789*#ABCD", key)), 10, 0, 0}
	binary.BigEndian.PutUint16(payload[2:], duration)
	times := 1
	if end {
		payload[1] |= 0x80
		times = 3
	}
	for range times {
		p.Packet(EventType, ts, first, payload)
	}
}

// Packet sends any RTP packet with the next sequence number.
func (p *Phone) Packet(typ uint8, ts uint32, marker bool, payload []byte) {
	packet := rtp.Packet{Header: rtp.Header{Version: 2, Marker: marker, PayloadType: typ, SequenceNumber: p.Seq, Timestamp: ts, SSRC: p.SSRC}, Payload: payload}
	b, err := packet.Marshal()
	if err != nil {
		panic(err) // a test that asks for the impossible
	}
	p.Seq++
	p.Conn.DeliverAt(p.Now, b, p.Addr)
}

// Received takes the packets that the leg has sent since the last call of it or Hears.
func (p *Phone) Received() []rtp.Packet {
	var packets []rtp.Packet
	p.Conn.Sent(func(b []byte, _ netip.AddrPort) {
		var packet rtp.Packet
		if err := packet.Unmarshal(append([]byte(nil), b...)); err != nil {
			panic(err) // the leg sent what is not RTP
		}
		packets = append(packets, packet)
	})
	return packets
}

// Hears takes what the leg has sent since the last call, as samples.
func (p *Phone) Hears() []int16 {
	var heard []int16
	for _, packet := range p.Received() {
		samples := make([]int16, p.Codec.Samples(len(packet.Payload)))
		p.Codec.Decode(samples, packet.Payload)
		heard = append(heard, samples...)
	}
	return heard
}

// Level is how loud a tone is in samples, in dBov (a full-scale sine is -3), by Goertzel's algorithm; -127 when there is none.
func Level(samples []int16, hz float64, rate int) float64 {
	w := 2 * math.Pi * hz / float64(rate)
	var s1, s2 float64
	for _, s := range samples {
		s1, s2 = float64(s)+2*math.Cos(w)*s1-s2, s1
	}
	power := s1*s1 + s2*s2 - 2*math.Cos(w)*s1*s2
	n := float64(len(samples))
	if n == 0 || power <= 0 {
		return -127
	}
	return max(-127, 10*math.Log10(2*power/(n*n)/(1<<30)))
}
