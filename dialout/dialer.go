package dialout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Dialer needs. Immutable after New.
type Config struct {
	Inviter Inviter
	Trunks  []Trunk
	Default string // the name of the trunk that is tried first; empty: the first of Trunks. The others follow in their order
	Rules   Rules
	Limits  Limits

	Ring      time.Duration // how long a phone rings before that is no answer; 0: 30 s
	Response  time.Duration // how long a trunk has for its first response before the next one is tried; 0: 4 s
	Redirects int           // how many numbers of 302s are dialled for one dial-out; 0: 3, negative: none

	// Reserve keeps a seat for somebody who is to be called into that room, or for a link of it. The error is, or wraps, ErrRoomEnded when nobody is in it any
	// more who could want him, and any other when it is full. nil: there is always a place.
	Reserve func(room Room, whose Sitter) (Seat, error)

	// OnChange hears how far each who is called has come, and how that ended: from many goroutines, of each person in order. It does not
	// block. nil: nobody wants to know.
	OnChange func(Calling)

	Present  func(room string) []string // the numbers of those who are in the room, who are not dialled; nil: nobody is
	Location *time.Location             // in which the day of Limits begins; nil: time.Local
	Log      *slog.Logger               // nil: nothing is logged

	Saved *Saved               // what another process has left: the Dialer begins paused, and Resume has it go on; nil: nothing
	Call  func(id string) Call // the calls of Saved that there are still, else nil; nil: there are none
}

// Defaults of Config. Four seconds are four INVITEs over UDP (RFC 3261 section 17.1.1.2: after 0, 0.5,
// 1.5 and 3.5 s); its own time-out of 32 s is longer than anybody waits for a second trunk.
const (
	defaultRing      = 30 * time.Second
	defaultResponse  = 4 * time.Second
	defaultRedirects = 3
)

// Dialer brings people in over the trunks. Safe for concurrent use. Create it with New.
type Dialer struct {
	config   Config
	rules    *Rulebook
	trunks   []*trunk // in the order in which they are tried
	instance string
	log      *slog.Logger

	stop    context.CancelFunc // ends the probes, and the watch over answered calls
	stopped <-chan struct{}
	running sync.WaitGroup
	panics  atomic.Uint64

	mu       sync.Mutex
	claims   map[place]*Lease
	awaited  map[*Lease]chan struct{} // closed when the lease is dropped; of those that somebody waits for
	dials    map[*dial]struct{}       // that are not over
	left     map[string]*dial         // those of them that the process before has left, and nobody continues yet, by the ID of their INVITE
	begun    uint64                   // how many there were
	holdings map[*holding]struct{}    // the calls that were answered and have not ended
	waiting  []*waiter                // for a line, the longest waiting first
	usage    Usage
	outcomes map[Outcome]uint64
	closed   bool

	resumed  chan struct{} // closed by Resume; nil: it is not paused
	underWay int           // INVITEs and probes that are out, and outcomes of which nobody knows yet who has asked for them
	quiet    chan struct{} // closed when there are none; nil: nobody waits for that
}

// New checks the configuration and starts the probes. Close ends it. The error joins one [*Fault] for
// each thing that is wrong with trunks ("trunks[0].name") and rules ("allow[2]").
func New(cfg Config) (*Dialer, error) {
	cfg.Ring = cmp.Or(cfg.Ring, defaultRing)
	cfg.Response = cmp.Or(cfg.Response, defaultResponse)
	cfg.Redirects = max(cmp.Or(cfg.Redirects, defaultRedirects), 0)
	cfg.Location = cmp.Or(cfg.Location, time.Local)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Present == nil {
		cfg.Present = func(string) []string { return nil }
	}
	rules, trunks, err := cfg.compile()
	if err != nil {
		return nil, err
	}
	d := &Dialer{
		config: cfg, rules: rules, trunks: trunks, instance: newInstance(), log: cfg.Log,
		claims: make(map[place]*Lease), awaited: make(map[*Lease]chan struct{}), dials: make(map[*dial]struct{}), left: make(map[string]*dial),
		holdings: make(map[*holding]struct{}), outcomes: make(map[Outcome]uint64),
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop, d.stopped = stop, ctx.Done()
	d.restore(cfg.Saved)
	for _, t := range d.trunks {
		if t.Probe > 0 {
			d.running.Go(func() { d.probe(ctx, t) }) // ends in Close
		}
	}
	return d, nil
}

// Check reports what is wrong with the configuration, as New does, and starts nothing.
func (cfg Config) Check() error {
	_, _, err := cfg.compile()
	return err
}

// compile reads rules and trunks.
func (cfg *Config) compile() (*Rulebook, []*trunk, error) {
	var faults faults
	rules, err := cfg.Rules.Compile()
	if err != nil {
		faults = append(faults, err.(interface{ Unwrap() []error }).Unwrap()...)
	}
	var trunks []*trunk
	for i := range cfg.Trunks {
		t, path := &cfg.Trunks[i], fmt.Sprintf("trunks[%d]", i)
		numbers := t.check(path, &faults)
		if first := trunkNamed(trunks, t.Name); first != nil && t.Name != "" {
			faults.add(path+".name", t.Name, "another trunk has this name; give each its own")
		}
		trunks = append(trunks, newTrunk(*t, numbers))
	}
	if cfg.Default != "" {
		at := slices.IndexFunc(trunks, func(t *trunk) bool { return t.Name == cfg.Default })
		if at < 0 {
			faults.add("trunk", cfg.Default, "there is no trunk of this name; write one of those in trunks")
		} else {
			trunks = slices.Concat(trunks[at:at+1], trunks[:at], trunks[at+1:])
		}
	}
	return rules, trunks, errors.Join(faults...)
}

// Rules are the rules as compiled, for those who ask before they dial.
func (d *Dialer) Rules() *Rulebook { return d.rules }

// CancelRoom cancels what rings for a room that has ended. It does not wait for that.
func (d *Dialer) CancelRoom(room Room) {
	d.cancel(func(j *dial) bool { return j.Room == room }, ErrRoomEnded)
}

// cancel cancels the dial-outs that are not over and that those is true of.
func (d *Dialer) cancel(those func(*dial) bool, why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for j := range d.dials {
		if those(j) {
			j.giveUp(why)
		}
	}
}

// Close cancels what rings, takes no more dial-outs, and returns when all of them and the probes have
// ended. Calls that were answered go on; they are their owners'. Safe to call twice.
func (d *Dialer) Close() {
	d.mu.Lock()
	d.closed = true
	d.resume() // there is no other process for them
	d.mu.Unlock()
	d.cancel(func(*dial) bool { return true }, ErrClosed)
	d.abandon(ErrClosed)
	d.stop()
	d.running.Wait()
}
