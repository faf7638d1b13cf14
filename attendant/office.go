package attendant

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
)

// Dialer brings somebody to the phone; *dialout.Dialer is one.
type Dialer interface {
	Dial(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result
	Continue(ctx context.Context, id string, watch func(dialout.Change)) dialout.Result // Dial for one that another process has begun
}

// Groups calls groups together; *dialout.Groups is one.
type Groups interface {
	Call(ctx context.Context, room dialout.Room, group string, by dialout.Caller) (called int, err error)
	Missing(ctx context.Context, room dialout.Room, by dialout.Caller) (called int, err error)
	Report(room dialout.Room) dialout.Report
	Arrived(room dialout.Room, number string)
	CallerLeft(call string)
	CallerMoved(call, to string)
	EndRoom(room dialout.Room)
}

// Config is what an Office needs.  Immutable after New.
type Config struct {
	Rooms   *rooms.Directory // required
	Prompts *prompts.Set     // required
	Dialer  Dialer           // nil: nobody is invited
	Groups  Groups           // nil: there are none
	Menu    *menu.Menu       // required; of those who are no hosts
	Host    *menu.Menu       // of hosts; nil: the same

	Hosts    func(number string) bool         // who is a host by his number; nil: nobody is.  Who calls a group together is one as well
	Language func(room, number string) string // of the prompts for him; nil: English

	Announce bool // whether the rooms are told who comes and goes

	Tape func(room string) (rooms.Tape, error) // where a recording of the room goes; nil: nobody records

	ReleaseUnknown bool // whether who calls a group that does not exist is hung up when he has been told

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

	panics atomic.Uint64

	crier  *crier
	still  stillness
	atOnce time.Duration // tests have other times
	prompt time.Duration // likewise

	mu       sync.Mutex
	serves   map[string]*attendant  // by the ID of the call
	expected map[string]expectation // likewise: who is not served yet
	far      map[string]*farSide    // likewise: of links
	wishes   map[wish]wished
	told     map[string]*rooms.Notices // by language
	brings   map[*bringing]struct{}
	waits    []func() // what goes on after Restore, with Resume
	closed   bool

	asides sync.Mutex // guards who is aside, of all attendants
}

// wish is something that goes for a whole room; wished is who has wished it last.
type (
	wish struct {
		room   string
		action menu.Action
	}
	wished struct {
		call string
		at   time.Time
	}
)

// New opens an office.  Close ends it.
func New(cfg Config) *Office {
	if cfg.Host == nil {
		cfg.Host = cfg.Menu
	}
	if cfg.Hosts == nil {
		cfg.Hosts = func(string) bool { return false }
	}
	if cfg.Language == nil {
		cfg.Language = func(string, string) string { return prompts.English }
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
	o := &Office{cfg: cfg, serves: make(map[string]*attendant), expected: make(map[string]expectation), far: make(map[string]*farSide), wishes: make(map[wish]wished), told: make(map[string]*rooms.Notices), brings: make(map[*bringing]struct{}), atOnce: atOnce, prompt: promptTime}
	o.crier = newCrier(o.worker(crying, nil), o.announce, o.announceLine, func(r any) { o.survived(r, "crier", o.cfg.Log, nil) }) // ends in Close
	return o
}

// Close waits for the guests' attendants to end, and for those of links, which they do when their calls have.
func (o *Office) Close() {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.still.resume()
	o.crier.close()
	o.wg.Wait()
}

// Hear is told of everything that happens in the rooms, for rooms.Config.OnEvent.  It does not block.
func (o *Office) Hear(e rooms.Event) {
	if e.Link { // nobody has come, gone or pressed a key
		o.hearFar(e)
		return
	}
	if o.cfg.Announce {
		o.crier.hear(e)
	}
	switch e.Kind {
	case rooms.Pressed:
		o.mu.Lock()
		a := o.serves[e.Call]
		o.mu.Unlock()
		if a != nil {
			a.keys.put(e.Digit)
		}
	case rooms.Joined:
		if o.cfg.Groups != nil {
			o.cfg.Groups.Arrived(conferenceOf(e), e.Number)
		}
	case rooms.Left:
		if o.cfg.Groups != nil {
			o.cfg.Groups.CallerLeft(e.Call)
		}
	case rooms.Deserted, rooms.RoomGone:
		o.forget(e.Room)
		o.crier.forgetLines(conferenceOf(e))
		o.endBringing(conferenceOf(e))
		if o.cfg.Groups != nil {
			o.cfg.Groups.EndRoom(conferenceOf(e))
		}
	}
}

// conferenceOf is where it has happened.
func conferenceOf(e rooms.Event) dialout.Room {
	return dialout.Room{Number: e.Room, Incarnation: e.Incarnation}
}

// worker is one who works here.
func (o *Office) worker(what work, call ending) *worker {
	return &worker{still: &o.still, work: what, call: call}
}

// enrol has the keys of a call go to its attendant; dismiss ends that.
func (o *Office) enrol(a *attendant) {
	a.judge(a.first)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.serves[a.call.ID()] = a
}

// beginService says that he is in the room: now another call may take the place of his.
func (o *Office) beginService(a *attendant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a.served = true
	o.arrived(a.call.ID())
}

// atOnce is for how long the same wish of two people is one: who presses the same keys meanwhile has not heard yet that it is done.
const atOnce = 2 * time.Second

// wished says whether somebody else has wished the same for this room just now.  If not, it notes that he does.
func (o *Office) wished(a *attendant, action menu.Action) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	w, now := wish{a.room, action}, time.Now()
	if last := o.wishes[w]; last.call != a.call.ID() && now.Sub(last.at) < o.atOnce {
		return true
	}
	o.wishes[w] = wished{a.call.ID(), now}
	return false
}

// forget forgets the wishes for a room that is gone.
func (o *Office) forget(room string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, action := range []menu.Action{menu.Lock, menu.MuteAll, menu.Kick, menu.Record} {
		delete(o.wishes, wish{room, action})
	}
}
