package links

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// Dialer brings the far side to the phone; *dialout.Dialer is one.
type Dialer interface {
	Dial(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result
	Continue(ctx context.Context, id string, watch func(dialout.Change)) dialout.Result
	Over(call string) <-chan struct{}
	Rules() *dialout.Rulebook
	Instance() string
}

// Call is what a link needs of a call that is answered; *sip.Call is one. What a Dialer dials must be one.
type Call interface {
	dialout.Call
	Gone() <-chan struct{} // closed when the far side knows that it has ended, or will never know
	HungUp() bool          // the far side has ended it, and meant to
	Reason() string        // how it ended, for the log; empty before that
}

// Answer is a call that the far side has answered. Seat is kept for it.
type Answer struct {
	Link   *Link // complete
	Script Script
	Room   dialout.Room
	Call   dialout.Call
	Seat   dialout.Seat // nil: none was kept
}

// News is what those who are in a room are told of its link.
type News uint8

const (
	Connected News = iota // the room and the far side hear each other
	Lost                  // they do not any more, and the far side is dialled again
)

// Config is what Links need. Immutable after New. It must have passed Check.
type Config struct {
	Links  []Link
	Lines  []Line
	Dialer Dialer // required

	// Connect sends the digits and brings the call into the room. It returns nil when the call is in, which it then stays until it ends. When ctx
	// is done nobody is in the room any more. The call is the link's to hang up, whatever Connect returns. Required.
	Connect func(ctx context.Context, a Answer) error

	Tell func(room dialout.Room, news News) // tells those who are in the room; does not block; nil: they are not told
	Luck func() float64                     // from 0 to 1, how much of the jitter a wait gets; nil: any
	Log  *slog.Logger                       // nil: nothing is logged

	Saved *Image               // what another process has left: the links begin paused, and Resume has them go on; nil: nothing
	Call  func(id string) Call // the calls of Saved that there are still, else nil; nil: there are none
}

// Links are all the links that there are. Safe for concurrent use. Create them with New.
type Links struct {
	cfg     Config
	keepers []*keeper
	inRoom  map[string][]*keeper
	stop    context.CancelCauseFunc
	closing <-chan struct{}
	running sync.WaitGroup
	panics  atomic.Uint64

	mu      sync.Mutex
	needs   map[string]*need // by the number of the room
	resumed chan struct{}    // closed by Resume; nil: they are not paused
	quiet   chan struct{}    // closed when no link is under way; nil: nobody waits for that
	left    []Call           // calls of links that there are not any more, which Resume hangs up
}

// need is people in a room that has links.
type need struct {
	room  dialout.Room
	ctx   context.Context // until they have left
	leave context.CancelCauseFunc
}

// New starts the links. Close ends them.
func New(cfg Config) *Links {
	if cfg.Tell == nil {
		cfg.Tell = func(dialout.Room, News) {}
	}
	if cfg.Luck == nil {
		cfg.Luck = rand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancelCause(context.Background())
	l := &Links{cfg: cfg, inRoom: make(map[string][]*keeper), needs: make(map[string]*need), stop: stop, closing: ctx.Done()}
	lines := make(map[string]*line)
	for _, config := range cfg.Lines {
		lines[config.Name] = &line{free: max(config.Capacity, 1)}
	}
	for _, link := range cfg.Links {
		k := newKeeper(l, link.complete(), lines[link.Line])
		l.keepers = append(l.keepers, k)
		l.inRoom[link.Room] = append(l.inRoom[link.Room], k)
	}
	l.restore(cfg.Saved)
	for _, k := range l.keepers {
		l.running.Go(func() { k.run(ctx) }) // ends in Close
	}
	return l
}

// Close hangs up all links, and waits until that is done, but not for the far sides to know.
func (l *Links) Close() {
	l.stop(dialout.ErrClosed)
	l.running.Wait()
}

// People says that there are people in an incarnation of a room, or that there are none any more, for rooms.Config.OnPeople. It does not block.
func (l *Links) People(room string, incarnation uint64, here bool) {
	keepers := l.inRoom[room]
	if len(keepers) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.needs[room]
	switch {
	case old != nil && here && old.room.Incarnation == incarnation:
		return
	case old != nil && (here || old.room.Incarnation == incarnation):
		delete(l.needs, room)
		old.leave(dialout.ErrRoomEnded)
	}
	if here {
		n := &need{room: dialout.Room{Number: room, Incarnation: incarnation}}
		n.ctx, n.leave = context.WithCancelCause(context.Background())
		l.needs[room] = n
	}
	for _, k := range keepers {
		k.rouse()
	}
}

// Status is how each link is, in the order of the configuration.
func (l *Links) Status() (all []Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.keepers {
		s := k.status
		if k.meets() && (s.State == Idle || s.State == WaitingForLine || s.State == BackingOff) {
			s.State, s.Until = Met, time.Time{}
		}
		all = append(all, s)
	}
	return all
}

// Panics is how many panics were survived.
func (l *Links) Panics() uint64 { return l.panics.Load() }

// errYield is why we give up a dial: the far side has called first.
var errYield = errors.New("the far side has called")
