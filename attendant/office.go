package attendant

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Dialer brings somebody to the phone; *dialout.Dialer is one.
type Dialer interface {
	Dial(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result
}

// Groups calls groups together; *dialout.Groups is one.
type Groups interface {
	Call(ctx context.Context, room, group, caller string) (called int, err error)
	Missing(ctx context.Context, room, caller string) (called int, err error)
	Report(room string) dialout.Report
	Arrived(room, number string)
	CallerLeft(room, caller string)
	EndRoom(room string)
}

// Config is what an Office needs.  Immutable after New.
type Config struct {
	Rooms   *rooms.Directory // required
	Prompts *prompts.Set     // required
	Dialer  Dialer           // nil: nobody is invited
	Groups  Groups           // nil: there are none
	Menu    *menu.Menu       // required; of those who are no hosts
	Host    *menu.Menu       // of hosts; nil: the same

	Hosts    func(number string) bool   // who is a host by his number; nil: nobody is.  Who calls a group together is one as well
	Language func(number string) string // of the prompts for him; nil: English

	MaxDigits int           // of a number that is dialled; 0: 11
	First     time.Duration // how long the dial tone is heard; 0: 10 s
	Pause     time.Duration // how long after a key the next one may come; 0: 3 s
	Accept    time.Duration // how long somebody has to press 1; 0: 30 s

	Log *slog.Logger // nil: nothing is logged
}

// Office is where all attendants work.  Safe for concurrent use.  Create it with New.
type Office struct {
	cfg Config
	wg  sync.WaitGroup // guests who have come in

	mu     sync.Mutex
	serves map[string]*attendant // by the ID of the call
	closed bool
}

// New opens an office.  Close ends it; it starts nothing.
func New(cfg Config) *Office {
	if cfg.Host == nil {
		cfg.Host = cfg.Menu
	}
	if cfg.Hosts == nil {
		cfg.Hosts = func(string) bool { return false }
	}
	if cfg.Language == nil {
		cfg.Language = func(string) string { return prompts.English }
	}
	if cfg.MaxDigits == 0 {
		cfg.MaxDigits = 11
	}
	if cfg.First == 0 {
		cfg.First = 10 * time.Second
	}
	if cfg.Pause == 0 {
		cfg.Pause = 3 * time.Second
	}
	if cfg.Accept == 0 {
		cfg.Accept = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Office{cfg: cfg, serves: make(map[string]*attendant)}
}

// Close waits for the guests' attendants to end, which they do when their calls have.
func (o *Office) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.wg.Wait()
}

// Hear is told of everything that happens in the rooms, for rooms.Config.OnEvent.  It does not block.
func (o *Office) Hear(e rooms.Event) {
	switch e.Kind {
	case rooms.Pressed:
		o.mu.Lock()
		a := o.serves[e.Call]
		o.mu.Unlock()
		if a != nil {
			select {
			case a.keys <- e.Digit:
			default: // he presses faster than anybody could serve him
			}
		}
	case rooms.Joined:
		if o.cfg.Groups != nil {
			o.cfg.Groups.Arrived(e.Room, e.Number)
		}
	case rooms.Left:
		if o.cfg.Groups != nil {
			o.cfg.Groups.CallerLeft(e.Room, e.Number)
		}
	case rooms.RoomGone:
		if o.cfg.Groups != nil {
			o.cfg.Groups.EndRoom(e.Room)
		}
	}
}

// enrol has the keys of a call go to its attendant, and dismiss ends that.
func (o *Office) enrol(a *attendant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.serves[a.call.ID()] = a
}

func (o *Office) dismiss(a *attendant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.serves, a.call.ID())
}

// in are those who are served in a room.
func (o *Office) in(room string) (all []*attendant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.serves {
		if a.room == room {
			all = append(all, a)
		}
	}
	return all
}
