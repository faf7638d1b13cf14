package media

import (
	"sync"
	"time"
)

// showEvery is how many ticks go by between two copies of a leg's figures for others, and a few more, until all is taken that waits: 320 to 380 ms, or
// 640 if ever more comes.
const showEvery = 16

// board is where the owner of a leg puts a copy of its figures, for whoever is not the owner.  The figures themselves are plain numbers: an
// atomic one would empty the processor's store buffer at each change, a dozen times in a tick.
type board struct {
	mu   sync.Mutex // the tick only tries it, and puts up the next copy if somebody is reading this one
	copy notice
}

// notice is what hangs on the board.
type notice struct {
	stats     LegStats
	heardAt   int64  // when the peer's RTP was last heard, in the ticks' time; 0: never
	sentTS    uint32 // timestamp of the sound that is due
	sentAt    int64  // at this time
	clockRate uint32
	ssrc      uint32        // of the source now heard
	newest    uint32        // its newest sequence number, unwrapped
	expected  uint32        // packets of it
	missing   int64         // of these, that never came
	noise     uint32        // its jitter in timestamp units
	playing   bool          // there is something to play, so that
	held      time.Duration // so much is on hand after the tick
}

// shown is the last copy.  From any goroutine.
func (l *Leg) shown() notice {
	l.board.mu.Lock()
	defer l.board.mu.Unlock()
	return l.board.copy
}

// showNowAndThen puts up a copy every showEvery ticks, at the end of the tick.  Owner only.
func (l *Leg) showNowAndThen() {
	l.ticks++
	all := l.undrained == 0 || l.ticks >= 2*showEvery // of a leg that is flooded never all
	if l.ticks >= showEvery && all && l.board.mu.TryLock() {
		l.ticks, l.board.copy = 0, l.notice()
		l.board.mu.Unlock()
	}
}

// show puts up a copy now: the last one of this owner.  Owner only, not in the tick.
func (l *Leg) show() {
	l.board.mu.Lock()
	l.board.copy = l.notice()
	l.board.mu.Unlock()
}

func (l *Leg) notice() notice {
	s := &l.state
	return notice{
		stats: l.Stats(), heardAt: s.Figures.HeardAt, clockRate: uint32(l.codec.ClockRate),
		sentTS: s.Sender.TS + l.out.unitsOf(l.out.filled), sentAt: s.Sender.Clock,
		ssrc: s.Source.SSRC, newest: uint32(s.Source.Seqs.Newest), expected: uint32(s.Source.Seqs.Expected()), missing: s.Source.Seqs.Lost(),
		noise:   uint32(s.Source.Jitter),
		playing: l.jitter.Playing, held: frameTime * time.Duration(l.jitter.onHand()) / time.Duration(l.jitter.Frame),
	}
}

// LastHeard is when the last valid RTP or RTCP packet of the peer came, or when the leg was opened: RTP is known some 300 ms later, RTCP after up to
// three seconds (lookEvery).
func (l *Leg) LastHeard() time.Time {
	if at := max(l.shown().heardAt, l.control.heardAt.Load()); at != 0 {
		return l.epoch.Add(time.Duration(at))
	}
	return l.opened
}
