package media

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// LegState is all that a leg knows of its call: plain data without pointers, functions, channels or contexts, so that it can be written
// down and given to another process, which goes on with the same SSRC, sequence numbers and timestamps.  The sound on hand, and what is between the
// leg and others, is in LegImage beside it.  Owned by the leg's owner.
type LegState struct {
	// What each tick needs lies together, here and where two of the others meet, each time in as few lines of the cache as hold it: Leg.Fetch.
	Sender    Sender
	Source    Source
	Stillness Stillness
	Levelling Levelling
	Figures   Figures // its first four

	Playout JitterState
	Echoes  Echoes
	Keying  Keying // its end,
	Latch   Latch  // and the beginning
	Tones   Tones
	Presses Presses // its end,
	Agreed  Agreed  // and the beginning
	Music   Music
	Muting  Muting // where the sound of presses lies; its end, and then the playout in use
}

// Agreed is a Session with the codec by its name.
type Agreed struct {
	Codec       string // "": nothing agreed yet
	PayloadType uint8
	EventType   uint8
	Held        bool
	Listens     bool
	Mux         bool // no tick needs what follows
	EventRate   int
	Ptime       time.Duration
	Signalling  netip.Addr
	Remote      netip.AddrPort
	RemoteRTCP  netip.AddrPort
}

func agreed(s Session) Agreed {
	return Agreed{
		Codec: s.Codec.Name, PayloadType: s.PayloadType, EventType: s.EventType, EventRate: s.EventRate, Ptime: s.Ptime, Held: s.Held, Listens: s.Listens,
		Remote: s.Remote, RemoteRTCP: s.RemoteRTCP, Mux: s.Mux, Signalling: s.Signalling,
	}
}

// Sender is the stream that we send: one SSRC for as long as the leg lives, whatever is negotiated in between.
type Sender struct {
	SSRC   uint32
	TS     uint32 // of the next packet
	Clock  int64  // when the next frame is due; 0: nothing was pushed yet
	Seq    uint16 // of the next packet
	Marker bool   // the next packet comes after a gap
}

// newSender begins at random places: RFC 3550 section 5.1 (so that encryption has no known plaintext), and so that two calls in a row
// on one port are told apart.
func newSender() Sender {
	return Sender{SSRC: rand.Uint32(), Seq: uint16(rand.Uint32()), TS: rand.Uint32(), Marker: true}
}

// Source is the stream that the peer sends.
type Source struct {
	Known   bool
	Waited  bool  // nothing came in the tick before the last packet
	Again   uint8 // packets of Old in a row
	SSRC    uint32
	Old     uint32 // the SSRC before this one, whose late packets are none of ours; SSRC itself: there is none
	TS      uint32 // the newest timestamp, and
	Ext     int64  // the same, unwrapped
	Last    int64  // when the last packet came
	Transit int64  // RFC 3550 A.8, in timestamp units
	Jitter  float64
	Seqs    Sequence
}

// oldAgain is how many packets of the old SSRC in a row show that the peer is back at it: no network overtakes 60 ms.
const oldAgain = 3

// overtaken says whether a packet is one of the old SSRC that the new one has overtaken.  It may also be a second voice beside the new
// one; to follow both would tear both to pieces.
func (s *Source) overtaken(ssrc uint32, now int64) bool {
	if !s.Known || ssrc == s.SSRC || ssrc != s.Old {
		s.Again = 0
		return false
	}
	s.Again++
	return s.Again < oldAgain && now-s.Last < int64(200*time.Millisecond)
}

// negotiated forgets the old SSRC: who comes back from music on hold, or from a transfer that failed, is back at once.
func (s *Source) negotiated() { s.Old, s.Again = s.SSRC, 0 }

// unwrap places a timestamp next to the newest one, so that 32 bits never run over.
func (s *Source) unwrap(ts uint32) int64 {
	ext := s.Ext + int64(int32(ts-s.TS))
	if ext > s.Ext {
		s.Ext, s.TS = ext, ts
	}
	return ext
}

// arrived measures the jitter as RFC 3550 section 6.4.1 and A.8 want it.  now is when the packet came; a socket that
// does not know has all packets of one tick come at its deadline.
func (s *Source) arrived(now int64, ts uint32, rate int) {
	transit := int64(int32(uint32(now/1000*int64(rate)/1_000_000) - ts))
	if s.Transit != 0 {
		d := int64(int32(transit - s.Transit)) // modulo 2^32, as the timestamps are (RFC 3550 section A.8)
		if d < 0 {
			d = -d
		}
		s.Jitter += (float64(d) - s.Jitter) / 16
	}
	s.Transit = transit
}
