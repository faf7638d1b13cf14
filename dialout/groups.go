package dialout

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// GroupsConfig is what Groups needs. Immutable after NewGroups.
type GroupsConfig struct {
	Dialer *Dialer // required
	Store  Store   // required

	// Receive is what a member meets who has answered: it runs the ante-room that guest.Policy asks for
	// and says In when he is in the room, and else NoAccept or whatever fits; then it hangs up. It runs on
	// the member's own goroutine and ends when ctx is done; once he is in, ctx means nothing any more.
	Receive func(ctx context.Context, guest Guest) State

	Ring           time.Duration     // how long each number rings; 0: the Dialer's
	NextAfter      time.Duration     // after how long a member's next number rings as well; 0: only when the one before has ended
	Wait           time.Duration     // how long a member waits for a line; 0: 1 min
	EndsWithCaller bool              // whether what rings is cancelled when who pressed the key leaves the room
	OnChange       func(GroupChange) // hears how each is; from many goroutines, so the order is not certain; does not block; nil: nobody does
	Log            *slog.Logger      // nil: nothing is logged

	// Saved is what another process has left: who was under way there is so here, from Resume on. The Dialer must have been made with what its Dialer
	// has left, and must be the one of the same process. nil: nothing.
	Saved *GroupsImage
}

// defaultWait is how long a member of a group that has more members than the trunk has lines waits.
const defaultWait = time.Minute

// Guest is a member who has answered.
type Guest struct {
	Group  string
	Caller string // the number of who pressed the key
	Member Member
	Result // Call, Number, Policy; Lease.Room is the room
}

// GroupChange is a member's new state.
type GroupChange struct {
	Room  Room
	Group string
	MemberState
}

// Groups calls groups together. Safe for concurrent use. Create it with NewGroups.
type Groups struct {
	config  GroupsConfig
	dialer  *Dialer
	log     *slog.Logger
	running sync.WaitGroup

	mu      sync.Mutex
	calls   map[Room][]*groupCall // in the order in which they were called first
	presses map[*press]struct{}   // that still have members under way
	sought  map[*search]struct{}  // the searches for them
	begun   uint64                // how many searches there were
	resting []*search             // those of the process before, which Resume begins
	closed  bool
}

// groupCall is a group that was called into a room. It stays until the room ends. Guarded by Groups.mu.
type groupCall struct {
	room    Room
	group   string
	members []*member
}

// member is one who was called, or need not be. Guarded by Groups.mu, but for what never changes.
type member struct {
	ways  []way // never changes, nor does keys
	keys  []Key // of the ways
	state MemberState
	stop  context.CancelCauseFunc // ends the search for him; nil: there is none
}

// press is one pressing of the key. Guarded by Groups.mu, but for what never changes.
type press struct {
	room   Room            // never changes, nor do number and wanted
	number string          // of who has pressed it
	call   string          // of who has pressed it
	wanted context.Context // until it is given up
	giveUp context.CancelCauseFunc
	left   int // members that are under way for it
}

func newPress(room Room, by Caller) *press {
	p := &press{room: room, number: by.Number, call: by.Call}
	p.wanted, p.giveUp = context.WithCancelCause(context.Background())
	return p
}

// NewGroups makes a Groups. Close ends it; it starts nothing.
func NewGroups(cfg GroupsConfig) *Groups {
	if cfg.Wait == 0 {
		cfg.Wait = defaultWait
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(GroupChange) {}
	}
	changed := cfg.OnChange
	cfg.OnChange = func(c GroupChange) { cfg.Dialer.guard("telling of a member", func() { changed(c) }) }
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Groups{
		config: cfg, dialer: cfg.Dialer, log: cfg.Log,
		calls: make(map[Room][]*groupCall), presses: make(map[*press]struct{}), sought: make(map[*search]struct{}),
	}
	g.restore(cfg.Saved)
	return g
}

// Arrived tells that somebody has come into the room, by a call of his own perhaps: what rings for him is
// cancelled. Who is being received is left alone.
func (g *Groups) Arrived(room Room, number string) {
	key := g.dialer.rules.Key(number)
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls[room] {
		for _, m := range c.members {
			if m.stop != nil && m.state.State < Answered && slices.Contains(m.keys, key) {
				m.stop(ErrElsewhere)
			}
		}
	}
}

// CallerLeft tells that the call of that ID has left its room. If GroupsConfig.EndsWithCaller says so, what rings
// because its caller has pressed the key is cancelled.
func (g *Groups) CallerLeft(call string) {
	if g.config.EndsWithCaller {
		g.GiveUp(call)
	}
}

// CallerMoved tells that another call has taken the place of the one of that ID.
func (g *Groups) CallerMoved(call, to string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.presses {
		if p.call == call {
			p.call = to
		}
	}
}

// GiveUp cancels what rings because the caller of the call of that ID has pressed the key. Who is in stays.
func (g *Groups) GiveUp(call string) {
	g.cancel(func(p *press) bool { return p.call == call }, ErrGivenUp)
}

// EndRoom cancels what rings for a conference that is over, groups and single dial-outs, and forgets its groups.
// It does not wait for that.
func (g *Groups) EndRoom(room Room) {
	g.mu.Lock()
	delete(g.calls, room)
	g.mu.Unlock()
	g.cancel(func(p *press) bool { return p.room == room }, ErrRoomEnded)
	g.dialer.CancelRoom(room)
}

// cancel gives up the presses that those is true of.
func (g *Groups) cancel(those func(*press) bool, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for p := range g.presses {
		if those(p) {
			p.giveUp(why)
		}
	}
}

// Close cancels what rings and returns when nobody is under way any more. To be called before the
// Dialer's Close; it ends a pause of the Dialer. Safe to call twice.
func (g *Groups) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.cancel(func(*press) bool { return true }, ErrClosed)
	g.dialer.Resume() // there is no other process for them
	g.running.Wait()
}
