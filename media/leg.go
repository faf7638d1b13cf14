package media

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/codec"
)

const (
	maxDatagram = 2048                   // longer ones are cut; 200 ms of G.711 are 1,612 bytes
	maxPacket   = 200 * time.Millisecond // RFC 3551 section 4.2: receivers should accept packets of up to 200 ms
	perTick     = 64                     // packets that a leg takes in one tick: a flood is its own leg's trouble
	maxDigits   = 32                     // keys reported in one tick
)

// LegConfig is what a leg needs besides its socket.  The zero value is good.
type LegConfig struct {
	MuteMusic bool          // whether music is kept out of the mix (Music)
	Level     bool          // the peer's voice is brought to -23 dBFS (Levelling)
	JitterMax time.Duration // the longest that a packet may wait until it is played, MostJitter at most; zero: 120 ms
	Epoch     time.Time     // the wall time at which now is 0, for LastHeard; zero: as the monotonic clock of the machine has it
}

// Leg is the media end of one call: its sockets, what it receives, what it sends.  Engine.Open makes one; NewLeg makes
// one over any Conn.  It must be closed.
//
// Pull, Push and all that says "owner" are for the owner only: the goroutine that opened the leg, or the loop that has attached it, or a Hand that has
// taken it for that loop.
// Update, Press, LastHeard, LocalAddr and Close may be called from any goroutine.
type Leg struct {
	// What each tick needs comes first: Fetch.
	conn   Conn
	orders atomic.Pointer[order] // the newest first
	shut   atomic.Bool           // nothing may touch conn any more

	// The owner's, as is the state.
	mutesMusic bool // as LegConfig has it
	levels     bool // the same
	tied       bool // the socket is connected to the source
	heard      bool
	ticks      uint8 // since the figures were put up on the board
	undrained  uint8 // ticks since all was taken that waited: for so long a packet that is read may have
	level      int32 // of the frame; levelUnknown until asked
	codec      *codec.Codec
	work       *scratch
	mux        *muxed  // RTCP over the RTP socket; nil: it has its own
	frame      []int16 // the frame of this tick
	digits     []byte
	out        outbox
	state      LegState
	jitter     jitter

	jitterMax time.Duration // as LegConfig has it
	epoch     time.Time     // the same

	given   atomic.Bool // its call lives on in another process, unless the engine's pause ends
	opened  time.Time
	release func(*Leg) // gives the ports back
	control control    // RTCP
	board   board      // the figures, for others

	mu      sync.Mutex
	loop    *Loop
	closing bool
	closed  chan struct{}
}

// NewLeg makes a leg over conn, which nobody else may use from now on.  It sends and hears nothing until Update.
func NewLeg(cfg LegConfig, conn Conn) *Leg {
	l := &Leg{conn: conn, opened: time.Now(), codec: codec.PCMA, closed: make(chan struct{})}
	l.configure(cfg)
	l.state.Sender = newSender()
	l.control = newControl(l.state.Sender.SSRC)
	l.digits = make([]byte, 0, maxDigits)
	l.use(codec.PCMA)
	return l
}

// configure is told once, before anything else.
func (l *Leg) configure(cfg LegConfig) {
	l.mutesMusic, l.levels, l.jitterMax, l.epoch = cfg.MuteMusic, cfg.Level, cfg.JitterMax, cfg.Epoch
	if l.epoch.IsZero() {
		l.epoch = epoch
	}
}

// LocalAddr is where the leg receives RTP; RTCP is one port above.
func (l *Leg) LocalAddr() netip.AddrPort { return l.conn.LocalAddr() }

// Update tells the leg what a negotiation has agreed, the first one and every later one, also when nothing has changed
// (Latch).  It takes effect at the next Pull.  SSRC, sequence numbers and timestamps go on.
// A Session without a codec is our own bug, and panics.
func (l *Leg) Update(s Session) {
	if s.Codec == nil {
		panic("media: a session without a codec")
	}
	s.Remote, s.RemoteRTCP, s.Signalling = unmapped(s.Remote), unmapped(s.RemoteRTCP), s.Signalling.Unmap().WithZone("")
	l.give(&order{session: &s, mux: l.control.negotiated(s, l.conn.LocalAddr())})
}

// Press reports a key that came by SIP INFO.  It appears among the Digits of the next Pull, unless it is the echo of one that came by
// RTP (Echoes).
func (l *Leg) Press(digit byte) { l.give(&order{digit: digit}) }

// Codec is the agreed codec, as of the last Pull or Attach; PCMA before any agreement.  Owner only.
func (l *Leg) Codec() *codec.Codec { return l.codec }

// Held says whether the peer is on hold, as of the last Pull.  Owner only.
func (l *Leg) Held() bool { return l.state.Agreed.Held }

// Listens says whether the peer only listens, as of the last Pull.  Owner only.
func (l *Leg) Listens() bool { return l.state.Agreed.Listens }

// State is a copy of all that the leg knows of its call.  Owner only.
func (l *Leg) State() LegState {
	s := l.state
	s.Playout = l.jitter.JitterState
	return s
}

// negotiated carries out an Update.
func (l *Leg) negotiated(s Session) {
	before := l.state.Agreed
	l.state.Agreed = agreed(s)
	l.state.Latch.negotiated(s.Remote, s.Signalling)
	l.tie(netip.AddrPort{})
	l.state.Source.negotiated()
	if s.EventType != 0 {
		l.state.Tones = Tones{}
	}
	if before.Codec != s.Codec.Name {
		l.use(s.Codec)
	} else if before.Ptime != s.Ptime {
		l.out.empty(&l.state.Sender)
	}
	l.out.size(s.packetTime(), l.codec)
	if s.Held || s.Listens {
		l.jitter.stop()
	}
}

// tie connects the socket to the peer, or lets others in again.
func (l *Leg) tie(peer netip.AddrPort) {
	l.tied = peer.IsValid()
	l.conn.Connect(peer)
}

// use makes ready for frames of the codec.
func (l *Leg) use(c *codec.Codec) {
	l.out.empty(&l.state.Sender)
	l.codec = c
	l.jitter.setUp(c.FrameSize(), l.jitterMax)
	l.out.size(frameTime, c)
}
