package media

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// LegConfig is what a leg needs besides its socket.  The zero value is good.
type LegConfig struct {
	JitterMax time.Duration // the most audio that the jitter buffer may hold back; zero: 100 ms
	Epoch     time.Time     // the wall time of now == 0, for LastHeard; zero: the machine's monotonic clock
}

// Leg is the media end of one call.
type Leg struct {
	conn    Conn
	session Session
	frame   []int16
	digits  []byte
	control control
	release func(*Leg)
	opened  time.Time

	mu   sync.Mutex
	loop *Loop
	shut bool
}

// LegStats are counters of one leg.
type LegStats struct {
	PacketsIn, PacketsOut uint64
}

// NewLeg makes a leg over any Conn.
func NewLeg(cfg LegConfig, conn Conn) *Leg {
	return &Leg{conn: conn, opened: time.Now(), frame: make([]int16, 160)}
}

func (l *Leg) LocalAddr() netip.AddrPort             { return l.conn.LocalAddr() }
func (l *Leg) Update(s Session)                      { l.session = s }
func (l *Leg) Press(digit byte)                      {}
func (l *Leg) LastHeard() time.Time                  { return l.opened }
func (l *Leg) Stats() LegStats                       { return LegStats{} }
func (l *Leg) Close()                                {}
func (l *Leg) Pull(now int64) []int16                { return l.frame }
func (l *Leg) Heard() bool                           { return false }
func (l *Leg) Level() int                            { return -127 }
func (l *Leg) Digits() []byte                        { return l.digits }
func (l *Leg) Held() bool                            { return l.session.Held }
func (l *Leg) Push(now int64, frame []int16)         {}
func (l *Leg) PushEncoded(now int64, payload []byte) {}
func (l *Leg) Codec() *codec.Codec                   { return codec.PCMA }
func (l *Leg) attach(loop *Loop) bool                { l.loop = loop; loop.legs.Add(1); return true }
func (l *Leg) detach(loop *Loop)                     { l.loop = nil; loop.legs.Add(-1) }
