package links

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// far is the world behind the trunk: conferences that do what a test says, at the (fake) time that it says.
type far struct {
	t     tester
	began time.Time
	room  dialout.Room // in which there are people

	mu      sync.Mutex
	plays   map[string][]play // what the next INVITEs to a number meet, in their order; the last one from then on
	digits  []error           // what the next scripts come to; none: they succeed
	dials   time.Duration     // how long a script takes
	calls   map[string]*farCall
	present map[string]int // calls that the far side has of us, from INVITE to the last word, by number
	log     []string
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// play is what one INVITE meets.
type play struct {
	after   time.Duration // until the answer or the failure
	code    int           // 0: it answers
	crosses bool          // its 200 crosses our CANCEL
	slow    time.Duration // how long it takes to say its last word on a CANCEL or a BYE
}

// farCall is a call that the far side has answered.
type farCall struct {
	far        *far
	to         string
	slow       time.Duration
	done, gone chan struct{}
	once       sync.Once
	hungUp     bool
	reason     string
}

func (c *farCall) ID() string            { return "call to " + c.to }
func (c *farCall) Done() <-chan struct{} { return c.done }
func (c *farCall) Gone() <-chan struct{} { return c.gone }
func (c *farCall) HungUp() bool          { return c.hungUp }
func (c *farCall) Reason() string        { return c.reason }

// Hangup sends the BYE; the far side answers it in its time.
func (c *farCall) Hangup(reason string) {
	c.once.Do(func() {
		c.far.note("BYE to %s", c.to)
		c.reason = reason
		close(c.done)
		time.AfterFunc(c.slow, func() { c.far.over(c) })
	})
}

// ends is the far side's end of it: it hangs up, or it is lost.
func (c *farCall) ends(hungUp bool) {
	c.once.Do(func() {
		c.hungUp, c.reason = hungUp, "lost"
		if hungUp {
			c.reason = "hung up"
		}
		c.far.note("%s: %s", c.to, c.reason)
		c.far.over(c)
		close(c.done)
	})
}

// over takes the call off the far side's books.
func (f *far) over(c *farCall) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present[c.to]--
	if f.calls[c.to] == c {
		delete(f.calls, c.to)
	}
	close(c.gone)
}

// Probe is an inviter's.
func (f *far) Probe(context.Context, dialout.Trunk) error { return nil }

// Invite is one INVITE. Two calls to one number at a time are what must not be.
func (f *far) Invite(ctx context.Context, a dialout.Attempt, progress func(dialout.Progress)) (dialout.Call, error) {
	p := f.invited(a)
	timer := time.NewTimer(p.after)
	defer timer.Stop()
	progress(dialout.Progress{State: dialout.Ringing})
	select {
	case <-timer.C:
	case <-ctx.Done():
		f.note("CANCEL to %s", a.Number)
		time.Sleep(p.slow) // it is settled then
		if p.crosses {
			f.note("200 from %s, and BYE", a.Number)
		}
		f.leaves(a.Number)
		return nil, ctx.Err()
	}
	if p.code != 0 {
		f.leaves(a.Number)
		return nil, &dialout.Failure{Class: dialout.ClassOf(p.code), Code: p.code}
	}
	return f.answers(a.Number, p), nil
}

func (f *far) invited(a dialout.Attempt) (p play) {
	f.note("INVITE to %s", a.Number)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.present[a.Number]++; f.present[a.Number] > 1 {
		f.t.Errorf("%s has %d calls of ours after %v:\n%q", a.Number, f.present[a.Number], time.Since(f.began), f.log)
	}
	if !dialout.ReadMark(a.Mark).Link {
		f.t.Errorf("the call to %s does not say that it is a link's: %s", a.Number, a.Mark)
	}
	if plays := f.plays[a.Number]; len(plays) > 0 {
		p = plays[0]
		if len(plays) > 1 {
			f.plays[a.Number] = plays[1:]
		}
	}
	return p
}

func (f *far) leaves(number string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present[number]--
}

func (f *far) answers(number string, p play) *farCall {
	c := &farCall{far: f, to: number, slow: p.slow, done: make(chan struct{}), gone: make(chan struct{})}
	f.mu.Lock()
	f.calls[number] = c
	f.mu.Unlock()
	f.note("200 from %s", number)
	return c
}

// errPanic has connect panic.
var errPanic = errors.New("a bug")

// connect is Config.Connect.
func (f *far) connect(ctx context.Context, a Answer) error {
	f.mu.Lock()
	takes := f.dials
	var err error
	if len(f.digits) > 0 {
		err, f.digits = f.digits[0], f.digits[1:]
	}
	f.mu.Unlock()
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	case <-a.Call.Done():
		return errors.New("the far side has hung up")
	}
	if err == errPanic {
		panic(err)
	}
	if err == nil {
		f.note("%s is in, after %s", a.Link.Number, a.Script.Keys())
	}
	return err
}

// note writes a line into the log: when, and what.
func (f *far) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf("%v %s", time.Since(f.began), fmt.Sprintf(format, args...)))
}

// call is the call that the far side has; nil: none.
func (f *far) call(number string) *farCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[number]
}

// wantLog compares what has happened since it was asked last.
func (f *far) wantLog(want ...string) {
	f.t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.log, want) {
		f.t.Errorf("got:\n%q\nwant:\n%q", f.log, want)
	}
	f.log = nil
}

// conference is the number that the tests' links call.
const conference = "84957776675"

// one is a link as in the issue.
func one() Config {
	return Config{
		Links: []Link{{Room: "354233", Number: conference, Trunk: "provider", DTMF: "ww354233"}},
		Luck:  func() float64 { return 0 },
	}
}

// world makes a far side and links that call it over a real dialler.
func world(t tester, cfg Config) (*far, *Links, func()) {
	f := &far{t: t, began: time.Now(), plays: make(map[string][]play), calls: make(map[string]*farCall), present: make(map[string]int)}
	d, err := dialout.New(dialout.Config{Inviter: f, Trunks: []dialout.Trunk{{Name: "provider", Address: "sip:192.0.2.1"}, {Name: "other", Address: "sip:192.0.2.2"}}, Rules: dialout.DefaultRules()})
	if err != nil {
		panic(err)
	}
	cfg.Dialer, cfg.Connect = d, f.connect
	cfg.Tell = func(_ dialout.Room, news News) {
		f.note("told: %s", map[News]string{Connected: "connected", Lost: "lost"}[news])
	}
	l := New(cfg)
	return f, l, func() {
		l.Close()
		d.Close()
	}
}

// within runs a test in a world of its own.
func within(t *testing.T, cfg Config, f func(f *far, l *Links)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, l, end := world(t, cfg)
		defer end()
		f(w, l)
	})
}

// joins and leaves are the first who comes into the room and the last who leaves it.
func (f *far) joins(l *Links) {
	f.room.Incarnation++
	l.People("354233", f.room.Incarnation, true)
}
func (f *far) leavesRoom(l *Links) { l.People("354233", f.room.Incarnation, false) }
