package rooms

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// theatre is the same large room several times over, in which the same things happen: once the loop
// does the tick alone, and else a crew does.
type theatre struct {
	testing.TB
	scenes []*scene // the first without a crew
	crews  []*media.Crew
	random *rand.Rand
	soft   bool // nobody shouts, nor all of them together
	joined int
}

// newTheatre makes a room without a crew, and one for each of the numbers of hands.
func newTheatre(t testing.TB, seed uint64, hands ...int) *theatre {
	th := &theatre{TB: t, random: rand.New(rand.NewPCG(seed, 1)), scenes: []*scene{newScene(t)}, crews: []*media.Crew{nil}}
	for _, n := range hands {
		crew := media.NewCrew(n)
		t.Cleanup(crew.Close)
		th.scenes, th.crews = append(th.scenes, newScene(t)), append(th.crews, crew)
	}
	for _, s := range th.scenes {
		s.legs.Level = true
	}
	return th
}

// becomesLarge makes a large room of it whose tick the crew, which may be nil, does from now on.
func (r *Room) becomesLarge(crew *media.Crew) {
	r.enlarge(crew)
	r.large.shared = crew != nil
}

// joins lets one more join: somebody who is silent, sends noise of some loudness, or nothing.
func (th *theatre) joins() {
	name, law := fmt.Sprint(th.joined), []*codec.Codec{codec.PCMA, codec.PCMU}[th.random.IntN(2)]
	th.joined++
	sends, quieter, noise := th.random.IntN(4), th.random.IntN(16), th.random.Uint32()|1
	if th.soft {
		quieter = 10 + quieter/4
	}
	awaits := patience - 1 - th.random.IntN(patience)
	for _, s := range th.scenes {
		ph := s.joins(name, law)
		ph.p.awaits = awaits
		noise := noise
		switch sends {
		case 0:
		case 1:
			ph.listens()
		default:
			ph.says = func(int) int16 {
				noise ^= noise << 13
				noise ^= noise >> 17
				noise ^= noise << 5
				return int16(noise) >> quieter
			}
		}
	}
}

// leaves lets somebody leave.
func (th *theatre) leaves() {
	who := th.random.IntN(len(th.scenes[0].room.members))
	for _, s := range th.scenes {
		p := s.room.members[who]
		s.room.exit(who, "hung up")
		for i, ph := range s.phones {
			if ph.p == p {
				s.phones = append(s.phones[:i], s.phones[i+1:]...)
				break
			}
		}
	}
}

// changes lets something happen to somebody.
func (th *theatre) changes() {
	who, what := th.random.IntN(len(th.scenes[0].phones)), th.random.IntN(10)
	for _, s := range th.scenes {
		ph := s.phones[who]
		switch what {
		case 0:
			ph.p.flags.muted = !ph.p.flags.muted
		case 1:
			ph.p.flags.deaf = !ph.p.flags.deaf
		case 2:
			ph.renegotiates(func(s *media.Session) { s.Held = !s.Held })
		case 3:
			ph.renegotiates(func(s *media.Session) { s.Listens = !s.Listens })
		case 4:
			ph.p.music = true // is over with the next tick
		case 5:
			ph.seq++ // a packet is lost
			ph.spoken += ph.codec.FrameSize()
		case 6:
			s.room.silence(!s.room.silent)
		case 7:
			s.room.announce(announcement{about: Topic(who) % topics, sound: Refused, except: []string{ph.p.id}})
		default:
			ph.leg.Press("0123456789*#"[who%12])
			ph.leg.Press('7')
		}
	}
}

// tick ticks all the rooms, each with its crew when it is large, and fails unless everybody was sent the
// same in all of them and they tell the same.
func (th *theatre) tick() (events int) {
	th.Helper()
	for i, s := range th.scenes {
		if len(s.room.members) >= largeFrom {
			s.room.becomesLarge(th.crews[i])
		} else {
			s.room.large = large{}
		}
		s.ticks(1)
		s.forget()
	}
	alone := th.scenes[0]
	told := alone.happened()
	for i, s := range th.scenes[1:] {
		for n, ph := range s.phones {
			if want := alone.phones[n]; !bytes.Equal(ph.payload, want.payload) || ph.p.snapshot().Level != want.p.snapshot().Level {
				th.Fatalf("crew %d of %d: %s got\n% x, want\n% x", i, len(s.phones), ph.name, ph.payload, want.payload)
			}
		}
		if got := s.happened(); !reflect.DeepEqual(got, told) {
			th.Fatalf("crew %d tells %q, want %q", i, got, told)
		}
	}
	return len(told)
}

// TestCrewIsBitExact: whoever does the tick, with as many hands as there are, everybody gets the
// same to the last bit, and what happens is told in the same order: while people join and leave and
// the room becomes large and small again.
func TestCrewIsBitExact(t *testing.T) {
	for seed := range uint64(2) {
		th := newTheatre(t, seed, 0, 1, 3)
		th.soft = seed == 1
		for range 230 {
			th.joins()
		}
		events, limited, largest := 0, 0, 0
		members := func() int { return len(th.scenes[0].room.members) }
		for n := range 28 {
			for range 2 * th.random.IntN(30) {
				if n < 18 {
					th.joins()
				}
				th.changes()
			}
			for range th.random.IntN(10) + 60*(n/18) {
				if members() > 2 {
					th.leaves()
				}
			}
			events += th.tick()
			if th.scenes[1].room.work.limited {
				limited++
			}
			largest = max(largest, members())
		}
		t.Logf("seed %d: %d at most, %d at last, %d events, limited in %d ticks", seed, largest, members(), events, limited)
		if largest < 600 || members() >= largeFrom || events < 1000 || th.soft != (limited == 0) {
			t.Error("this shows too little")
		}
	}
}

// TestCrewOnOneCore: the hands get to nothing unless the loop waits, and nothing waits for them.
func TestCrewOnOneCore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	th := newTheatre(t, 9, 3)
	for range largeFrom {
		th.joins()
	}
	for range 20 {
		th.changes()
		th.tick()
	}
}

// mine is a wire that panics when the room sends.
type mine struct{ wire }

func (*mine) Send([]byte, netip.AddrPort) bool { panic("a leg went wrong") }

// TestLargeRoomBreaksAlone: a panic in some part of a large room's tick ends that room and no other.
func TestLargeRoomBreaksAlone(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 1000})
	bob := h.calls("bob")
	q := h.seat("2").Join(bob)
	var all []*call
	var in []*Participant
	for i := range largeFrom + 10 {
		c := &call{id: fmt.Sprint(i), leg: media.NewLeg(media.LegConfig{}, &mine{})} // that sends nothing yet
		all, in = append(all, c), append(in, h.seat("1").Join(c))
	}
	h.Snapshot() // all are in
	r := in[0].seat.room
	r.wait(func() {
		if r.large.crew == nil {
			t.Error("the room is small")
		}
		r.large.shared = true
	})
	all[170].leg.Update(media.Session{Remote: netip.MustParseAddrPort("127.0.0.2:20000"), Codec: codec.PCMA})
	for _, c := range all {
		waitFor(t, c.id+" to be hung up", func() bool { return c.hungUp.Load() != nil })
	}
	if bob.hungUp.Load() != nil {
		t.Error("bob was hung up too")
	}
	if shots := h.Snapshot(); len(shots) != 1 || shots[0].Number != "2" || len(shots[0].Participants) != 1 {
		t.Errorf("%+v", shots)
	}
	var leaving sync.WaitGroup // each waits for the loop
	for _, p := range in {
		leaving.Go(func() { p.Leave("room failed"); p.leg.Close() })
	}
	leaving.Wait()
	if s := h.engine.Stats(); s.Attached != 1 {
		t.Errorf("%d legs are attached, want bob's only", s.Attached)
	}
	q.Leave("hung up")
	bob.leg.Close()
}

// TestRoomGrowsAndShrinks: it becomes large and small again with room between the two.
func TestRoomGrowsAndShrinks(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 1000})
	var in []*Participant
	become := func(n int) {
		for len(in) < n {
			in = append(in, h.seat("1").Join(&call{id: fmt.Sprint(len(in)), leg: media.NewLeg(media.LegConfig{}, &wire{})}))
		}
		var leaving sync.WaitGroup // each waits for a tick
		for _, p := range in[n:] {
			leaving.Go(func() { p.Leave("hung up"); p.leg.Close() })
		}
		leaving.Wait()
		in = in[:n]
	}
	wantLarge := func(want bool) {
		t.Helper()
		got, r := false, in[0].seat.room
		r.wait(func() { got = r.large.crew != nil })
		if got != want {
			t.Errorf("with %d the room is large: %v, want %v", len(in), got, want)
		}
	}
	for range 2 {
		become(largeFrom - 1)
		wantLarge(false)
		become(largeFrom)
		wantLarge(true)
		become(smallFrom + 1)
		wantLarge(true)
		become(smallFrom)
		wantLarge(false)
	}
	become(largeFrom)
	become(0)
	if s := h.engine.Stats(); s.Panics != 0 || s.Attached != 0 {
		t.Errorf("%+v", s)
	}
}

// drudge is a bus that takes that long in each tick.
type drudge time.Duration

func (d drudge) Tick(int64) { time.Sleep(time.Duration(d)) }

// TestWhenTheCrewHelps: with as many members as fill a loop, or with fewer when the loop labours; and then until the room is small.
func TestWhenTheCrewHelps(t *testing.T) {
	h := newHouse(t, Config{})
	loop := h.engine.Numbered(0)
	at := func(members int) *Room {
		c := newCrowd(members, 3)
		c.room.loop = loop // on which it is not: the test ticks it
		c.room.resize()
		return c.room
	}
	full, small := at(sharedFrom), at(largeFrom-1)
	if !full.shares() || full.large.crew != loop.Crew() {
		t.Error("the room fills the loop, and nobody helps")
	}
	nearly := at(sharedFrom - 1)
	if nearly.shares() {
		t.Error("the crew helps where the loop would have more to do with other rooms")
	}
	loop.Do(func() { loop.Add(drudge(13 * time.Millisecond)) })
	waitFor(t, "the loop to labour", loop.Labours)
	if !nearly.shares() || small.shares() {
		t.Error("the loop labours, and nobody helps, or with a small room, too")
	}
	loop.Do(func() { loop.Remove(drudge(13 * time.Millisecond)) })
	waitFor(t, "the loop to rest", func() bool { return !loop.Labours() })
	nearly.members = nearly.members[:smallFrom+1]
	if nearly.resize(); !nearly.shares() {
		t.Error("the crew helps no more")
	}
	nearly.members = nearly.members[:smallFrom]
	if nearly.resize(); nearly.shares() {
		t.Error("the room is small, and the crew helps")
	}
}

func TestLargeTickAllocatesNothing(t *testing.T) {
	c := newCrowd(300, 300)
	crew := media.NewCrew(1)
	defer crew.Close()
	c.room.becomesLarge(crew)
	for range 40 {
		c.tick()
	}
	c.wantNoAllocations(t, 20, c.tick) // on one core
	least := uint64(1 << 60)
	for range 4 { // the runtime may need some memory of its own for who waits for whom
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			c.tick()
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	if least != 0 {
		t.Errorf("%d allocations in 20 ticks on all cores", least)
	}
}
