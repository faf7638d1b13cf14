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
	silent  bool              // no probe is answered
	room    []string          // numbers that are in every room
	log     []string
	sent    []Attempt
	calls   []*fakeCall
	ringing map[string]int // INVITEs without a final response, by room and number as sent
	wanted  map[string]int // those of them that are not being cancelled
	bells   map[string]*bell
	process int // how often another process has taken over

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
	sending time.Duration // how long it takes to find out where it is, before the INVITE is out
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
	carried  bool // another process has it now
}

// ID is what the Dialer asks for last, to log the answer.
func (c *fakeCall) ID() string {
	time.Sleep(c.linger)
	return c.id
}

func (c *fakeCall) Done() <-chan struct{} { return c.done }
func (c *fakeCall) Gone() <-chan struct{} { return c.gone }
func (c *fakeCall) Hangup(reason string) {
	c.exchange.mu.Lock()
	carried := c.carried
	c.exchange.mu.Unlock()
	if carried {
		return
	}
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

// carryCalls has the calls go on in another process: what becomes of those that this one has is of no interest.
func (x *exchange) carryCalls() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, c := range x.calls {
		if !c.over {
			x.calls[i] = &fakeCall{exchange: x, id: c.id, to: c.to, slowBye: c.slowBye, ended: c.ended, done: make(chan struct{}), gone: make(chan struct{})}
			c.carried = true
		}
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

func (x *exchange) Probe(ctx context.Context, t Trunk) error {
	x.mu.Lock()
	silent := x.silent
	x.mu.Unlock()
	if silent {
		<-ctx.Done()
		return ctx.Err()
	}
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

// mute says whether probes are not answered at all.
func (x *exchange) mute(silent bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.silent = silent
}

// bell is an INVITE that is out, whichever process has sent it.
type bell struct {
	id, to    string
	attempt   Attempt
	phone     *phone
	cancelled chan struct{} // closed when it is

	// Guarded by the exchange's lock.
	moved chan struct{} // closed when there is something new
	told  []Progress
	over  bool
	call  *fakeCall
	err   error
	bug   string
}

// rings plays the phone's script.
func (x *exchange) rings(b *bell) {
	for _, s := range b.phone.script {
		if s.after > 0 {
			select {
			case <-time.After(s.after):
			case <-b.cancelled:
				return
			}
		}
		x.mu.Lock()
		select {
		case <-b.cancelled:
			x.mu.Unlock()
			return
		default:
		}
		if s.progress != nil {
			p := *s.progress
			p.ID = b.id
			b.told = append(b.told, p)
		} else {
			b.over, b.err, b.bug = true, s.failure, s.panics
			if s.answer {
				b.call = x.picksUp(b.phone, b.to)
			}
			x.wanted[b.attempt.Room+" "+b.attempt.Number]--
			x.ringing[b.attempt.Room+" "+b.attempt.Number]--
		}
		close(b.moved)
		b.moved = make(chan struct{})
		over := b.over
		x.mu.Unlock()
		if over {
			return
		}
	}
}

// desk is the exchange as a process has it.
type desk struct {
	*exchange
	process int
}

// desk is that of a process that begins now.
func (x *exchange) desk() desk {
	x.mu.Lock()
	defer x.mu.Unlock()
	return desk{x, x.process}
}

func (x desk) Invite(ctx context.Context, a Attempt, progress func(Progress)) (Call, error) {
	if !x.alive(x.process) {
		return nil, ErrClosed
	}
	to := a.Number + "@" + a.Trunk.Name
	p := x.invited(a, to)
	time.Sleep(p.sending)
	x.note("INVITE %s", to)
	x.mu.Lock()
	b := &bell{id: fmt.Sprintf("INVITE %d to %s", len(x.bells), to), to: to, attempt: a, phone: p, cancelled: make(chan struct{}), moved: make(chan struct{})}
	x.bells[b.id] = b
	x.mu.Unlock()
	go x.rings(b) // ends with the script, or when it is cancelled
	return x.await(ctx, b, x.process, 0, Progress{ID: b.id}, progress)
}

// Continue is of a process that has taken over.
func (x desk) Continue(ctx context.Context, id string, _ Attempt, progress func(Progress)) (Call, error) {
	x.mu.Lock()
	b := x.bells[id]
	if b == nil || x.exchange.process != x.process {
		x.mu.Unlock()
		return nil, ErrInterrupted
	}
	now := Progress{ID: id}
	if n := len(b.told); n > 0 {
		now = b.told[n-1]
	}
	seen := len(b.told)
	x.mu.Unlock()
	return x.await(ctx, b, x.process, seen, now, progress)
}

// await tells how far it is, and what the process has not seen yet, until it is over. A process that is not there any more hears nothing, and does
// nothing.
func (x *exchange) await(ctx context.Context, b *bell, process, seen int, now Progress, progress func(Progress)) (Call, error) {
	progress(now)
	for {
		x.mu.Lock()
		told, over, moved, call, alive := b.told[seen:], b.over, b.moved, b.call, x.process == process
		seen = len(b.told)
		x.mu.Unlock()
		if !alive {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		for _, p := range told {
			progress(p)
		}
		switch {
		case over && b.bug != "":
			panic(b.bug)
		case over && call != nil:
			if found := x.find(call.id); found != nil {
				return found, nil
			}
			return call, nil
		case over:
			return nil, b.err
		}
		select {
		case <-moved:
		case <-ctx.Done():
			if x.alive(process) {
				return x.cancelled(ctx, b, progress)
			}
			return nil, ctx.Err()
		}
	}
}

func (x *exchange) alive(process int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.process == process
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

func (x *exchange) cancelled(ctx context.Context, b *bell, progress func(Progress)) (Call, error) {
	a := b.attempt
	x.mu.Lock()
	if b.over {
		x.mu.Unlock()
		return x.await(context.WithoutCancel(ctx), b, x.process, len(b.told), Progress{ID: b.id}, func(Progress) {})
	}
	b.over = true
	close(b.cancelled)
	x.wanted[a.Room+" "+a.Number]--
	x.mu.Unlock()
	x.note("CANCEL %s: %v", b.to, context.Cause(ctx))
	if b.phone.chatty {
		progress(Progress{ID: b.id, State: Ringing})
	}
	time.Sleep(b.phone.slow)
	x.mu.Lock()
	x.ringing[a.Room+" "+a.Number]--
	x.mu.Unlock()
	if b.phone.crosses {
		return x.answered(b.phone, b.to), nil
	}
	return nil, ctx.Err()
}

func (x *exchange) answered(p *phone, to string) *fakeCall {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.picksUp(p, to)
}

// picksUp is answered. The lock is held.
func (x *exchange) picksUp(p *phone, to string) *fakeCall {
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
		cfg.Inviter, cfg.Present = x.desk(), x.present
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
		tester: t, began: time.Now(), phones: make(map[string]*phone), dead: make(map[string]bool), ringing: make(map[string]int), wanted: make(map[string]int), bells: make(map[string]*bell),
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
	r := d.Dial(ctx, req, func(c Change) {
		if !c.Over {
			path = append(path, c.State.String())
		}
	})
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
