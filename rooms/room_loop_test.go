package rooms

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// homes counts the seats of the directory by the loop on which they are, or will be when their room has moved.
func (h *house) homes() map[*media.Loop]int {
	h.Directory.mu.Lock()
	defer h.Directory.mu.Unlock()
	seats := make(map[*media.Loop]int)
	for _, r := range h.rooms {
		seats[r.home] += len(r.seats)
	}
	return seats
}

// At nine a hundred rooms are made, and then they grow. A thousand legs are less work for one core than for two. Of 2,400 each loop gets half, although
// all rooms were on the first one while they were small.
func TestRoomsThatGrowLeaveAFullLoop(t *testing.T) {
	h := newHouse(t, Config{MaxLegs: 3000})
	for round := range 3 {
		first, other := h.engine.Numbered(0), h.engine.Numbered(1)
		var seats []*Seat
		grow := func(to int) map[*media.Loop]int {
			for len(seats) < 100*to {
				seats = append(seats, h.seat(fmt.Sprint(5000+len(seats)%100)))
			}
			return h.homes()
		}
		if at := grow(10); at[first] != 1000 {
			t.Errorf("round %d: %d of 1,000 are on the first loop", round, at[first])
		}
		if at := grow(24); at[first] < 1024 || at[other] < 1024 || at[first]+at[other] != 2400 {
			t.Errorf("round %d: of 2,400, %d and %d are on the two loops", round, at[first], at[other])
		}
		for _, s := range seats {
			s.Release()
		}
		if next := h.engine.Loop(); next != first { // nothing is expected any more
			t.Errorf("round %d: the next room goes to loop %d", round, next.Number())
		}
	}
}

// A room that fills a loop by itself stays where it is, and others leave it.
func TestALargeRoomStays(t *testing.T) {
	h := newHouse(t, Config{MaxLegs: 3000, MaxParticipants: 2000})
	for range sharedFrom {
		h.seat("1")
	}
	small := h.seat("2") // on the other loop, for the first one is full
	h.moves(small.room, h.engine.Numbered(0))
	h.engine.Numbered(0).Expect(2000) // so that both would be more alike if it went
	h.seat("1")
	h.engine.Numbered(0).Expect(-2000)
	if small.room.home.Number() != 0 {
		t.Error("somebody else's room has moved")
	}
	h.seat("2")
	if at := h.homes(); at[h.engine.Numbered(0)] != sharedFrom+1 || at[h.engine.Numbered(1)] != 2 || small.room.home.Number() != 1 {
		t.Errorf("%v", at)
	}
}

// moves takes the room to the loop and waits until it is there.
func (h *house) moves(r *Room, to *media.Loop) {
	h.Helper()
	h.Directory.mu.Lock()
	work := h.workOn(to)
	r.expectOn(to)
	h.Directory.mu.Unlock()
	there := make(chan struct{})
	if !r.move(to, work, func() { close(there) }) {
		h.Fatal("the room cannot be moved")
	}
	<-there
	right := false
	if !r.wait(func() { right = r.loop == to && r.work == work }) || !right {
		h.Error("the room is on another loop than it was moved to, or does not answer")
	}
}

// talker is somebody at a socket, who says a tone of 500 Hz.
type talker struct {
	testing.TB
	*net.UDPConn
	leg  *media.Leg
	had  uint16 // the sequence number that has come last
	ts   uint32 // its timestamp
	sent int
}

// talks lets somebody call whose leg has a socket, and who has one.
func (h *house) talks(id string) (*call, *talker) {
	h.Helper()
	phone, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { phone.Close() })
	c := h.calls(id)
	h.Cleanup(c.leg.Close)
	c.leg.Update(media.Session{Remote: netip.MustParseAddrPort(phone.LocalAddr().String()), Codec: codec.PCMU, Ptime: 20 * time.Millisecond})
	return c, &talker{TB: h, UDPConn: phone, leg: c.leg}
}

// turn waits for a packet, says the next 20 ms, and returns the peak of what was heard.
func (k *talker) turn() int {
	k.Helper()
	var b [1500]byte
	k.SetDeadline(time.Now().Add(10 * time.Second))
	n, err := k.Read(b[:])
	if err != nil || n != 12+160 {
		k.Fatalf("%d bytes: %v", n, err)
	}
	seq, ts := uint16(b[2])<<8|uint16(b[3]), uint32(b[4])<<24|uint32(b[5])<<16|uint32(b[6])<<8|uint32(b[7])
	if step := ts - k.ts; k.sent > 0 && (seq != k.had+1 || step == 0 || step%160 != 0) {
		k.Errorf("packet %d comes after %d, and its timestamp is %d later", seq, k.had, step)
	}
	k.had, k.ts = seq, ts
	frame := make([]int16, 160)
	codec.PCMU.Decode(frame, b[12:n])
	tone := [16]int16{0, 3061, 5657, 7391, 8000, 7391, 5657, 3061, 0, -3061, -5657, -7391, -8000, -7391, -5657, -3061}
	var says [160]int16
	for i := range says {
		says[i] = tone[i%16]
	}
	out := append(make([]byte, 0, 172), 0x80, 0, byte(k.sent>>8), byte(k.sent), 0, 0, 0, 0, 0x5e, 0xed, 0, byte(k.leg.LocalAddr().Port()))
	for i, shift := 4, 24; i < 8; i, shift = i+1, shift-8 {
		out[i] = byte(uint32(160*k.sent) >> shift)
	}
	payload := make([]byte, 160)
	codec.PCMU.Encode(payload, says[:])
	k.WriteToUDPAddrPort(append(out, payload...), k.leg.LocalAddr())
	k.sent++
	return int(slices.Max(frame))
}

// Ann and Bob talk while their room goes from one loop to the other and back, ten times: no packet is missing, each hears the other all along.
func TestAMovedRoomIsHeard(t *testing.T) {
	h := newHouse(t, Config{})
	a, ann := h.talks("ann")
	b, bob := h.talks("bob")
	pa, pb := h.seat("5234").Join(a), h.seat("5234").Join(b)
	r := pa.seat.room
	soft := 0 // a machine that is busy elsewhere for 60 ms makes some packets so
	for i := range 240 {
		if i%20 == 10 && i >= 40 {
			h.moves(r, h.engine.Numbered(1-r.home.Number()))
		}
		if heard := min(ann.turn(), bob.turn()); i >= 40 && heard < 4000 {
			soft++
		}
	}
	if soft > 50 {
		t.Errorf("%d of 200 packets are soft", soft)
	}
	if s := h.engine.Stats(); s.Attached != 2 || s.Panics > 0 {
		t.Errorf("%+v", s)
	}
	pa.Leave("hung up")
	pb.Leave("hung up")
	h.Flush()
	if s := h.engine.Stats(); s.Attached != 0 || h.told(Left) != 2 {
		t.Errorf("%+v", s)
	}
}

// What somebody asks for while the room moves is done in the order in which he asks for it.
func TestOrderIsKeptInAMove(t *testing.T) {
	h := newHouse(t, Config{})
	p := h.seat("5234").Join(&call{id: "ann", leg: media.NewLeg(media.LegConfig{}, &wire{})})
	const names = 2000
	var asking sync.WaitGroup
	asking.Go(func() {
		for i := range names {
			p.Rename(fmt.Sprint(i), "100")
			if i%50 == 0 {
				h.Look("5234")
			}
		}
	})
	for i := range 10 {
		h.moves(p.seat.room, h.engine.Numbered(1-i%2))
	}
	asking.Wait()
	h.Snapshot()
	h.Flush()
	renamed := h.kinds(Renamed)
	if len(renamed) != names {
		t.Errorf("renamed %d times, want %d", len(renamed), names)
	}
	for i, e := range renamed {
		if e.Name != fmt.Sprint(i) {
			t.Fatalf("name %d is %q", i, e.Name)
		}
	}
	p.Leave("hung up")
}

// holds keeps a loop busy until release is called.
func (h *house) holds(l *media.Loop) (release func()) {
	busy, free := make(chan struct{}), make(chan struct{})
	l.Do(func() { close(busy); <-free })
	<-busy
	return sync.OnceFunc(func() { close(free) })
}

// begins has the room set out for a loop that does not answer yet: nobody owns its legs.
func (h *house) begins(r *Room, to *media.Loop) {
	h.Helper()
	h.engine.Numbered(0).Expect(1024)
	h.Cleanup(func() { h.engine.Numbered(0).Expect(-1024) })
	h.seat(r.number).Release() // the room is looked at when somebody comes
	if r.home != to {
		h.Fatal("the room stays")
	}
	waitFor(h, "the room to set out", func() bool { return h.engine.Stats().Attached == 0 })
}

// goesOn runs f, which asks something of a room in a move and waits for it, and lets the loop go on when that is asked.
func (h *house) goesOn(r *Room, release, f func()) {
	h.Helper()
	asked := func() int {
		r.mailbox.mu.Lock()
		defer r.mailbox.mu.Unlock()
		return len(r.mailbox.held)
	}
	before, done := asked(), make(chan struct{})
	go func() { defer close(done); f() }()
	waitFor(h, "something to be asked", func() bool { return asked() > before })
	release()
	<-done
}

// Bob's call ends while the room is between two loops: his leg is closed at once, and he is out when the room arrives.
func TestACallEndsInAMove(t *testing.T) {
	h := newHouse(t, Config{})
	ann, bob := h.calls("ann"), h.calls("bob")
	defer ann.leg.Close()
	pa, pb := h.seat("5234").Join(ann), h.seat("5234").Join(bob)
	h.Snapshot()
	release := h.holds(h.engine.Numbered(1))
	defer release()
	r := pa.seat.room
	h.begins(r, h.engine.Numbered(1))
	bob.leg.Close()
	release()
	waitFor(t, "the room to arrive", func() bool { shot, ok := h.Look("5234"); return ok && len(shot.Participants) == 1 })
	pb.Leave("hung up")
	if s := h.engine.Stats(); s.Attached != 1 || h.Stats().Seats != 1 {
		t.Errorf("%+v, %+v", s, h.Stats())
	}
	h.Flush()
	if left := h.kinds(Left); len(left) != 1 || left[0].Call != "bob" {
		t.Errorf("%+v", left)
	}
	pa.Leave("hung up")
}

// Everybody leaves while the room is between two loops: it has ended before it arrives, and nothing is left of it.
func TestARoomEndsInAMove(t *testing.T) {
	h := newHouse(t, Config{})
	ann := h.calls("ann")
	defer ann.leg.Close()
	p := h.seat("5234").Join(ann)
	h.Snapshot()
	release := h.holds(h.engine.Numbered(1))
	defer release()
	r := p.seat.room
	h.begins(r, h.engine.Numbered(1))
	go func() { time.Sleep(20 * time.Millisecond); release() }()
	p.Leave("hung up")
	ended := false
	r.wait(func() { ended = r.ended && len(r.members) == 0 && !r.loop.Remove(r) })
	if s := h.engine.Stats(); !ended || s.Attached != 0 || h.Stats() != (Stats{}) {
		t.Errorf("ended: %v; %+v", ended, s)
	}
}

// An upgrade waits for a room that is on its way, and none sets out while it lasts.
func TestAPauseWaitsForAMove(t *testing.T) {
	h := newHouse(t, Config{})
	ann := h.calls("ann")
	defer ann.leg.Close()
	p := h.seat("5234").Join(ann)
	h.Snapshot()
	release := h.holds(h.engine.Numbered(1))
	defer release()
	r := p.seat.room
	h.begins(r, h.engine.Numbered(1))
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := h.Directory.Pause(short); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "loop") {
		t.Errorf("paused while a room moves: %v", err)
	}
	release()
	if err := h.Directory.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := h.engine.Stats(); s.Attached != 1 {
		t.Error("paused while a room moves")
	}
	h.engine.Numbered(0).Expect(-1024)
	h.engine.Numbered(1).Expect(2048)
	h.seat("5234").Release()
	if r.home.Number() != 1 {
		t.Error("a room has set out in a pause")
	}
	h.Directory.Resume()
	h.seat("5234").Release()
	if r.home.Number() != 0 {
		t.Error("none sets out after the pause")
	}
	h.engine.Numbered(1).Expect(-2048)
	h.engine.Numbered(0).Expect(1024)
	p.Leave("hung up")
}

// While their room is between two loops 254 others come, a host begins to record, and Bob goes on with his mobile. When it has arrived all of that is so, and a
// crew of the loop on which it is now does the work.
func TestWhatIsAskedForInAMove(t *testing.T) {
	h := newHouse(t, Config{MaxLegs: 1000, MaxParticipants: 1000})
	ann, desk, mobile := h.calls("ann"), h.calls("desk"), h.calls("mobile")
	for _, c := range []*call{ann, desk, mobile} {
		t.Cleanup(c.leg.Close)
	}
	r, bob := h.seat("5234").Join(ann).seat.room, h.seat("5234").Join(desk)
	h.Snapshot()
	to := h.engine.Numbered(1)
	release := h.holds(to)
	defer release()
	h.begins(r, to)
	for i := range largeFrom - 2 {
		h.seat("5234").Join(&call{id: fmt.Sprint(i), leg: media.NewLeg(media.LegConfig{}, &wire{})})
	}
	tape := new(reel)
	rec, err := h.Record("5234", tapeOf(tape))
	if err != nil {
		t.Fatal(err)
	}
	h.goesOn(r, release, func() {
		if !bob.Replace(mobile) {
			t.Error("Bob cannot go on with his mobile")
		}
	})
	right := false
	if !r.wait(func() { right = len(r.members) == largeFrom && r.loop == to && r.large.crew == to.Crew() }) || !right {
		t.Error("not all are there, or the crew is another loop's")
	}
	tape.runs(t)
	h.Flush()
	if s := h.engine.Stats(); s.Attached != largeFrom || s.Panics > 0 || h.told(Joined) != largeFrom {
		t.Errorf("%+v, %d have joined", s, h.told(Joined))
	}
	if now := h.kinds(Replaced); len(now) != 1 || now[0].Before != "desk" || now[0].Call != "mobile" {
		t.Errorf("%+v", now)
	}
	h.Directory.Close()
	h.whole(rec, tape)
}

// A room whose crew does the tick has it done by the crew of the loop to which it moves, also while it shrinks and would not become large any more. One that is
// ticked by its loop does not keep the crew of the loop before.
func TestALargeRoomMoves(t *testing.T) {
	for _, shared := range []bool{true, false} {
		h := newHouse(t, Config{MaxLegs: 1000, MaxParticipants: 1000})
		var in []*Participant
		for i := range largeFrom + 44 {
			in = append(in, h.seat("5234").Join(&call{id: fmt.Sprint(i), leg: media.NewLeg(media.LegConfig{}, &wire{})}))
		}
		r := in[0].seat.room
		r.wait(func() { r.large.shared = shared })
		for i, members := range []int{largeFrom + 44, smallFrom + 1, smallFrom} {
			var leaving sync.WaitGroup // each waits for a tick
			for _, p := range in[members:] {
				leaving.Go(func() { p.Leave("hung up") })
			}
			leaving.Wait()
			in = in[:members]
			to := h.engine.Numbered((i + 1) % 2)
			h.moves(r, to)
			var l large
			if !r.wait(func() { l = r.large }) {
				t.Fatal("the loop does not answer")
			}
			if shared && members > smallFrom && !l.shared {
				t.Errorf("with %d the crew helps no more", members)
			}
			var crew *media.Crew
			if members >= largeFrom || l.shared {
				crew = to.Crew()
			}
			if l.crew != crew {
				t.Errorf("shared %v, with %d on loop %d: there is a crew: %v, want %v; it is that of this loop: %v",
					shared, members, to.Number(), l.crew != nil, crew != nil, l.crew == to.Crew())
			}
			before := h.engine.Stats().Ticks
			waitFor(t, "some ticks", func() bool { return h.engine.Stats().Ticks > before+20 })
			if s := h.engine.Stats(); s.Attached != members || s.Panics > 0 {
				t.Errorf("with %d: %+v", members, s)
			}
		}
	}
}

// The server stops while a room is between two loops: nobody stays in it, and what was recorded is whole.
func TestTheServerStopsInAMove(t *testing.T) {
	h := newHouse(t, Config{})
	ann := h.calls("ann")
	defer ann.leg.Close()
	r := h.seat("5234").Join(ann).seat.room
	tape := new(reel)
	rec, err := h.Record("5234", tapeOf(tape))
	if err != nil {
		t.Fatal(err)
	}
	tape.runs(t)
	release := h.holds(h.engine.Numbered(1))
	defer release()
	h.begins(r, h.engine.Numbered(1))
	h.goesOn(r, release, h.Directory.Close)
	h.whole(rec, tape)
	if s := h.engine.Stats(); s.Attached != 0 || h.told(Left) != 1 || h.told(RoomGone) != 1 {
		t.Errorf("%+v; %d have left", s, h.told(Left))
	}
}

// The loop to which a room goes is closed when it comes: it goes on where it was.
func TestNowhereToMove(t *testing.T) {
	h := newHouse(t, Config{})
	a, ann := h.talks("ann")
	p := h.seat("5234").Join(a)
	ann.turn()
	ended, err := media.New(media.Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended.Close()
	r, back := p.seat.room, make(chan struct{})
	r.move(ended.Numbered(0), newWork(), func() { close(back) })
	<-back
	for range 10 {
		ann.turn()
	}
	p.Leave("hung up")
}

// A room has moved, and then another process takes over: it goes on with the loop of that number.
func TestAMovedRoomGoesOn(t *testing.T) {
	h := newHouse(t, Config{})
	ann := h.calls("ann")
	p := h.seat("1").Join(ann)
	h.moves(p.seat.room, h.engine.Numbered(1))
	s, found := h.succeeds()
	r := s.next.rooms["1"]
	if r == nil || r.loop.Number() != 1 || r.home != r.loop || found["ann"] == nil {
		t.Fatalf("%+v", r)
	}
	found["ann"].Leave("hung up")
	ann.leg.Close()
}
