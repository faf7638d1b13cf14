package rooms

import (
	"errors"
	"testing"
	"time"
)

// invite reserves for somebody invited, and compares the error.
func (h *house) invite(number string, incarnation uint64, want error) *Seat {
	h.Helper()
	s, err := h.ReserveInvited(number, incarnation)
	if !errors.Is(err, want) || (s == nil) != (err != nil) {
		h.Fatalf("ReserveInvited(%s, %d): %v, %v; want %v", number, incarnation, s, err, want)
	}
	return s
}

// kinds are the events of a kind.
func (h *house) kinds(k Kind) (events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.Kind == k {
			events = append(events, e)
		}
	}
	return events
}

// Ann has invited Bob, who is in the ante-room, and leaves: he does not come into an empty room, nobody else is invited, and it is
// told. Carl, who was on his way in by himself, begins the next conference.
func TestTheConferenceIsOverWhenNobodyIsInside(t *testing.T) {
	h := newHouse(t, Config{})
	ann, bob, carl := h.calls("ann"), h.calls("bob"), h.calls("carl")
	pa := h.seat("5234").Wait(ann)
	first := pa.Incarnation()
	h.invite("5234", first, ErrDeserted) // she is not inside yet
	pa.Enter()
	pb := h.invite("5234", first, nil).Wait(bob)
	early := h.invite("5234", first, nil)
	own := h.seat("5234")
	h.Lock("5234", true)
	pa.Leave("hung up")

	h.invite("5234", first, ErrDeserted)
	pb.Enter()
	if shot, _ := h.Look("5234"); len(shot.Participants) != 1 || !shot.Participants[0].Waiting || bob.hungUp.Load() == nil {
		t.Errorf("he came into an empty room: %+v", shot)
	}
	pb.Leave("hung up")
	early.Release()
	if h.Locked("5234") {
		t.Error("nobody is there who could open it")
	}

	pc := own.Join(carl)
	if pc.Incarnation() == first || carl.hungUp.Load() != nil {
		t.Errorf("incarnation %d, after %d", pc.Incarnation(), first)
	}
	h.invite("5234", first, ErrDeserted)
	h.invite("5234", pc.Incarnation(), nil).Release()
	pc.Leave("hung up")
	for _, c := range []*call{ann, bob, carl} {
		c.leg.Close()
	}
	h.Directory.Close()
	if over := h.kinds(Deserted); len(over) != 1 || over[0].Incarnation != first || over[0].Room != "5234" {
		t.Errorf("told: %+v", over)
	}
	if left := h.kinds(Left); len(left) != 2 || left[0].Incarnation != first || left[1].Incarnation != pc.Incarnation() {
		t.Errorf("told: %+v", left)
	}
}

// Ann records, silences all and is still being told of it when she leaves, while Bob is in the ante-room: her recording is whole, and
// Carl, who begins the next conference, is neither recorded nor silenced, hears nothing of hers, and may record his own.
func TestTheNextConferenceInheritsNothing(t *testing.T) {
	h := newHouse(t, Config{})
	ann, bob, carl := h.calls("ann"), h.calls("bob"), h.calls("carl")
	pa := h.seat("5234").Join(ann)
	pb := h.invite("5234", pa.Incarnation(), nil).Wait(bob)
	records := func() (*Recording, *reel) {
		t.Helper()
		tape := new(reel)
		rec, err := h.Record("5234", tapeOf(tape))
		if err != nil {
			t.Fatal(err)
		}
		tape.runs(t)
		return rec, tape
	}
	first, tape := records()
	room := pa.seat.room
	type left struct {
		silent, taped, recorded, saying bool
		waits                           int
	}
	look := func() (l left) {
		t.Helper()
		if !room.wait(func() {
			l = left{room.silent, room.taped, room.recording != nil, room.words.now.active(), room.words.waits}
		}) {
			t.Fatal("the loop does not answer")
		}
		return l
	}
	long := Signal(900, time.Minute, 0)
	h.Silence("5234", true, long)
	waitFor(t, "the words to begin", func() bool { return look().saying })
	h.AnnounceTape("5234", true, long)
	if got, want := look(), (left{true, true, true, true, 1}); got != want {
		t.Fatalf("she has asked for all of it: %+v", got)
	}
	pa.Leave("hung up")

	h.whole(first, tape)
	if h.Recording("5234") != nil || look() != (left{}) {
		t.Errorf("nobody is inside: %+v", look())
	}
	pc := h.seat("5234").Join(carl)
	if pc.seat.room != room || pc.Silenced() || pb.Silenced() || look() != (left{}) {
		t.Errorf("he has come into the same room: %t, and is silenced: %t; %+v", pc.seat.room == room, pc.Silenced(), look())
	}
	second, tape := records()
	pc.Leave("hung up")
	h.whole(second, tape)
	pb.Leave("hung up")
	for _, c := range []*call{ann, bob, carl} {
		c.leg.Close()
	}
}

// A room goes, and another one under the same number comes at once: what is told of the first does not look like the second's.
func TestTwoConferencesUnderOneNumber(t *testing.T) {
	h := newHouse(t, Config{})
	var is []uint64
	for range 2 {
		c := h.calls("ann")
		p := h.seat("5234").Join(c)
		is = append(is, p.Incarnation())
		p.Leave("hung up")
		c.leg.Close()
	}
	h.invite("5234", is[1], ErrDeserted)
	h.Directory.Close()
	h.invite("5234", is[1], ErrClosed)
	gone := h.kinds(RoomGone)
	if len(gone) != 2 || gone[0].Incarnation != is[0] || gone[1].Incarnation != is[1] || is[0] == is[1] || h.told(Deserted) != 0 {
		t.Errorf("conferences %v; told: %+v", is, gone)
	}
}

// Of three places one is kept for Bob while he is called, and so there is none for a third who is invited.
func TestThereIsNoPlaceForTheInvited(t *testing.T) {
	h := newHouse(t, Config{MaxParticipants: 2, MaxLegs: 3})
	ann := h.calls("ann")
	pa := h.seat("5234").Join(ann)
	bob := h.invite("5234", pa.Incarnation(), nil)
	h.invite("5234", pa.Incarnation(), ErrRoomFull)
	bob.Release()
	h.seat("1")
	h.seat("2")
	h.invite("5234", pa.Incarnation(), ErrFull)
	pa.Leave("hung up")
	ann.leg.Close()
}
