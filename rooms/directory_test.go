package rooms

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a Directory on a real media engine, with what it has told.
type house struct {
	testing.TB
	engine *media.Engine
	*Directory
	log *buffer

	mu     sync.Mutex
	events []Event
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newHouse opens a house; it is closed with the test.
func newHouse(t testing.TB, cfg Config) *house {
	t.Helper()
	h := &house{TB: t, log: new(buffer)}
	engine, err := media.New(media.Config{
		Ports: media.PortRange{First: 40000, Last: 43999}, PortRest: time.Millisecond, Loops: 2, Hands: 2,
		Log:    slog.New(slog.DiscardHandler),
		Broken: func(b media.Bus, reason any) { h.Broken(b, reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.engine, cfg.Engine = engine, engine
	cfg.Log = slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.OnEvent = func(e Event) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.events = append(h.events, e)
	}
	h.Directory = NewDirectory(cfg)
	t.Cleanup(func() {
		h.Directory.Close()
		engine.Close()
	})
	return h
}

// told counts the events of a kind.
func (h *house) told(k Kind) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// call is a Call with a leg.
type call struct {
	id     string
	leg    *media.Leg
	hungUp atomic.Pointer[string]
}

func (c *call) ID() string                    { return c.id }
func (c *call) Caller() (name, number string) { return "Name of " + c.id, "100" }
func (c *call) Leg() *media.Leg               { return c.leg }
func (c *call) Hangup(reason string)          { c.hungUp.Store(&reason) }
func (c *call) Done() <-chan struct{}         { return nil }

// calls makes a call whose leg has real sockets.
func (h *house) calls(id string) *call {
	h.Helper()
	leg, err := h.engine.Open(netip.MustParseAddr("127.0.0.1"))
	if err != nil {
		h.Error(err)
		runtime.Goexit() // what Fatal does, which only the test's own goroutine may call
	}
	leg.Update(media.Session{Codec: codec.PCMA, PayloadType: 8}) // no remote address: it sends nothing
	return &call{id: id, leg: leg}
}

// seat reserves, and fails if there is none.
func (h *house) seat(number string) *Seat {
	h.Helper()
	s, err := h.Reserve(number)
	if err != nil {
		h.Errorf("Reserve(%s): %v", number, err)
		runtime.Goexit()
	}
	return s
}

// refuses fails unless there is no seat for that reason.
func (h *house) refuses(number string, want error) {
	h.Helper()
	if s, err := h.Reserve(number); !errors.Is(err, want) || s != nil {
		h.Errorf("Reserve(%s): %v, %v; want %v", number, s, err, want)
	}
}

func TestLimits(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 2, MaxLegs: 3})
	a, b := h.seat("1"), h.seat("1")
	h.refuses("1", ErrRoomFull)
	c := h.seat("2")
	h.refuses("2", ErrFull)
	h.refuses("1", ErrFull) // the server's limit says more
	b.Release()
	b.Release()
	if got := h.Stats(); got.Rooms != 2 || got.Seats != 2 {
		t.Errorf("after one release: %+v", got)
	}
	b = h.seat("1")
	c.Release()
	h.refuses("1", ErrRoomFull)
	a.Release()
	b.Release()
	if got := h.Stats(); got != (Stats{}) {
		t.Errorf("after all releases: %+v", got)
	}
	h.Directory.Close()
	h.Directory.Close()
	h.refuses("1", ErrClosed)
}

// TestAdmits: as many are admitted as would find seats, and no seat is kept for them.
func TestAdmits(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 3, MaxLegs: 4})
	want := func(number string, n int, want error) {
		t.Helper()
		if err := h.Admits(number, n); !errors.Is(err, want) {
			t.Errorf("Admits(%s, %d): %v, want %v", number, n, err, want)
		}
	}
	want("1", 3, nil)
	want("1", 4, ErrRoomFull)
	want("1", 5, ErrFull)
	if got := h.Stats(); got != (Stats{}) {
		t.Errorf("after questions alone: %+v", got)
	}
	h.seat("1")
	want("1", 2, nil)
	want("1", 3, ErrRoomFull)
	want("2", 3, nil)
	want("2", 4, ErrFull)
	h.Lock("1", true)
	want("1", 2, ErrLocked)
	want("2", 2, nil)
	h.Lock("1", false)
	want("1", 2, nil)
	h.Directory.Close()
	want("1", 2, ErrClosed)
}

// A room that nobody has had before is had by one, and is a room like any other then.
func TestReserveNew(t *testing.T) {
	h := newHouse(t, Config{MaxLegs: 2})
	a, err := h.ReserveNew("48151623")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := h.ReserveNew("48151623"); !errors.Is(err, ErrTaken) || s != nil {
		t.Errorf("the same again: %v, %v", s, err)
	}
	b := h.seat("48151623")
	if s, err := h.ReserveNew("1"); !errors.Is(err, ErrFull) || s != nil {
		t.Errorf("when all seats are taken: %v, %v", s, err)
	}
	a.Release()
	b.Release()
	if c, err := h.ReserveNew("48151623"); err != nil {
		t.Error(err)
	} else {
		c.Release()
	}
}

func TestJoinAndLeave(t *testing.T) {
	h := newHouse(t, Config{Tones: true})
	alice, bob := h.calls("alice"), h.calls("bob")
	pa := h.seat("5234").Join(alice)
	pb := h.seat("5234").Join(bob)
	pb.Mute()
	pb.Deafen()
	h.Snapshot() // takes a tick: he is in, and not in the ante-room
	bob.leg.Press('7')
	bob.leg.Update(media.Session{Codec: codec.PCMU, Held: true})

	shots := h.Snapshot()
	for len(shots) == 1 && len(shots[0].Participants) == 2 && shots[0].Participants[1].Digits == "" {
		shots = h.Snapshot() // each takes a tick
	}
	if len(shots) != 1 || shots[0].Number != "5234" || len(shots[0].Participants) != 2 {
		t.Fatalf("snapshot: %+v", shots)
	}
	first, second := shots[0].Participants[0], shots[0].Participants[1]
	if first.ID != "alice" || first.Name != "Name of alice" || first.Number != "100" || first.Muted || first.Held || first.Codec != "PCMA" || first.Level != -127 {
		t.Errorf("alice: %+v", first)
	}
	if second.ID != "bob" || !second.Muted || !second.Deaf || !second.Held || second.Codec != "PCMU" || second.Digits != "7" || second.DigitCount != 1 {
		t.Errorf("bob: %+v", second)
	}
	if shots[0].Since.After(first.Since) || first.Since.After(second.Since) || time.Since(second.Since) > time.Minute {
		t.Errorf("times: room %v, alice %v, bob %v", shots[0].Since, first.Since, second.Since)
	}

	pb.Unmute()
	pb.Undeafen()
	pa.Leave("hung up")
	pa.Leave("again")
	if shots := h.Snapshot(); len(shots) != 1 || len(shots[0].Participants) != 1 || shots[0].Participants[0].Muted || shots[0].Participants[0].Deaf {
		t.Errorf("after alice has left: %+v", shots)
	}
	pb.Leave("moved")
	if shots := h.Snapshot(); len(shots) != 0 {
		t.Errorf("after all have left: %+v", shots)
	}
	if s := h.engine.Stats(); s.Attached != 0 || s.Legs != 2 {
		t.Errorf("after all have left: %d legs attached and %d open, want 0 and 2", s.Attached, s.Legs)
	}
	alice.leg.Close()
	bob.leg.Close()

	h.Directory.Close() // and with it the journal
	var kinds []string
	for _, e := range h.events {
		if e.Kind == Changed {
			continue // how often that is depends on the tick that bob's mute and his hold fall into
		}
		kinds = append(kinds, strings.TrimSpace(e.Kind.String()+" "+e.Call+" "+e.Reason))
		if (e.Kind == Left || e.Kind == RoomGone) && (e.Duration <= 0 || e.Duration > time.Minute) {
			t.Errorf("%v of %s after %v", e.Kind, e.Call, e.Duration)
		}
	}
	want := []string{"room created", "joined alice", "joined bob", "digit pressed bob", "left alice hung up", "left bob moved", "room gone"}
	if !slices.Equal(kinds, want) {
		t.Errorf("events %q, want %q", kinds, want)
	}
	for _, line := range []string{
		`level=INFO msg="room created" room=5234`,
		`level=INFO msg=joined room=5234 call=alice name="Name of alice" number=100`,
		`level=DEBUG msg="digit pressed" room=5234 call=bob digit=7`,
		`level=INFO msg=left room=5234 call=bob reason=moved duration=`,
	} {
		if !strings.Contains(h.log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, h.log)
		}
	}
}

func TestSomebodyElseOnTheSameCall(t *testing.T) {
	h := newHouse(t, Config{})
	c := h.calls("a")
	p := h.seat("1").Join(c)
	p.Rename("Boris", "102")
	p.Rename("Boris", "102") // nothing new
	shots := h.Snapshot()
	if len(shots) != 1 || len(shots[0].Participants) != 1 || shots[0].Participants[0].Name != "Boris" || shots[0].Participants[0].Number != "102" {
		t.Errorf("roster %+v", shots)
	}
	p.Leave("")
	p.Rename("Clara", "103") // too late
	waitFor(t, "he has left", func() bool { return h.told(Left) == 1 })
	if n := h.told(Renamed); n != 1 {
		t.Errorf("renamed %d times", n)
	}
	c.leg.Close()
}

func TestSeatIsTakenOnce(t *testing.T) {
	h := newHouse(t, Config{})
	s := h.seat("1")
	alice, bob := h.calls("alice"), h.calls("bob")
	defer alice.leg.Close()
	defer bob.leg.Close()
	p := s.Join(alice)
	other := s.Join(bob)
	s.Release() // after Join: nothing
	other.Mute()
	other.Leave("never in")
	if shots := h.Snapshot(); len(shots) != 1 || len(shots[0].Participants) != 1 {
		t.Errorf("%+v", shots)
	}
	p.Leave("hung up")
	s.Join(bob).Leave("too late")
	if got := h.Stats(); got != (Stats{}) {
		t.Errorf("%+v", got)
	}
}

func TestCloseTakesEverybodyOut(t *testing.T) {
	h := newHouse(t, Config{})
	alice, bob := h.calls("alice"), h.calls("bob")
	p := h.seat("1").Join(alice)
	h.Snapshot() // she is in
	late := h.seat("1")
	h.Directory.Close()
	if s := h.engine.Stats(); s.Attached != 0 {
		t.Errorf("%d legs are attached to rooms that have ended", s.Attached)
	}
	if bob.hungUp.Load() != nil {
		t.Error("bob was hung up before he came")
	}
	q := late.Join(bob)
	if bob.hungUp.Load() == nil {
		t.Error("bob took a seat in a room that has ended, and was not hung up")
	}
	h.staysOut(q)
	p.Leave("hung up")
	q.Leave("hung up")
	late.Release()
	if got := h.Stats(); got != (Stats{}) {
		t.Errorf("%+v", got)
	}
	if n := h.told(Left); n != 1 {
		t.Errorf("%d left", n)
	}
	alice.leg.Close()
	bob.leg.Close()
	if s := h.engine.Stats(); s.Attached != 0 || s.Legs != 0 {
		t.Errorf("%+v", s)
	}
}

// staysOut fails if the participant's leg is attached to the loop of his room.
func (h *house) staysOut(p *Participant) {
	h.Helper()
	in := false
	p.seat.room.wait(func() { in = p.phase == inside || len(p.seat.room.members) > 0 })
	if s := h.engine.Stats(); in || s.Attached != 0 {
		h.Errorf("%s is in: %v; legs attached: %d", p.id, in, s.Attached)
	}
}

// TestBrokenRoomEndsAlone: a panic in one room's tick ends that room and no other.
func TestBrokenRoomEndsAlone(t *testing.T) {
	h := newHouse(t, Config{})
	alice, bob := h.calls("alice"), h.calls("bob")
	p, q := h.seat("1").Join(alice), h.seat("2").Join(bob)
	late := h.seat("1")
	h.Snapshot() // both are in
	p.seat.room.do(func() { p.leg = nil })
	waitFor(t, "alice to be hung up", func() bool { return alice.hungUp.Load() != nil })
	if bob.hungUp.Load() != nil {
		t.Error("bob was hung up too")
	}
	if shots := h.Snapshot(); len(shots) != 1 || shots[0].Number != "2" || len(shots[0].Participants) != 1 {
		t.Errorf("%+v", shots)
	}
	h.seat("1").Release() // a new room
	p.seat.room.wait(func() { p.leg = alice.leg })
	p.Leave("room failed")
	q.Leave("hung up")
	carol := h.calls("carol")
	h.staysOut(late.Join(carol))
	if carol.hungUp.Load() == nil {
		t.Error("carol took a seat in a room that is broken, and was not hung up")
	}
	for _, c := range []*call{alice, bob, carol} {
		c.leg.Close()
	}
}

// waitFor polls: the thing comes from another goroutine that tells nobody.
func waitFor(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("waited 5 s for %s", what)
		}
		runtime.Gosched()
	}
}

// TestNothingIsLeftBehind: a thousand joins and leaves on real sockets, several at once and with
// rooms that come and go under them.
func TestNothingIsLeftBehind(t *testing.T) {
	h := newHouse(t, Config{Tones: true})
	goroutines := runtime.NumGoroutine()
	const callers, each = 50, 20
	var all sync.WaitGroup
	var mu sync.Mutex
	var rooms []weak.Pointer[Room]
	for i := range callers {
		all.Go(func() {
			for n := range each {
				c := h.calls(fmt.Sprint(i, "-", n))
				s := h.seat(fmt.Sprint(5000 + (i+n)%7))
				p := s.Join(c)
				if n%3 == 0 {
					p.Mute()
					h.Snapshot()
				}
				mu.Lock()
				rooms = append(rooms, weak.Make(s.room))
				mu.Unlock()
				p.Leave("hung up")
				c.leg.Close()
			}
		})
	}
	all.Wait()
	if got := h.Stats(); got != (Stats{}) {
		t.Errorf("seats and rooms: %+v", got)
	}
	if s := h.engine.Stats(); s.Attached != 0 || s.Legs != 0 || s.Ports != 0 || s.Panics != 0 {
		t.Errorf("legs and ports: %+v", s)
	}
	waitFor(t, "the goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	waitFor(t, "the rooms to be collected: no loop may hold one", func() bool {
		runtime.GC()
		return !slices.ContainsFunc(rooms, func(r weak.Pointer[Room]) bool { return r.Value() != nil })
	})
	h.Directory.Close()
	if j, l, c, g := h.told(Joined), h.told(Left), h.told(RoomCreated), h.told(RoomGone); j != callers*each || l != j || c != g || c < 7 {
		t.Errorf("%d joined, %d left, %d rooms created, %d gone", j, l, c, g)
	}
}

// TestRacingSeats: reservations that are joined, released and refused at the same time leave the
// books right, and no room is ever over its limit.
func TestRacingSeats(t *testing.T) {
	const limit = 3
	h := newHouse(t, Config{MaxParticipants: limit, MaxLegs: 20})
	var all sync.WaitGroup
	var got, refused atomic.Int64
	for i := range 8 {
		all.Go(func() {
			for n := range 300 {
				s, err := h.Reserve(fmt.Sprint(n % 2))
				if err != nil {
					refused.Add(1)
					continue
				}
				got.Add(1)
				h.Directory.mu.Lock()
				seats := len(s.room.seats)
				current := h.Directory.rooms[s.Room()] == s.room
				h.Directory.mu.Unlock()
				if seats > limit || !current {
					t.Errorf("a seat among %d in a room that is current: %v", seats, current)
				}
				if (i+n)%40 == 0 {
					w := &parrot{from: netip.MustParseAddrPort("127.0.0.2:20000")}
					c := &call{id: fmt.Sprint(i, n), leg: media.NewLeg(media.LegConfig{}, w)}
					s.Join(c).Leave("hung up")
					c.leg.Close()
				}
				s.Release()
			}
		})
	}
	all.Wait()
	if got.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d seats, %d refused: this shows nothing", got.Load(), refused.Load())
	}
	if s := h.Stats(); s != (Stats{}) {
		t.Errorf("%+v", s)
	}
}

// TestJournalThatStandsStillLosesAndCounts: a reader who does not read costs events, not ticks.
func TestJournalThatStandsStillLosesAndCounts(t *testing.T) {
	h := newHouse(t, Config{})
	h.mu.Lock() // the hook of the house waits here
	for range queueSize {
		h.seat("1").Release() // two events
	}
	if d := h.Stats().EventsDropped; d == 0 || d > 2*queueSize {
		t.Errorf("%d events dropped of %d", d, 2*queueSize)
	}
	h.mu.Unlock()
	h.Directory.Close()
	if !strings.Contains(h.log.String(), "room events dropped") {
		t.Error("the log does not say so")
	}
}

// Ann locks the room, and nobody comes in but whom she invites: he waits in the ante-room until he enters. What the methods do that run on the
// loop is seen in a snapshot.
func TestTheInvitedWaitsAndEntersALockedRoom(t *testing.T) {
	h := newHouse(t, Config{Tones: true})
	ann, bob := h.calls("ann"), h.calls("bob")
	pa := h.seat("5234").Join(ann)
	h.Lock("5234", true)
	h.Lock("1", true) // there is none
	h.refuses("5234", ErrLocked)
	if !h.Locked("5234") || h.Locked("1") {
		t.Error("which room is locked?")
	}
	seat, err := h.ReserveInvited("5234", pa.Incarnation())
	if err != nil {
		t.Fatal(err)
	}
	pb := seat.Wait(bob)
	pa.StepAside(pb)
	pa.Play(DialTone, true)
	pb.Play(Refused, false)
	pb.StopPlaying()
	look := func() (a, b ParticipantSnapshot) {
		t.Helper()
		shot, ok := h.Look("5234")
		if !ok || len(shot.Participants) != 2 {
			t.Fatalf("%t, %+v", ok, shot)
		}
		return shot.Participants[0], shot.Participants[1]
	}
	if a, b := look(); !a.Aside || a.Waiting || !b.Waiting || b.Aside {
		t.Errorf("while he waits: %+v, %+v", a, b)
	}
	if h.told(Joined) > 1 {
		t.Error("he is announced before he is in")
	}
	pb.Enter()
	pb.Enter()
	pa.Return()
	pa.HearLouder(1)
	pa.SpeakLouder(-1)
	h.Announce("5234", Door, NewSound(make([]int16, 1600)))
	h.Announce("1", Door, NewSound(make([]int16, 1600))) // there is none
	if a, b := look(); a.Aside || b.Waiting {
		t.Errorf("when he is in: %+v, %+v", a, b)
	}
	h.Lock("5234", false)
	s := h.seat("5234")
	s.Release()
	pb.Leave("hung up")
	pb.StepAside(pa) // he has left
	pb.Enter()
	pa.StepAside(pb)
	pa.Leave("hung up")
	if _, ok := h.Look("5234"); ok {
		t.Error("the room is still there")
	}
	ann.leg.Close()
	bob.leg.Close()
	h.Directory.Close()
	if joined, left := h.told(Joined), h.told(Left); joined != 2 || left != 2 {
		t.Errorf("%d joined and %d left", joined, left)
	}
}
