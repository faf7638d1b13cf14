package attendant

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
)

// succeeds asks for the right to take the place of somebody's call, who may just have come in.
func (h *house) succeeds(old *call) (s *Succession) {
	h.Helper()
	h.await("somebody may take the place of "+old.id, func() (ok bool) {
		s, ok = h.office.Succeed(old.id)
		return ok
	})
	return s
}

// takesOver puts a call of that number in the place of another, and has it served there.
func (h *house) takesOver(old *call, number string) *call {
	h.Helper()
	s := h.succeeds(old)
	c := h.newCall(number)
	h.serves.Go(func() { // ends with the call
		defer s.Release()
		if !s.Serve(context.Background(), c) {
			h.Errorf("%s did not take the place", c.id)
		}
	})
	<-old.Done()
	if old.reason != "another call has taken its place" {
		h.Errorf("the other one is hung up: %s", old.reason)
	}
	return c
}

// The boss is in her room, muted, and has muted the others. She takes her call over to another phone of hers, again and again: she is where she
// was, still muted, and a host; nobody has come or gone.
func TestAHostTakesHerCallOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.comes("101", "5234", "")
	boss := h.comes("boss", "5234", "")
	h.comes("102", "5234", "")
	boss.presses("**2*2")
	h.wantInside("5234", "101~", "boss!", "102~")
	for range 4 {
		next := h.takesOver(boss, "boss")
		h.wantInside("5234", "101~", "boss!", "102~")
		boss = next
		boss.presses("*2")
		h.wantInside("5234", "101~", "boss", "102~")
		boss.presses("*2")
		h.wantInside("5234", "101~", "boss!", "102~")
	}
	boss.presses("**2*2")
	h.wantInside("5234", "101", "boss", "102")
	boss.presses("**3") // and hangs up who came last
	h.wantInside("5234", "101", "boss")
	boss.Hangup("gone")
	h.wantInside("5234", "101")
	h.await("two have left", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return fmt.Sprint(h.left) == "[102: removed by the host boss: gone]"
	})
	if n := len(h.office.serves); n != 1 {
		t.Errorf("%d are served", n)
	}
}

// She passes it on to somebody else, who has no rights; and what she had begun to type is not his.
func TestAHostPassesHerCallOn(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Pause = 10 * time.Second })
	h.comes("101", "5234", "")
	boss := h.comes("boss", "5234", "")
	boss.presses("**2")
	h.wantInside("5234", "101~", "boss")
	boss.presses("**")
	h.await("she has typed", func() bool { return h.typed(boss) == "**" })
	carl := h.takesOver(boss, "109")
	h.wantInside("5234", "101~", "109~")
	carl.presses("2**2*2")
	h.wantInside("5234", "101~", "109!~")
	back := h.takesOver(carl, "boss") // and gets it back
	h.wantInside("5234", "101~", "boss!")
	back.presses("**2")
	h.wantInside("5234", "101", "boss!")
}

// typed is what somebody has typed of a sequence, as far as he is not served just now.
func (h *house) typed(c *call) string {
	shot, _ := h.rooms.Look("5234")
	for _, p := range shot.Participants {
		if p.ID == c.id && strings.HasSuffix(p.Digits, "**") {
			return "**"
		}
	}
	return ""
}

// Carl was invited by Ann, and they are alone with each other; both take their calls over to other phones. They are still alone, are mates, and
// Carl is still whom Ann has invited last.
func TestMatesTakeTheirCallsOver(t *testing.T) {
	h := newHouse(t, nil)
	ann, _, carl := h.pair()
	carl = h.takesOver(carl, "103")
	h.wantInside("5234", "-101", "102", "-103")
	ann = h.takesOver(ann, "101")
	h.wantInside("5234", "-101", "102", "-103")
	carl.presses("*6")
	h.wantInside("5234", "101", "102", "103")
	ann.presses("*6")
	h.wantInside("5234", "-101", "102", "-103")
	ann.presses("*#")
	h.wantInside("5234", "101", "102")
	if carl.reason != "dropped by the inviter" {
		t.Errorf("Carl: %q", carl.reason)
	}
}

// Whom we have called is who was dialled, also when he takes his call over; and who has called a group together is a host on every phone of his. That
// group is told which call is his.
func TestGroupMembersAndTheirCallerTakeTheirCallsOver(t *testing.T) {
	h := newHouse(t, nil)
	h.office.atOnce = 0
	h.groups.n = 1
	ann := h.comes("101", "5234", "100")
	boss := h.newCall("2010")
	member := dialout.Guest{Caller: "101", Result: dialout.Result{Call: boss, Number: "boss", Policy: dialout.Straight, Lease: dialout.Lease{Room: h.conference("5234")}}}
	if got := h.office.Receive(t.Context(), member); got != dialout.In {
		t.Fatal(got)
	}
	h.comes("102", "5234", "")
	h.wantInside("5234", "101", "2010", "102")
	ann = h.takesOver(ann, "101")
	h.wantInside("5234", "101", "2010", "102")
	ann.presses("**2")
	h.wantInside("5234", "101", "2010", "102~")
	boss = h.takesOver(boss, "2010")
	boss.presses("**2")
	h.wantInside("5234", "101", "2010", "102")
	boss = h.takesOver(boss, "109")
	boss.presses("**2*2")
	h.wantInside("5234", "101", "109!", "102")
	h.groups.mu.Lock()
	defer h.groups.mu.Unlock()
	for _, want := range []string{"moved 101 to 101", "moved 2010 to 2010", "moved 2010 to 109"} {
		if !slices.Contains(h.groups.asked, want) {
			t.Errorf("the groups are not told %q, but %q", want, h.groups.asked)
		}
	}
	if slices.ContainsFunc(h.groups.asked, func(s string) bool { return strings.HasPrefix(s, "left") }) {
		t.Errorf("nobody has left: %q", h.groups.asked)
	}
}

// While he dials: that is given up, and he is back in the talk, with the other phone.
func TestTakingOverWhileDialling(t *testing.T) {
	h := newHouse(t, nil)
	why := make(chan error, 1)
	h.script = func(ctx context.Context, req dialout.Request, _ func(dialout.Change)) dialout.Result {
		<-ctx.Done()
		why <- context.Cause(ctx)
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
	}
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.await("it rings", func() bool { return len(h.list()) == 1 })
	h.wantInside("5234", "-101")
	ann = h.takesOver(ann, "101")
	if err := <-why; err != dialout.ErrGivenUp {
		t.Error(err)
	}
	h.wantInside("5234", "101")
	ann.presses("*2")
	h.wantInside("5234", "101!")
}

// One at a time may take a place; and who was hung up meanwhile has not left before it is clear that nobody takes it.
func TestWhoIsToTakeAPlaceMayNot(t *testing.T) {
	for _, moves := range []bool{true, false} {
		h := newHouse(t, nil)
		ann, other := h.comes("101", "5234", ""), h.comes("102", "5234", "")
		s := h.succeeds(ann)
		if s.Room() != "5234" {
			t.Errorf("room %q", s.Room())
		}
		if _, ok := h.office.Succeed(ann.id); ok {
			t.Error("two may take the same place")
		}
		ann.Hangup("gone")
		other.presses("*2") // takes a while
		h.wantInside("5234", "101", "102!")
		mobile := h.newCall("101")
		if !moves {
			s.Release()
			s.Release()
			h.wantInside("5234", "102!")
			if _, ok := h.office.Succeed(ann.id); ok {
				t.Error("who has left may be replaced")
			}
			continue
		}
		h.serves.Go(func() { s.Serve(context.Background(), mobile) })
		mobile.presses("*2")
		h.wantInside("5234", "101!", "102!")
		s.Release() // of no consequence
		h.wantInside("5234", "101!", "102!")
		mobile.Hangup("gone")
		h.wantInside("5234", "102!")
	}
}

// A right that was given back can be had again; and the call that is not let into the place is somebody else's to hang up.
func TestAPlaceThatIsNotTaken(t *testing.T) {
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	h.succeeds(ann).Release()
	s := h.succeeds(ann)
	shut := h.newCall("101")
	shut.leg.Close()
	if s.Serve(t.Context(), shut) {
		t.Error("a call without a leg takes the place")
	}
	s.Release()
	if shut.over == nil || shut.Reason() != "" {
		t.Error("it was hung up")
	}
	ann.presses("*2")
	h.wantInside("5234", "101!")
	h.takesOver(ann, "101")
	h.wantInside("5234", "101!")
}

// Nobody takes the place of who is still in the ante-room, or whose group is just being looked up.
func TestNoPlaceToBeTakenYet(t *testing.T) {
	h := newHouse(t, nil)
	h.groups.slow = make(chan struct{})
	carl := h.newCall("103")
	h.answering(dialout.Press1, carl)
	ann := h.comes("101", "5234", "100")
	if _, ok := h.office.Succeed(ann.id); ok {
		t.Error("his group is being called")
	}
	close(h.groups.slow)
	ann.presses("*1103#")
	h.wantInside("5234", "-101", "(103)")
	if _, ok := h.office.Succeed(carl.id); ok {
		t.Error("he has not pressed 1")
	}
	if _, ok := h.office.Succeed("nobody"); ok {
		t.Error("nobody is replaced")
	}
	carl.presses("1")
	h.wantInside("5234", "101", "103")
	h.takesOver(carl, "103")
	h.wantInside("5234", "101", "103")
}

// A bug while the place is taken costs the call that takes it.
func TestPanicWhileAPlaceIsTaken(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Groups = bugs{c.Groups} })
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	s := h.succeeds(ann)
	mobile := h.newCall("101")
	func() {
		defer func() { recover() }()
		defer s.Release()
		s.Serve(t.Context(), mobile)
	}()
	ann.Hangup("gone")
	h.wantInside("5234", "102")
}

type bugs struct{ Groups }

func (bugs) CallerMoved(string, string) { panic("our bug") }

// A room is not told that somebody has come or gone when only his call is another.
func TestTheRoomIsNotToldOfATakeover(t *testing.T) {
	c := &crier{rooms: map[string]*comings{}}
	now := time.Now()
	hear := func(kind rooms.Kind, call, before, number string) {
		c.note(rooms.Event{Kind: kind, Room: "5234", Call: call, Before: before, Number: number}, now)
	}
	hear(rooms.Joined, "a", "", "101")
	hear(rooms.Joined, "b", "", "102")
	r := c.rooms["5234"]
	now = now.Add(time.Minute)
	r.tell(now)
	hear(rooms.Replaced, "c", "b", "102")
	if !r.Due.IsZero() {
		t.Error("there is something to tell")
	}
	hear(rooms.Left, "b", "", "102")
	if !r.Due.IsZero() {
		t.Error("who is on another call now has left")
	}
	hear(rooms.Left, "c", "", "102")
	if r.Due.IsZero() {
		t.Error("he has left, and the room is not told")
	}
}

// Everybody takes calls over from everybody, hangs up and steps aside, all at once: whoever is let in is in, once, and when the last has hung up nothing is left.
func TestTakeoversInDisorder(t *testing.T) {
	h := newHouse(t, nil)
	h.office.atOnce = 0
	var (
		mu   sync.Mutex
		live []*call
	)
	some := func(r *rand.Rand) *call {
		mu.Lock()
		defer mu.Unlock()
		if len(live) == 0 {
			return nil
		}
		return live[r.IntN(len(live))]
	}
	enters := func(c *call) {
		mu.Lock()
		defer mu.Unlock()
		live = append(live, c)
	}
	for i := range 4 {
		enters(h.comes(fmt.Sprint(101+i), "5234", ""))
	}
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 7))
			for range 60 {
				c := some(r)
				switch r.IntN(8) {
				case 0:
					c := h.newCall(fmt.Sprint(110 + r.IntN(9)))
					h.enters(c, "5234", "")
					enters(c)
				case 1:
					c.Hangup("gone")
				case 2:
					c.presses([]string{"*2", "**2", "*6", "*4"}[r.IntN(4)])
				case 3:
					h.inside("5234") // a tick goes by
				default:
					s, ok := h.office.Succeed(c.id)
					if !ok {
						continue
					}
					next := h.newCall(fmt.Sprint(101 + r.IntN(9)))
					switch r.IntN(4) {
					case 0:
						s.Release()
						continue
					case 1:
						next.leg.Close()
					case 2:
						go c.Hangup("at the same time")
					}
					enters(next)
					h.serves.Go(func() {
						defer s.Release()
						if !s.Serve(context.Background(), next) {
							next.Hangup("not let in")
						}
					})
				}
			}
		})
	}
	workers.Wait()
	shot, _ := h.rooms.Look("5234")
	ids := map[string]bool{}
	for _, p := range shot.Participants {
		if ids[p.ID] {
			t.Errorf("%s is there twice", p.ID)
		}
		ids[p.ID] = true
	}
	mu.Lock()
	for _, c := range live {
		c.Hangup("the end")
	}
	mu.Unlock()
	h.serves.Wait()
	if n := h.rooms.Stats(); n.Rooms != 0 || n.Seats != 0 || len(h.office.serves) != 0 {
		t.Errorf("left behind: %+v, and %d are served", n, len(h.office.serves))
	}
	if n := h.office.Panics(); n != 0 {
		t.Errorf("%d panics", n)
	}
}
