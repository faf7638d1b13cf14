package rooms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// present is what Config.OnPeople was told: "+1" when somebody was there in the first conference that it has heard of, "-1" when nobody
// was any more.
type present struct {
	mu   sync.Mutex
	seen []uint64
	told []string
}

func (p *present) people(number string, incarnation uint64, here bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.seen, incarnation)
	if at < 0 {
		at = len(p.seen)
		p.seen = append(p.seen, incarnation)
	}
	p.told = append(p.told, fmt.Sprintf("%s%d", map[bool]string{true: "+", false: "-"}[here], at+1))
}

func (p *present) was() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.told, " ")
}

// newWatchedHouse opens a house where it is noted when people are there.
func newWatchedHouse(t testing.TB) (*house, *present) {
	p := new(present)
	return newHouse(t, Config{Tones: true, OnPeople: p.people}), p
}

// link gives a link a seat, in a room that it may find empty.
func (h *house) link(number string) *Seat {
	h.Helper()
	s := h.seat(number)
	s.ForLink()
	return s
}

// why is why the call was hung up; empty: it was not.
func (c *call) why() string {
	if why := c.hungUp.Load(); why != nil {
		return *why
	}
	return ""
}

// Ann comes and a line with her, she leaves and is back at once, Bob comes and is put on hold: it is told when there are people, and when there
// are none any more, each once. The line, which stays, is in the conference that Ann has begun anew. When nobody but it is there, there is
// none, and nobody is invited into it.
func TestPeopleCountAndLinksDoNot(t *testing.T) {
	h, people := newWatchedHouse(t)
	ann, line, again, bob := h.calls("ann"), h.calls("line"), h.calls("again"), h.calls("bob")
	told := func(want string) {
		t.Helper()
		if got := people.was(); got != want {
			t.Errorf("told of people: %q, want %q", got, want)
		}
	}
	pa := h.seat("5234").Wait(ann)
	told("")
	pa.Enter()
	told("+1")
	pl := h.link("5234").Join(line)
	h.Lock("5234", true)
	pa.Leave("hung up")
	told("+1 -1")
	h.invite("5234", pa.Incarnation(), ErrDeserted)
	h.invite("5234", pl.Incarnation(), ErrDeserted)
	if h.Locked("5234") {
		t.Error("nobody is there who could open it")
	}

	pa = h.seat("5234").Join(again)
	told("+1 -1 +2")
	if pl.Incarnation() != pa.Incarnation() {
		t.Errorf("the line is in conference %d, and she in %d", pl.Incarnation(), pa.Incarnation())
	}
	pb := h.seat("5234").Join(bob)
	pa.Leave("hung up")
	bob.leg.Update(media.Session{Codec: codec.PCMU, Held: true})
	waitFor(t, "he is on hold", func() bool {
		shot, _ := h.Look("5234")
		return len(shot.Participants) == 2 && shot.Participants[0].Link && !shot.Participants[1].Link && shot.Participants[1].Held
	})
	told("+1 -1 +2")
	pb.Leave("hung up")
	told("+1 -1 +2 -2")
	pl.Leave("nobody needs it")
	for _, c := range []*call{ann, line, again, bob} {
		c.leg.Close()
	}
	h.Directory.Close()
	told("+1 -1 +2 -2")
	if over := h.kinds(Deserted); len(over) != 2 || over[0].Link || h.told(RoomGone) != 1 {
		t.Errorf("told: %+v, and %d times that the room is gone", over, h.told(RoomGone))
	}
	for _, line := range []string{
		`msg=joined room=5234 call=line link=true name="Name of line" number=100`, `msg=left room=5234 call=line link=true reason="nobody needs it"`,
	} {
		if !strings.Contains(h.log.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, h.log)
		}
	}
}

// Two lines come into an empty room, as those of others do that call us: there is a room, and nobody is in it. Ann, who comes then, is the first.
func TestNobodyButLinks(t *testing.T) {
	h, people := newWatchedHouse(t)
	one, two, ann := h.calls("one"), h.calls("two"), h.calls("ann")
	p1, p2 := h.link("5234").Join(one), h.link("5234").Join(two)
	p1.Leave("hung up")
	if shot, ok := h.Look("5234"); !ok || len(shot.Participants) != 1 || !shot.Participants[0].Link || people.was() != "" {
		t.Errorf("%+v, told %q", shot, people.was())
	}
	pa := h.seat("5234").Join(ann)
	if pa.Incarnation() != p2.Incarnation() {
		t.Error("there was no conference before hers")
	}
	p2.Leave("hung up")
	pa.Leave("hung up")
	if got := people.was(); got != "+1 -1" {
		t.Errorf("told of people: %q", got)
	}
	for _, c := range []*call{one, two, ann} {
		c.leg.Close()
	}
	h.Directory.Close()
	if n := h.told(Deserted); n != 0 {
		t.Errorf("%d conferences were over with seats left; hers was not", n)
	}
}

// A line that was dialled for Ann is in the ante-room when she leaves. If nobody comes after her it does not come in; if Bob is there by then, it does.
func TestALinkComesInWhenThereArePeople(t *testing.T) {
	for _, comes := range []bool{false, true} {
		h, _ := newWatchedHouse(t)
		ann, line, bob := h.calls("ann"), h.calls("line"), h.calls("bob")
		pa := h.seat("5234").Join(ann)
		seat := h.invite("5234", pa.Incarnation(), nil)
		seat.ForLink()
		pl := seat.Wait(line)
		pa.Leave("hung up")
		var pb *Participant
		if comes {
			pb = h.seat("5234").Join(bob)
		}
		if entered := pl.Enter(); entered != comes || (line.why() == "") != comes {
			t.Errorf("somebody is there: %t; it has come in: %t, it was hung up: %q", comes, entered, line.why())
		}
		if comes && pl.Incarnation() != pb.Incarnation() {
			t.Error("it is not in his conference")
		}
		pl.Leave("hung up")
		pb.leaves()
		for _, c := range []*call{ann, line, bob} {
			c.leg.Close()
		}
	}
}

// leaves lets somebody leave who may never have come.
func (p *Participant) leaves() {
	if p != nil {
		p.Leave("hung up")
	}
}

// A room breaks, another one is there when the server closes: nobody is there any more, and it is told once.
func TestNobodyIsThereWhenTheRoomHasEnded(t *testing.T) {
	h, people := newWatchedHouse(t)
	ann, bob := h.calls("ann"), h.calls("bob")
	pa := h.seat("1").Join(ann)
	h.Broken(pa.seat.room, "test")
	if got := people.was(); got != "+1 -1" {
		t.Errorf("when the room broke: %q", got)
	}
	pa.Leave("hung up")
	pb := h.seat("1").Join(bob)
	h.Directory.Close()
	pb.Leave("hung up")
	pb.Enter()
	if got := people.was(); got != "+1 -1 +2 -2" {
		t.Errorf("in the end: %q", got)
	}
	ann.leg.Close()
	bob.leg.Close()
}

// Many come and go at once, people and lines: whatever the order, there were people, and then there were none, and each conference is told of
// once.
func TestPeopleInARace(t *testing.T) {
	h, people := newWatchedHouse(t)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for range 20 {
				seat := h.seat("5234")
				if i%3 == 0 {
					seat.ForLink()
				}
				c := h.calls(fmt.Sprint("call-", i))
				p := seat.Wait(c)
				if i%2 == 0 {
					p.Enter()
				}
				p.Leave("hung up")
				c.leg.Close()
			}
		})
	}
	all.Wait()
	told := strings.Fields(people.was())
	if len(told) == 0 || len(told)%2 != 0 {
		t.Fatalf("told of people %d times", len(told))
	}
	for i, what := range told {
		if want := fmt.Sprintf("%c%d", "+-"[i%2], i/2+1); what != want {
			t.Fatalf("told %s, want %s: %q", what, want, told)
		}
	}
}

// The line comes and goes without a tone; Bob is the first although it is there, and Eva is not. All hear each other, and a host silences it with
// the others. The keys that come over it are told as its own.
func TestALinkIsNoPersonInTheRoom(t *testing.T) {
	s := newScene(t)
	tones := s.room.tones
	ann := s.joins("ann", codec.PCMA)
	s.ticks(30)
	s.forget()
	line := s.comes("line", codec.PCMA)
	line.p.link = true
	s.room.enter(line.p)
	s.ticks(100)
	ann.hearsSilence()
	line.hearsSilence()
	ann.leaves("hung up")
	s.ticks(100)
	line.hearsSilence()

	s.forget()
	bob := s.joins("bob", codec.PCMA)
	s.ticks(100)
	if bob.hearsTone(tones.alone) == nil {
		t.Error("he is not told that he is the first")
	}
	s.forget()
	eva := s.joins("eva", codec.PCMA)
	s.ticks(100)
	if bob.hearsTone(tones.joined) == nil || line.hearsTone(tones.joined) == nil || eva.hearsTone(tones.welcome) == nil {
		t.Error("they are not told of Eva")
	}

	bob.speaks(500, 6000)
	line.speaks(700, 6000)
	s.ticks(10)
	s.forget()
	s.ticks(25)
	bob.hears(700, 6000)
	eva.hears(700, 6000)
	line.hears(500, 6000)
	line.hearsNo(700)
	s.room.silence(true)
	bob.p.flags.silenced = false
	s.ticks(5)
	s.forget()
	s.ticks(25)
	bob.hearsNo(700)
	line.hears(500, 6000)
	s.room.silence(false)
	bob.listens()
	line.listens()
	s.ticks(50)

	line.leg.Press('5')
	s.ticks(2)
	s.forget()
	line.leaves("hung up")
	s.ticks(100)
	bob.hearsSilence()
	for e, ok := s.events.take(); ok; e, ok = s.events.take() {
		if e.Link != (e.Call == "call-line") {
			t.Errorf("%v of %s: is a link: %t", e.Kind, e.Call, e.Link)
		}
	}
}

// A link takes no place of the people who may be in a room, and finds one in a room that is full of them.
func TestALinkTakesNobodysPlace(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 2, MaxLegs: 4})
	alice, bob := h.calls("alice"), h.calls("bob")
	pa := h.seat("5234").Join(alice)
	incarnation := pa.Incarnation()
	line, err := h.ReserveLink("5234", incarnation)
	if err != nil {
		t.Fatal(err)
	}
	h.seat("5234").Join(bob)
	if _, err := h.Reserve("5234"); !errors.Is(err, ErrRoomFull) {
		t.Errorf("a third person: %v", err)
	}
	second, err := h.ReserveLink("5234", incarnation)
	if err != nil {
		t.Errorf("a second link, in a room full of people: %v", err)
	}
	if _, err := h.ReserveLink("5234", incarnation); !errors.Is(err, ErrFull) {
		t.Errorf("a link when the server is full: %v", err)
	}
	line.Release()
	second.Release()
	if _, err := h.Reserve("5234"); !errors.Is(err, ErrRoomFull) {
		t.Errorf("a third person when the links are gone: %v", err)
	}
	if _, err := h.ReserveLink("5234", incarnation+1); !errors.Is(err, ErrDeserted) {
		t.Errorf("a link of another conference: %v", err)
	}
}
