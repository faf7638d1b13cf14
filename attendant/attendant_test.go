package attendant

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/menu"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is an office over real rooms, with a dialler that does what the test says.
type house struct {
	testing.TB
	engine *media.Engine
	rooms  *rooms.Directory
	office *Office
	serves sync.WaitGroup
	cfg    Config
	desk   sync.RWMutex // held while another office takes over
	before []*Office    // that were here
	exchange

	mu      sync.Mutex
	calls   int
	dialled []string
	script  func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result
	left    []string // who, and why
	groups  groups
	log     logged
}

// logged is the log, which tells what was said to whom.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// count is how often a line has that in it.
func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), what)
}

func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{TB: t, exchange: exchange{closed: make(chan struct{})}}
	var err error
	if h.engine, err = media.New(media.Config{Ports: media.PortRange{First: 44000, Last: 45999}, PortRest: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	set, err := prompts.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	h.rooms = rooms.NewDirectory(rooms.Config{Engine: h.engine, OnEvent: h.hear})
	m, err := menu.New(menu.Default())
	if err != nil {
		t.Fatal(err)
	}
	host, err := menu.New(menu.DefaultHost())
	if err != nil {
		t.Fatal(err)
	}
	h.groups.rooms = h.rooms
	cfg := Config{Rooms: h.rooms, Prompts: set, Menu: m, Host: host, Dialer: h, Groups: &h.groups,
		Log:   slog.New(slog.NewTextHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Hosts: func(number string) bool { return number == "boss" || number == "chief" }, Pause: 300 * time.Millisecond, First: 2 * time.Second}
	if change != nil {
		change(&cfg)
	}
	h.cfg = cfg
	h.office = New(cfg)
	t.Cleanup(func() {
		close(h.exchange.closed)
		h.office.Resume() // if a test has failed in between
		for _, o := range h.before {
			o.Close()
		}
		h.serves.Wait()
		h.office.Close()
		h.rooms.Close()
		h.engine.Close()
	})
	return h
}

func (h *house) hear(e rooms.Event) {
	if e.Kind == rooms.Left {
		h.mu.Lock()
		h.left = append(h.left, e.Number+": "+e.Reason)
		h.mu.Unlock()
	}
	h.desk.RLock()
	defer h.desk.RUnlock()
	h.office.Hear(e)
}

func (h *house) Dial(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
	h.mu.Lock()
	h.dialled = append(h.dialled, req.Caller+" into "+req.Room.Number+": "+req.Number)
	script := h.script
	h.mu.Unlock()
	return script(ctx, req, watch)
}

// groups is a Groups that remembers what it was asked.
type groups struct {
	rooms *rooms.Directory
	mu    sync.Mutex
	asked []string
	ended []dialout.Room
	err   error
	n     int
	said  dialout.Report
	slow  chan struct{} // nil: Call returns at once; else when it is closed
	bug   bool          // Missing panics
	dead  bool          // Missing waits until who asks has gone
}

func (g *groups) note(what string) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, what)
	return g.n, g.err
}
func (g *groups) Call(_ context.Context, room dialout.Room, group string, by dialout.Caller) (int, error) {
	if g.slow != nil {
		<-g.slow
	}
	return g.note("call " + group + " into " + room.Number + " for " + by.Number)
}
func (g *groups) Missing(ctx context.Context, room dialout.Room, by dialout.Caller) (int, error) {
	if g.bug {
		panic("our bug")
	}
	if g.dead {
		<-ctx.Done()
		g.note("in vain for " + by.Number)
		return 0, ctx.Err()
	}
	return g.note("missing of " + room.Number + " for " + by.Number)
}
func (g *groups) Report(dialout.Room) dialout.Report       { return g.said }
func (g *groups) Arrived(room dialout.Room, number string) { g.note("arrived " + number) }
func (g *groups) CallerLeft(call string) {
	number, _, _ := strings.Cut(call, "-")
	g.note("left " + number)
}
func (g *groups) CallerMoved(call, to string) {
	from, _, _ := strings.Cut(call, "-")
	number, _, _ := strings.Cut(to, "-")
	g.note("moved " + from + " to " + number)
}
func (g *groups) EndRoom(room dialout.Room) {
	g.note("ended " + room.Number)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = append(g.ended, room)
}

// call is somebody's call: a leg without a peer, whose keys come by INFO.
type call struct {
	id, number string
	leg        *media.Leg
	once       sync.Once
	over       chan struct{}
	reason     string
	renamed    chan struct{}
	now        atomic.Pointer[string] // the number since somebody else is on the call; nil: nobody else is
}

func (c *call) ID() string { return c.id }
func (c *call) Caller() (name, number string) {
	if now := c.now.Load(); now != nil {
		return "", *now
	}
	return "", c.number
}

// becomes puts somebody else on the call, as a transfer behind a PBX does.
func (c *call) becomes(number string) {
	c.now.Store(&number)
	c.renamed <- struct{}{}
}
func (c *call) Leg() *media.Leg       { return c.leg }
func (c *call) Hangup(reason string)  { c.once.Do(func() { c.reason = reason; close(c.over) }) }
func (c *call) Done() <-chan struct{} { return c.over }
func (c *call) Gone() <-chan struct{} { return c.over }
func (c *call) Reason() string {
	select {
	case <-c.over:
		return c.reason
	default:
		return ""
	}
}
func (c *call) Renamed() <-chan struct{} { return c.renamed }

func (h *house) newCall(number string) *call {
	h.Helper()
	leg, err := h.engine.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		h.Fatal(err)
	}
	leg.Update(media.Session{Codec: codec.PCMA, PayloadType: 8})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	c := &call{id: fmt.Sprintf("%s-%d", number, h.calls), number: number, leg: leg, over: make(chan struct{}), renamed: make(chan struct{}, 1)}
	h.Cleanup(func() { c.Hangup("the end of the test") })
	return c
}

// conference is the one that there is in the room now.
func (h *house) conference(number string) dialout.Room {
	shot, _ := h.rooms.Look(number)
	return dialout.Room{Number: number, Incarnation: shot.Incarnation}
}

// comes lets somebody call a room and be served there.
func (h *house) comes(number, room, group string) *call {
	h.Helper()
	c := h.newCall(number)
	h.enters(c, room, group)
	h.await(number+" is in "+room, func() bool {
		return slices.ContainsFunc(h.inside(room), func(name string) bool { return strings.TrimRight(name, "~") == number })
	})
	return c
}

// enters lets a call into a room, to be served there.
func (h *house) enters(c *call, room, group string) {
	h.Helper()
	seat, err := h.rooms.Reserve(room)
	if err != nil {
		h.Fatal(err)
	}
	p := seat.Join(c)
	office := h.office
	h.serves.Go(func() { // ends with the call
		office.Serve(context.Background(), c, p, room, group)
		p.LeaveWith(c.id, c.reason)
	})
}

// inside are the numbers of those in the room; in brackets those in the ante-room, with a dash those aside, with "!" those who are
// muted, with "~" those whom a host has muted.
func (h *house) inside(room string) (who []string) {
	shot, _ := h.rooms.Look(room)
	for _, p := range shot.Participants {
		name := p.Number
		switch {
		case p.Waiting:
			name = "(" + name + ")"
		case p.Aside:
			name = "-" + name
		}
		if p.Muted {
			name += "!"
		}
		if p.Silenced {
			name += "~"
		}
		who = append(who, name)
	}
	return who
}

// await waits for something that is to come; each look takes a tick.
func (h *house) await(what string, f func() bool) {
	h.Helper()
	for end := time.Now().Add(10 * time.Second); !f(); {
		if time.Now().After(end) {
			h.Fatalf("it does not come to this: %s; but to %q", what, h.inside("5234"))
		}
		h.inside("a look takes a tick")
		<-time.After(time.Millisecond)
	}
}

func (h *house) wantInside(room string, who ...string) {
	h.Helper()
	h.await(fmt.Sprintf("in %s: %q", room, who), func() bool { return slices.Equal(h.inside(room), who) })
}

// hears waits until he was told that; so often, if he is to be told again.
func (h *house) hears(c *call, said string, times ...int) {
	h.Helper()
	if strings.Contains(said, " ") {
		said = `"` + said + `"`
	}
	h.await(c.number+" hears "+said, func() bool {
		return h.log.count("msg=says call="+c.id+" room=5234 said="+said+"\n") == append(times, 1)[0]
	})
}

func (c *call) presses(keys string) {
	for _, key := range []byte(keys) {
		c.leg.Press(key)
	}
}

// Ann presses *1, dials 103 and #, and hears that it rings; Carl answers and is in.  Bob, who is there as well, notices nothing before.
func TestInviting(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	answers := make(chan struct{})
	h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		watch(dialout.Change{State: dialout.Trying, Number: req.Number})
		watch(dialout.Change{State: dialout.Ringing, Number: req.Number})
		<-answers
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: carl, Number: req.Number, Policy: dialout.Straight}
	}
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	ann.presses("*1")
	h.wantInside("5234", "-101", "102")
	ann.presses("103#")
	h.await("he is dialled", func() bool { return slices.Equal(h.list(), []string{"101 into 5234: 103"}) })
	close(answers)
	h.wantInside("5234", "101", "102", "103")
	ann.presses("*6") // alone with him
	h.wantInside("5234", "-101", "102", "-103")
	ann.presses("*6")
	h.wantInside("5234", "101", "102", "103")
	ann.presses("*#") // and he is dropped
	h.wantInside("5234", "101", "102")
	if carl.reason != "dropped by the inviter" {
		t.Error(carl.reason)
	}
}

func (h *house) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.dialled)
}

// What ends the digits: #, a pause, as many as there may be; * gives it up.
func TestDiallingEnds(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{"103#": "103", "10": "10", "12345678901": "12345678901", "12345678901#": "12345678901", "123456789012": "123456789012", "1234567890123#": "1234567890123", "55*": "", "#": ""} {
		t.Run(keys, func(t *testing.T) {
			h := newHouse(t, nil)
			h.script = func(context.Context, dialout.Request, func(dialout.Change)) dialout.Result {
				return dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}}
			}
			ann := h.comes("101", "5234", "")
			ann.presses("*1" + keys)
			if want != "" {
				h.await("it is dialled", func() bool { return slices.Equal(h.list(), []string{"101 into 5234: " + want}) })
				h.wantInside("5234", "-101") // and hears the busy tone
				ann.presses("#")
			}
			h.wantInside("5234", "101")
			if len(h.list()) > 0 != (want != "") {
				t.Error(h.list())
			}
		})
	}
}

// A key while it rings gives up; so does hanging up, and whoever answers then is hung up on.
func TestGivingUp(t *testing.T) {
	for _, hangsUp := range []bool{false, true} {
		h := newHouse(t, nil)
		late := h.newCall("103")
		why := make(chan error, 1)
		h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
			<-ctx.Done()
			why <- context.Cause(ctx)
			if hangsUp {
				return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: late, Policy: dialout.Straight}
			}
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
		}
		ann := h.comes("101", "5234", "")
		ann.presses("*1103#")
		h.await("it rings", func() bool { return len(h.list()) == 1 })
		if hangsUp {
			ann.Hangup("gone")
			<-late.Done()
		} else {
			ann.presses("#")
		}
		if err := <-why; err != dialout.ErrGivenUp {
			t.Error(err)
		}
		if !hangsUp {
			h.wantInside("5234", "101")
		}
	}
}

// Early sound is for the inviter alone; then a policy: a voicemail does not press 1, a person does.
func TestPressOne(t *testing.T) {
	t.Parallel()
	for _, presses := range []string{"", "21"} {
		h := newHouse(t, func(c *Config) { c.Accept = 700 * time.Millisecond })
		carl := h.newCall("103")
		answers := make(chan struct{})
		h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
			watch(dialout.Change{State: dialout.Ringing, Number: req.Number, Early: carl})
			<-answers
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: carl, Number: req.Number, Policy: dialout.Press1}
		}
		ann := h.comes("101", "5234", "")
		ann.presses("*1103#")
		h.wantInside("5234", "-101", "(103)")
		close(answers)
		if presses == "" {
			<-carl.Done()
			if carl.reason != "no-accept" {
				t.Error(carl.reason)
			}
			ann.presses("#") // she has heard the tone
			h.wantInside("5234", "101")
			continue
		}
		carl.presses(presses)
		h.wantInside("5234", "101", "103")
	}
}

// Ann talks to Carl first: * takes him in, # does not.
func TestConsulting(t *testing.T) {
	for _, key := range []string{"*", "#"} {
		h := newHouse(t, nil)
		carl := h.newCall("103")
		h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: carl, Number: req.Number, Policy: dialout.Consult}
		}
		ann := h.comes("101", "5234", "")
		ann.presses("*1103#")
		h.wantInside("5234", "-101", "(103)")
		ann.presses(key)
		if key == "*" {
			h.wantInside("5234", "101", "103")
		} else {
			<-carl.Done()
			h.wantInside("5234", "101")
		}
	}
}

func TestMenu(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
	ann.presses("*2")
	h.wantInside("5234", "101!", "102")
	ann.presses("*2*3*4*5*7*8*077**0**1")
	h.wantInside("5234", "101", "102")
	bob.presses("*9")
	h.await("the room is locked", func() bool { return h.rooms.Locked("5234") })
	bob.presses("*9")
	h.await("the room is open", func() bool { return !h.rooms.Locked("5234") })
	bob.presses("**2") // he is no host
	bob.presses("*2")
	h.wantInside("5234", "101", "102!")
	bob.presses("*2")
	h.wantInside("5234", "101", "102")
	boss := h.comes("boss", "5234", "")
	boss.presses("**2")
	h.wantInside("5234", "101~", "102~", "boss")
	boss.presses("**2")
	h.wantInside("5234", "101", "102", "boss")
	h.comes("104", "5234", "")
	boss.presses("**3")
	h.wantInside("5234", "101", "102", "boss")
	boss.presses("*#*6") // nobody was invited
	h.wantInside("5234", "101", "102", "boss")
}

// The director calls group 100; a member who answers is received; whoever asks for more than there is hears that.
func TestGroups(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.n = 7
	boss := h.comes("201", "201", "100")
	member := h.newCall("202")
	guest := dialout.Guest{Group: "100", Caller: "201", Result: dialout.Result{Call: member, Number: "202", Policy: dialout.Straight, Lease: dialout.Lease{Room: h.conference("201")}}}
	if got := h.office.Receive(t.Context(), guest); got != dialout.In {
		t.Error(got)
	}
	h.wantInside("201", "201", "202")
	h.groups.said = dialout.Report{Total: 2, In: 1, Missing: []dialout.MemberState{{Member: dialout.Member{Extension: "203"}, Outcome: dialout.Outcome{State: dialout.Busy}}}}
	boss.presses("**1**0**2")
	h.wantInside("201", "201", "202~")
	member.Hangup("goes")
	h.wantInside("201", "201")
	h.await("all is told", func() bool {
		h.groups.mu.Lock()
		defer h.groups.mu.Unlock()
		return strings.Join(h.groups.asked, ", ") == "arrived 201, call 100 into 201 for 201, arrived 202, missing of 201 for 201, left 202" ||
			strings.Join(h.groups.asked, ", ") == "call 100 into 201 for 201, arrived 201, arrived 202, missing of 201 for 201, left 202"
	})
	h.groups.mu.Lock()
	h.groups.err = dialout.ErrStoreDown
	h.groups.mu.Unlock()
	h.comes("301", "301", "100") // is in the room all the same
}

// A member of a group presses 1 when the last one inside has just left: he is not in, and is told why by his BYE.
func TestPressOneAfterTheConference(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	member := h.newCall("202")
	who := dialout.Guest{Caller: "101", Result: dialout.Result{Call: member, Number: "202", Policy: dialout.Press1, Lease: dialout.Lease{Room: h.conference("5234")}}}
	got := make(chan dialout.State, 1)
	go func() { got <- h.office.Receive(t.Context(), who) }()
	h.wantInside("5234", "101", "(202)")
	ann.Hangup("bye")
	h.wantInside("5234", "(202)")
	member.presses("1")
	if state := <-got; state != dialout.Cancelled {
		t.Errorf("he is %s, want cancelled", state)
	}
	<-member.Done()
	if why := member.Reason(); why != rooms.ErrDeserted.Error() {
		t.Errorf("he was hung up with %q", why)
	}
	h.wantInside("5234")
}
