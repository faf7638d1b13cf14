package links

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
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

	cfg     Config
	dialer  *dialout.Dialer
	links   *Links
	process int                // how often another process has taken over
	ours    []*farCall         // all that there ever were
	theirs  map[string]*theirs // the calls by which far sides have called, by ID
	lost    bool               // the next process finds no call that has ended
	bells   map[string]*bell   // the INVITEs that are out, by ID
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
	id, to     string
	slow       time.Duration
	done, gone chan struct{}
	once       sync.Once
	hungUp     bool
	reason     string
}

func (c *farCall) ID() string            { return c.id }
func (c *farCall) Done() <-chan struct{} { return c.done }
func (c *farCall) Gone() <-chan struct{} { return c.gone }
func (c *farCall) HungUp() bool          { return c.hungUp }
func (c *farCall) Reason() string        { return c.reason }

// held is a call as a process has it. When another one has taken over, it has no hold of it any more.
type held struct {
	*farCall
	process int
}

func (h held) Hangup(reason string) {
	if h.far.alive(h.process) {
		h.farCall.Hangup(reason)
	}
}

func (f *far) alive(process int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.process == process
}

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

// theirs is a call by which the far side has called.
type theirs struct {
	id   string
	done chan struct{}
}

// calls makes one.
func (f *far) callsUs() *theirs {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &theirs{fmt.Sprint("their call ", len(f.theirs)), make(chan struct{})}
	f.theirs[c.id] = c
	return c
}

func (c *theirs) ID() string            { return c.id }
func (c *theirs) Done() <-chan struct{} { return c.done }
func (c *theirs) Gone() <-chan struct{} { return c.done }
func (c *theirs) Hangup(string)         { panic("a link hangs up the far side's call") }
func (c *theirs) HungUp() bool          { return true }
func (c *theirs) Reason() string        { return "" }
func (c *theirs) ends()                 { close(c.done) }

// find is what the next process has of a call; nil: nothing.
func (f *far) find(id string) Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.theirs[id]; c != nil && !over(c) {
		return c
	}
	for _, c := range f.ours {
		if c.id == id && !(over(c) && f.lost) {
			return held{c, f.process}
		}
	}
	return nil
}

// Probe is an inviter's.
func (f *far) Probe(context.Context, dialout.Trunk) error { return nil }

// Invite is one INVITE. Two calls to one number at a time are what must not be.
func (f *far) Invite(ctx context.Context, a dialout.Attempt, progress func(dialout.Progress)) (dialout.Call, error) {
	p := f.invited(a)
	f.mu.Lock()
	id := fmt.Sprintf("INVITE to %s at %v", a.Number, time.Since(f.began))
	b := &bell{id, a.Number, p, time.Now().Add(p.after)}
	f.bells[id] = b
	process := f.process
	f.mu.Unlock()
	return f.await(ctx, b, process, progress)
}

// bell is an INVITE that is out, whichever process has sent it.
type bell struct {
	id, to  string
	play    play
	answers time.Time
}

// Continue is of a process that has taken over.
func (f *far) Continue(ctx context.Context, id string, _ dialout.Attempt, progress func(dialout.Progress)) (dialout.Call, error) {
	f.mu.Lock()
	b, process := f.bells[id], f.process
	f.mu.Unlock()
	if b == nil {
		return nil, dialout.ErrInterrupted
	}
	return f.await(ctx, b, process, progress)
}

// await waits for the answer. A process that is not there any more hears nothing, and does nothing.
func (f *far) await(ctx context.Context, b *bell, process int, progress func(dialout.Progress)) (dialout.Call, error) {
	timer := time.NewTimer(time.Until(b.answers))
	defer timer.Stop()
	progress(dialout.Progress{ID: b.id, State: dialout.Ringing})
	select {
	case <-timer.C:
		if !f.alive(process) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	case <-ctx.Done():
		if !f.alive(process) {
			return nil, ctx.Err()
		}
		f.note("CANCEL to %s", b.to)
		time.Sleep(b.play.slow) // it is settled then
		if !f.alive(process) {
			return nil, ctx.Err()
		}
		if b.play.crosses {
			f.note("200 from %s, and BYE", b.to)
		}
		f.leaves(b)
		return nil, ctx.Err()
	}
	if b.play.code != 0 {
		f.leaves(b)
		return nil, &dialout.Failure{Class: dialout.ClassOf(b.play.code), Code: b.play.code}
	}
	c := f.answers(b.to, b.play)
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.bells, b.id)
	return held{c, f.process}, nil
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

func (f *far) leaves(b *bell) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.present[b.to]--
	delete(f.bells, b.id)
}

func (f *far) answers(number string, p play) *farCall {
	c := &farCall{far: f, id: fmt.Sprintf("call to %s at %v", number, time.Since(f.began)), to: number, slow: p.slow, done: make(chan struct{}), gone: make(chan struct{})}
	f.mu.Lock()
	f.calls[number] = c
	f.ours = append(f.ours, c)
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
	if !slices.Equal(f.log, want) && !slices.Equal(toldApart(f.log), toldApart(want)) {
		f.t.Errorf("got:\n%q\nwant:\n%q", f.log, want)
	}
	f.log = nil
}

// toldApart has what rooms are told behind all else: what one link tells and what another one does at the same moment come in any order.
func toldApart(log []string) []string {
	told := func(line string) bool { return strings.Contains(line, " told: ") }
	rest := slices.DeleteFunc(slices.Clone(log), told)
	return append(rest, slices.Sorted(slices.Values(slices.DeleteFunc(slices.Clone(log), func(line string) bool { return !told(line) })))...)
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
	f.theirs, f.bells, f.cfg = make(map[string]*theirs), make(map[string]*bell), cfg
	return f, f.opens(nil, nil), func() {
		f.links.Close()
		f.dialer.Close()
	}
}

// opens begins the work of a process.
func (f *far) opens(dialler *dialout.Saved, links *Image) *Links {
	cfg, process := f.cfg, f.process
	dialling := dialout.Config{Inviter: f, Trunks: []dialout.Trunk{{Name: "provider", Address: "sip:192.0.2.1"}, {Name: "other", Address: "sip:192.0.2.2"}}, Rules: dialout.DefaultRules()}
	dialling.Saved = dialler
	dialling.Call = func(id string) dialout.Call {
		if c := f.find(id); c != nil {
			return c
		}
		return nil
	}
	d, err := dialout.New(dialling)
	if err != nil {
		panic(err)
	}
	cfg.Dialer, cfg.Connect, cfg.Saved, cfg.Call = d, f.connect, links, f.find
	cfg.Tell = func(_ dialout.Room, news News) {
		if f.alive(process) {
			f.note("told: %s", map[News]string{Connected: "connected", Lost: "lost"}[news])
		}
	}
	f.dialer, f.links = d, New(cfg)
	return f.links
}

// handsOver has another process take over, unless ctx is done before. It is paused; the old one is gone without a word.
func (f *far) handsOver(ctx context.Context) (*Image, error) {
	if err := f.dialer.Pause(ctx); err != nil {
		return nil, err
	}
	if err := f.links.Pause(ctx); err != nil {
		f.dialer.Resume()
		return nil, err
	}
	dialler, links := carry(f.t, f.dialer.Save()), carry(f.t, f.links.Save())
	d, l := f.dialer, f.links
	f.mu.Lock()
	f.process++
	f.mu.Unlock()
	d.Close()
	l.Close()
	f.opens(dialler, links)
	return links, nil
}

// resumes has it go on.
func (f *far) resumes() {
	f.dialer.Resume()
	f.links.Resume()
}

// carry is an image as it comes out at the other process.
func carry[Image any](t tester, im *Image) *Image {
	t.Helper()
	var line bytes.Buffer
	if err := gob.NewEncoder(&line).Encode(im); err != nil {
		t.Errorf("the image cannot be written: %v", err)
	}
	read := new(Image)
	if err := gob.NewDecoder(&line).Decode(read); err != nil {
		t.Errorf("the image cannot be read: %v", err)
	}
	return read
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
