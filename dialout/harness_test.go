package dialout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// exchange is the world behind the trunks: phones that do what a test says, at the (fake) time that it says.
type exchange struct {
	tester
	began time.Time

	mu      sync.Mutex
	phones  map[string]*phone // by number, or by number@trunk
	dead    map[string]bool   // trunks whose probe fails
	room    []string          // numbers that are in every room
	log     []string
	sent    []Attempt
	calls   []*fakeCall
	ringing map[string]int // INVITEs without a final response, by room and number as sent
	wanted  map[string]int // those of them that are not being cancelled

	onInvite func(Attempt) // watches; the lock is held; nil: nobody does
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// phone is what is behind a number: its script, step by step, until an answer or a failure.
type phone struct {
	script  []step
	crosses bool          // answers when it is cancelled: its 200 crosses the CANCEL
	slow    time.Duration // how long Invite takes to return when it is cancelled
	chatty  bool          // and says meanwhile that it rings
	linger  time.Duration // how long the Dialer is busy with its answer
	slowBye time.Duration // how long it takes to answer a BYE
}

type step struct {
	after    time.Duration
	progress *Progress
	answer   bool
	failure  error
	panics   string
}

func (p *phone) then(s step) *phone { p.script = append(p.script, s); return p }

func (p *phone) rings(after time.Duration) *phone {
	return p.then(step{after: after, progress: &Progress{State: Ringing}})
}
func (p *phone) tries(after time.Duration) *phone {
	return p.then(step{after: after, progress: &Progress{State: Trying}})
}
func (p *phone) answers(after time.Duration) *phone { return p.then(step{after: after, answer: true}) }
func (p *phone) fails(after time.Duration, code int) *phone {
	return p.then(step{after: after, failure: &Failure{Class: ClassOf(code), Code: code}})
}
func (p *phone) congested(retry time.Duration) *phone {
	return p.then(step{failure: fmt.Errorf("pbx: %w", &Failure{Class: Congested, Code: 503, RetryAfter: retry})})
}
func (p *phone) moved(to ...string) *phone {
	return p.then(step{failure: &Failure{Class: Redirect, Code: 302, Targets: to}})
}

// fakeCall is a call that was answered.
type fakeCall struct {
	exchange *exchange
	id, to   string
	linger   time.Duration
	done     chan struct{}
	gone     chan struct{} // closed when the far side has answered its BYE
	slowBye  time.Duration
	once     sync.Once
	ended    func() // is called before done is closed; guarded by the exchange's lock, and so is over
	over     bool
}

// ID is what the Dialer asks for last, to log the answer.
func (c *fakeCall) ID() string {
	time.Sleep(c.linger)
	return c.id
}

func (c *fakeCall) Done() <-chan struct{} { return c.done }
func (c *fakeCall) Gone() <-chan struct{} { return c.gone }
func (c *fakeCall) Hangup(reason string) {
	c.once.Do(func() {
		c.exchange.note("BYE %s: %s", c.to, reason)
		c.exchange.mu.Lock()
		ended := c.ended
		c.over = true
		c.exchange.mu.Unlock()
		if ended != nil {
			ended()
		}
		close(c.done)
		if c.slowBye == 0 {
			close(c.gone)
			return
		}
		time.AfterFunc(c.slowBye, func() { close(c.gone) })
	})
}

// atEnd has f called when the call ends, or now if it has.
func (c *fakeCall) atEnd(f func()) {
	c.exchange.mu.Lock()
	over := c.over
	c.ended = f
	c.exchange.mu.Unlock()
	if over {
		f()
	}
}

// live is the calls that nobody has hung up.
func (x *exchange) live() (numbers []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.calls {
		select {
		case <-c.done:
		default:
			numbers = append(numbers, c.to)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// phone makes the phone behind a number; without a script it never says anything.
func (x *exchange) phone(number string) *phone {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := &phone{}
	x.phones[number] = p
	return p
}

// note writes a line into the log: when, and what.
func (x *exchange) note(format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.log = append(x.log, fmt.Sprintf("%v %s", time.Since(x.began), fmt.Sprintf(format, args...)))
}

// wantLog compares what has happened since it was asked last. Lines of the same moment may come in any order.
func (x *exchange) wantLog(want string) {
	x.Helper()
	x.mu.Lock()
	got := x.log
	x.log = nil
	x.mu.Unlock()
	wanted := strings.Split(strings.TrimSpace(strings.ReplaceAll(want, "\t", "")), "\n")
	if want == "" {
		wanted = nil
	}
	slices.Sort(wanted)
	slices.Sort(got)
	if !slices.Equal(got, wanted) {
		x.Errorf("it went like this:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(wanted, "\n\t"))
	}
}

func (x *exchange) present(string) []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.room)
}

// enters and leaves say who is in the room.
func (x *exchange) enters(number string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.room = append(x.room, number)
}

func (x *exchange) leaves(number string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.room = slices.DeleteFunc(x.room, func(n string) bool { return n == number })
}

func (x *exchange) Probe(_ context.Context, t Trunk) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.dead[t.Name] {
		return errors.New("nobody there")
	}
	return nil
}

func (x *exchange) dies(trunk string, dead bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dead[trunk] = dead
}

func (x *exchange) Invite(ctx context.Context, a Attempt, progress func(Progress)) (Call, error) {
	to := a.Number + "@" + a.Trunk.Name
	p := x.invited(a, to)
	defer x.forget(a)
	x.note("INVITE %s", to)
	for _, s := range p.script {
		if !pass(ctx, s.after) {
			return x.cancelled(ctx, a, p, progress)
		}
		switch {
		case s.panics != "":
			x.unwanted(a)
			panic(s.panics)
		case s.answer:
			x.unwanted(a)
			return x.answered(p, to), nil
		case s.failure != nil:
			x.unwanted(a)
			return nil, s.failure
		}
		progress(*s.progress)
	}
	<-ctx.Done()
	return x.cancelled(ctx, a, p, progress)
}

// pass lets time pass; false when ctx is done before. Timers of no time at all are not used: the race detector
// breaks down when several goroutines look at such in fake time (golang/go issue 78156).
func pass(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func (x *exchange) unwanted(a Attempt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wanted[a.Room+" "+a.Number]--
}

// invited finds the phone and holds the Dialer to its promise that a number is not rung twice for a room.
func (x *exchange) invited(a Attempt, to string) *phone {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sent = append(x.sent, a)
	if x.onInvite != nil {
		x.onInvite(a)
	}
	x.wanted[a.Room+" "+a.Number]++
	x.ringing[a.Room+" "+a.Number]++
	if x.ringing[a.Room+" "+a.Number] > 1 {
		x.Errorf("%s is called twice into room %s at a time", a.Number, a.Room)
	}
	for _, number := range []string{to, a.Number} {
		if p := x.phones[number]; p != nil {
			return p
		}
	}
	return new(phone).fails(0, 404)
}

func (x *exchange) forget(a Attempt) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ringing[a.Room+" "+a.Number]--
}

func (x *exchange) cancelled(ctx context.Context, a Attempt, p *phone, progress func(Progress)) (Call, error) {
	to := a.Number + "@" + a.Trunk.Name
	x.unwanted(a)
	x.note("CANCEL %s: %v", to, context.Cause(ctx))
	if p.chatty {
		progress(Progress{State: Ringing})
	}
	time.Sleep(p.slow)
	if p.crosses {
		return x.answered(p, to), nil
	}
	return nil, ctx.Err()
}

func (x *exchange) answered(p *phone, to string) Call {
	x.mu.Lock()
	defer x.mu.Unlock()
	c := &fakeCall{exchange: x, id: fmt.Sprint("call-", len(x.calls)), to: to, linger: p.linger, slowBye: p.slowBye, done: make(chan struct{}), gone: make(chan struct{})}
	x.calls = append(x.calls, c)
	return c
}

// within runs a test in fake time, with a Dialer of that configuration over an exchange. What the test
// leaves running makes it fail: Close has to end everything.
func within(t *testing.T, cfg Config, test func(x *exchange, d *Dialer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		cfg.Inviter, cfg.Present = x, x.present
		d, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		test(x, d)
		d.Close()
	})
}

func newExchange(t tester) *exchange {
	return &exchange{
		tester: t, began: time.Now(), phones: make(map[string]*phone), dead: make(map[string]bool), ringing: make(map[string]int), wanted: make(map[string]int),
	}
}

// pbx is a configuration with one internal trunk; two adds a second one, carrier, which is not.
func pbx() Config { return Config{Trunks: []Trunk{{Name: "pbx", Address: "sip:pbx", Internal: true}}} }
func two() Config {
	c := pbx()
	c.Trunks = append(c.Trunks, Trunk{Name: "carrier", Address: "sip:carrier"})
	return c
}

// outside is pbx, but of people who are no colleagues.
func outside() Config {
	c := pbx()
	c.Trunks[0].Internal = false
	return c
}

// conference is the first one in the room of that number.
func conference(number string) Room { return Room{Number: number} }

// by is somebody who presses the key, on his first call.
func by(number string) Caller { return Caller{Number: number, Call: "call of " + number} }

// into asks for a number into room 5234, on behalf of 12.
func into(number string) Request {
	return Request{Room: conference("5234"), Caller: "12", Number: number}
}

// dial dials and returns how it ended, as text: the outcome, and who answered where to meet what.
func (x *exchange) dial(d *Dialer, req Request) string {
	return x.dialWith(context.Background(), d, req)
}

func (x *exchange) dialWith(ctx context.Context, d *Dialer, req Request) string {
	var path []string
	r := d.Dial(ctx, req, func(c Change) { path = append(path, c.State.String()) })
	if r.Call == nil && r.State == Answered || r.Call != nil && r.State != Answered {
		x.Errorf("%s: outcome %v with call %v", req.Number, r.Outcome, r.Call)
	}
	path = append(path, r.Outcome.String())
	s := strings.Join(path, ", ")
	if r.Call != nil {
		s += fmt.Sprintf(" on %s@%s: %s", r.Number, r.Trunk, r.Policy)
	}
	return s
}

// wantDial dials and compares.
func (x *exchange) wantDial(d *Dialer, req Request, want string) {
	x.Helper()
	if got := x.dial(d, req); got != want {
		x.Errorf("dialling %s: %s; want %s", req.Number, got, want)
	}
}
