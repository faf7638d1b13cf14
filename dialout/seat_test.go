package dialout

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// chairs are the places in a room.
type chairs struct {
	mu    sync.Mutex
	free  int
	ended bool
}

// chair is one of them that is kept.
type chair struct {
	of   *chairs
	once sync.Once
}

func (c *chairs) reserve(Room, Sitter) (Seat, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return nil, ErrRoomEnded
	case c.free == 0:
		return nil, errors.New("the room is full")
	}
	c.free--
	return &chair{of: c}, nil
}

func (c *chair) Release() {
	if c.of == nil {
		return
	}
	c.once.Do(func() {
		c.of.mu.Lock()
		defer c.of.mu.Unlock()
		c.of.free++
	})
}

func (c *chairs) want(t *testing.T, free int) {
	t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.free != free {
		t.Errorf("%d places are free, want %d", c.free, free)
	}
}

// There are two places and three members: two are called, and nobody answers for whom there is no place. The third is called when the second is
// busy; a fourth waits in vain, and is not called at his other number. A place is given back when somebody does not come, and when he has gone.
func TestNobodyIsCalledForWhomThereIsNoPlace(t *testing.T) {
	room := &chairs{free: 2}
	cfg := outside()
	cfg.Reserve = room.reserve
	cfg.Limits.RoomDaily = 4
	gathering(t, cfg, GroupsConfig{}, func(o *office) {
		o.list("100", "101 straight", "102", "103,203")
		o.list("200", "104,204")
		o.phone("101").rings(0).answers(time.Second)
		o.phone("102").rings(0).fails(1500*time.Millisecond, 486)
		o.phone("103").rings(0).answers(3 * time.Second)
		o.presses["103"] = time.Second
		o.press(3)
		time.Sleep(time.Millisecond)
		room.want(t, 0)
		o.wantStates("101 straight: ringing, 102: ringing, 103,203: queued")
		o.wantDial(o.dialer, Request{Room: conference("12"), Caller: "12", Number: "105"}, "queued, failed: the room is full")
		if got := o.dialer.Stats().Usage.Rooms["12"]; got != (Count{2, 2}) {
			t.Errorf("counted: %+v", got)
		}
		time.Sleep(time.Minute)
		o.wantStates("101 straight: in, 102: busy, 103,203: in")
		o.pressed("12", "200", "13", 1)
		time.Sleep(time.Minute)
		o.wantReport("2 of 4; missing: 102: busy, 104,204: failed: the room is full")
		o.wantLog(`0s INVITE 101@pbx
			0s INVITE 102@pbx
			1s 101@pbx is in
			2s INVITE 103@pbx
			6s 103@pbx is in`)
		o.calls[0].Hangup("goes")
		room.want(t, 1)
		o.calls[1].Hangup("goes")
		room.want(t, 2)
	})
}

// One number of his rings when there is no place for the second: the first one rings on.
func TestTheLastPlaceIsKeptForTheFirstNumber(t *testing.T) {
	room := &chairs{free: 1}
	cfg := pbx()
	cfg.Reserve = room.reserve
	gathering(t, cfg, GroupsConfig{NextAfter: 5 * time.Second}, func(o *office) {
		o.list("100", "101,102,103")
		o.phone("101").rings(0).answers(20 * time.Second)
		o.phone("102").answers(0)
		o.phone("103").answers(0)
		o.press(1)
		time.Sleep(30 * time.Second)
		o.wantReport("1 of 1")
		o.wantLog("0s INVITE 101@pbx\n20s 101@pbx is in")
	})
}

// Who is in the room has left before anybody was dialled: nobody is.
func TestNobodyIsCalledIntoAnEmptyRoom(t *testing.T) {
	room := &chairs{ended: true}
	cfg := pbx()
	cfg.Reserve = room.reserve
	within(t, cfg, func(x *exchange, d *Dialer) {
		x.phone("101").answers(0)
		x.wantDial(d, into("101"), "queued, cancelled")
		x.wantLog("")
		if s := d.Stats(); s.Trunks[0].Calls != 0 || s.Usage.Rooms["5234"] != (Count{}) {
			t.Errorf("figures: %+v", s)
		}
	})
}
