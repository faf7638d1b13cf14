package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipconf/sipconf/asterisk/ami"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/plan"
)

// fakeExchange is an Asterisk that redirects whom it is told to, and the rest of what an upgrader works with.
type fakeExchange struct {
	*testing.T
	*upgrader
	redirected []string // CHANNEL CHANNEL PLACE
	refuses    error
	full       error
	device     string // what it believes of us
	counted    []string
	panicked   atomic.Uint64
	log        lockedBuffer
}

func newExchange(t *testing.T, pbx manager) *fakeExchange {
	t.Helper()
	numbers, err := plan.Compile(plan.Default())
	if err != nil {
		t.Fatal(err)
	}
	x := &fakeExchange{T: t}
	x.upgrader = &upgrader{
		pbx: pbx, panicked: &x.panicked, done: map[string]time.Time{},
		leads:  func(number, room string) bool { return leads(numbers, number, room) },
		admits: func(string, int) error { return x.full },
		count:  func(outcome string) { x.counted = append(x.counted, outcome) },
		log:    slog.New(slog.NewTextHandler(&x.log, nil)),
	}
	return x
}

func (x *fakeExchange) Redirect(_ context.Context, channels [2]string, to ami.Place) error {
	if x.refuses != nil {
		return x.refuses
	}
	x.redirected = append(x.redirected, fmt.Sprint(channels[0], " ", channels[1], " ", to.Context, ",", to.Exten, ",", to.Priority))
	return nil
}

func (x *fakeExchange) Evaluate(_ context.Context, function string) (string, error) {
	if function != "DEVICE_STATE(PJSIP/sipconf)" {
		x.Errorf("asked for %s", function)
	}
	return x.device, nil
}

// presses is *1 at the first channel, whose number is room.
func (x *fakeExchange) presses(first, second, room string) {
	x.hear(x.Context(), x, ami.Message{{Name: "Event", Value: "UserEvent"}, {Name: "UserEvent", Value: "ConferenceRequest"},
		{Name: "Channel1", Value: first}, {Name: "Channel2", Value: second}, {Name: "Room", Value: room}})
}

// want is what the last press has come to, and how many redirects there were so far.
func (x *fakeExchange) want(outcome string, redirects int) {
	x.Helper()
	if n := len(x.counted); n == 0 || x.counted[n-1] != outcome || len(x.redirected) != redirects {
		x.Errorf("counted %q, redirected %q: want %s last, and %d redirects\n%s", x.counted, x.redirected, outcome, redirects, &x.log)
	}
}

func TestUpgrade(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeDone, 1)
	if got, want := x.redirected[0], "PJSIP/101-1 PJSIP/102-2 sipconf-room,*1101,1"; got != want {
		t.Errorf("redirected %s, want %s", got, want)
	}
	if log := x.log.String(); !strings.Contains(log, `level=INFO msg="a call between two has become a conference" pbx=pbx room=101`) {
		t.Errorf("the log says %s", log)
	}
	x = newExchange(t, manager{Address: "192.168.1.1:5038", Context: "ours", Exten: "${ROOM}", Priority: 3})
	x.presses("PJSIP/1001-1", "PJSIP/102-2", "1001")
	if got, want := x.redirected[0], "PJSIP/1001-1 PJSIP/102-2 ours,1001,3"; got != want {
		t.Errorf("redirected %s, want %s", got, want)
	}
}

// TestOneUpgradePerCall: both press, one presses twice; another call is another matter, and so is the same one when a while has passed.
func TestOneUpgradePerCall(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.presses("PJSIP/102-2", "PJSIP/101-1", "102")
	x.want(upgradeAgain, 1)
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeAgain, 1)
	x.presses("PJSIP/103-3", "PJSIP/102-2", "103")
	x.want(upgradeAgain, 1)
	x.presses("PJSIP/103-3", "PJSIP/104-4", "103")
	x.want(upgradeDone, 2)
	x.during(1) // Asterisk was started anew, and these are other calls
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeDone, 3)
	x.during(1)
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeAgain, 3)
	r := ami.Request{Channels: [2]string{"PJSIP/101-1", "PJSIP/102-2"}, Room: "101"}
	if outcome, err := x.upgrade(t.Context(), x, r, time.Now().Add(sameCall)); outcome != upgradeDone || err != nil || len(x.done) != 2 {
		t.Errorf("after a while: %s, %v, %v", outcome, err, x.done)
	}
}

// TestUpgradeRefused: the call goes on as it was, unless both get into the room; and they may try again at once.
func TestUpgradeRefused(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	for _, c := range []struct {
		room    string
		full    error
		refuses error
		outcome string
		says    string
	}{
		{room: "5", outcome: upgradeNoNumber, says: "number *15 does not lead to this room"},
		{room: "anonymous", outcome: upgradeNoNumber, says: "does not lead"},
		{room: "+7916", outcome: upgradeNoNumber, says: "does not lead"},
		{room: "101", full: rooms.ErrRoomFull, outcome: upgradeRoomFull, says: "the room is full"},
		{room: "101", full: rooms.ErrLocked, outcome: upgradeLocked, says: "the room is locked"},
		{room: "101", full: rooms.ErrFull, outcome: upgradeFull, says: "the server is full"},
		{room: "101", full: rooms.ErrClosed, outcome: upgradeFull, says: "shutting down"},
		{room: "101", refuses: errors.New("the answer is: no"), outcome: upgradeFailed, says: "the answer is: no"},
		{room: "", outcome: upgradeMalformed, says: "the caller has no number"},
		{room: "1 1", outcome: upgradeMalformed, says: "is no number"},
	} {
		x.full, x.refuses = c.full, c.refuses
		x.log.buf.Reset()
		x.presses("PJSIP/101-1", "PJSIP/102-2", c.room)
		x.want(c.outcome, 0)
		if log := x.log.String(); !strings.Contains(log, c.says) || strings.Count(log, "\n") != 1 {
			t.Errorf("room %q: the log says %s, want %q", c.room, log, c.says)
		}
	}
	x.full, x.refuses, x.device = nil, nil, "UNAVAILABLE"
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeFailed, 0)
	x.device = "NOT_INUSE"
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	x.want(upgradeDone, 1)
}

// TestUpgradeOfARoom: a call of ours is not moved into another room.
func TestUpgradeOfARoom(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	x.presses("PJSIP/101-1", "PJSIP/sipconf-00000002", "101")
	x.want(upgradeLoop, 0)
	x.presses("PJSIP/sipconf-00000002", "PJSIP/101-1", "101")
	x.want(upgradeLoop, 0)
}

// TestOtherEvents are none of our business.
func TestOtherEvents(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	x.hear(t.Context(), x, ami.Message{{Name: "Event", Value: "UserEvent"}, {Name: "UserEvent", Value: "AgentStatus"}})
	if len(x.counted)+len(x.redirected)+x.log.buf.Len() != 0 {
		t.Errorf("counted %q, redirected %q, said %s", x.counted, x.redirected, &x.log)
	}
}

// TestPanicInAnUpgrade costs nobody his call, and is counted.
func TestPanicInAnUpgrade(t *testing.T) {
	x := newExchange(t, manager{Name: "pbx"})
	x.admits = func(string, int) error { panic("boom") }
	x.presses("PJSIP/101-1", "PJSIP/102-2", "101")
	if x.panicked.Load() != 1 || !strings.Contains(x.log.String(), "boom") {
		t.Errorf("%d panics, and the log says %s", x.panicked.Load(), &x.log)
	}
}
