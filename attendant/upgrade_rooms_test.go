package attendant

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
)

// What is going on in a room besides the menus while somebody else takes over: the other half of upgrade_test.go.

// The end of the conference gives up whom another process has begun to bring in, also if it came in between.
func TestTheEndOfAConferenceInAnUpgrade(t *testing.T) {
	t.Parallel()
	for _, between := range []bool{false, true} {
		h := newHouse(t, func(cfg *Config) { cfg.Accept = time.Hour })
		ann, bob := h.comes("101", "5234", ""), h.newCall("102")
		h.answering(dialout.Press1, bob)
		room := h.conference("5234")
		office := h.office
		h.serves.Go(func() {
			office.Bring(context.Background(), dialout.Request{Room: room, Caller: "101", Number: "102"}, Asker{})
		})
		h.doing(bob, asked, "")
		if between {
			if err := office.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			office.Hear(rooms.Event{Kind: rooms.Deserted, Room: "5234", Incarnation: room.Incarnation})
			if im := office.Save(); len(im.Brings) != 1 || !im.Brings[0].Over {
				t.Errorf("brings %+v", im.Brings)
			}
			h.office.Resume()
		} else {
			h.upgrade()
			ann.Hangup("goes")
		}
		<-bob.Done()
	}
}

// Who has pressed the last key of a wish is not told the opposite by the next office a moment later.
func TestWishesAreKeptInAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.office.atOnce = time.Hour
	ann, boss, chief := h.comes("101", "5234", ""), h.comes("boss", "5234", ""), h.comes("chief", "5234", "")
	boss.presses("**2")
	h.wantInside("5234", "101~", "boss", "chief")
	h.upgrade()
	chief.presses("**2*2")
	h.wantInside("5234", "101~", "boss", "chief!")
	boss.presses("**2")
	h.wantInside("5234", "101", "boss", "chief!")
	ann.Hangup("goes")
}

// Somebody else is on the call when nobody reads that: the next office knows.
func TestSomebodyElseIsOnTheCallAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	boss := h.comes("boss", "5234", "")
	h.comes("102", "5234", "")
	number := "109"
	h.upgrade()
	boss.presses("**2")
	h.wantInside("5234", "boss", "102~") // she is still a host
	boss.now.Store(&number)              // and nobody says so
	h.upgrade()
	h.wantInside("5234", "109~", "102~")
	boss.presses("**2*2")
	h.wantInside("5234", "109!~", "102~") // he is none, and has muted himself
}

// Nothing was sent to a phone yet, because the dialler holds it back: the next office dials.
func TestAnUpgradeBeforeSomebodyIsDialled(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	paused := make(chan struct{})
	carl := h.newCall("103")
	h.mu.Lock()
	h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		watch(dialout.Change{State: dialout.Queued, Number: "103"})
		select {
		case <-paused:
		case <-ctx.Done():
			return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
		}
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: carl, Number: "103", Policy: dialout.Straight}
	}
	h.mu.Unlock()
	ann.presses("*1103#")
	h.await("it is dialled", func() bool { return len(h.list()) == 1 })
	h.doing(ann, calling, "103")
	h.upgrade()
	h.await("it is dialled once more", func() bool { return len(h.list()) == 2 })
	h.wantInside("5234", "-101")
	h.answering(dialout.Straight, carl)
	close(paused)
	h.await("he is in, once", func() bool { return slices.Equal(h.inside("5234"), []string{"101", "103"}) })
}

// Whoever was told that there is no such group is hung up by the next office.
func TestAnUpgradeWhileSomebodyIsSentAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.ReleaseUnknown = true })
	h.groups.err = dialout.ErrNoGroup
	ann := h.comes("101", "5234", "100")
	h.doing(ann, parting, "")
	h.upgrade()
	<-ann.Done()
	if ann.reason != "there is no such group" {
		t.Error(ann.reason)
	}
	h.groups.mu.Lock()
	defer h.groups.mu.Unlock()
	if n := len(slices.DeleteFunc(slices.Clone(h.groups.asked), func(s string) bool { return !strings.HasPrefix(s, "call") })); n != 1 {
		t.Errorf("the group was called %d times", n)
	}
}

// The far side of a link is in, and asks its question again after an upgrade: it is answered. Then it stays, also over another one.
func TestAFarSideInAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.comes("101", "5234", "")
	m := h.machine("84957776675", true)
	m.does(func() { m.takes("12") })
	if err := h.connects(t.Context(), m, "12", nil); err != nil {
		t.Fatal(err)
	}
	h.wantInside("5234", "101", "84957776675")
	h.upgrade()
	h.hear(rooms.Event{Kind: rooms.AskedAgain, Link: true, Call: m.id, First: true}) // as its ear hears it
	h.wantInside("5234", "101", "-84957776675")
	h.hear(rooms.Event{Kind: rooms.Spoke, Link: true, Call: m.id})
	h.await("it is answered", func() bool { return m.pressed() == "1212" })
	h.wantInside("5234", "101", "84957776675")
	h.upgrade()
	if err := h.office.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	if far := h.office.Save().FarSides; len(far) != 1 || !far[0].Answered {
		t.Errorf("the far side: %+v", far)
	}
	h.office.Resume()
	m.Hangup("bye")
	h.wantInside("5234", "101")
}

// A room is told after the upgrade of those who have come before it, and not once more of those of whom it was told.
func TestComingsAndBulletinsInAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Announce = true })
	h.comes("101", "5234", "")
	bob := h.comes("102", "5234", "")
	h.office.TellLine(h.conference("5234"), links.Connected)
	h.await("it is told of the line", func() bool { return h.log.count("said=line-connected") == 1 })
	h.office.TellLine(h.conference("5234"), links.Lost)
	h.upgrade()
	h.await("it is told who has come", func() bool { return h.log.count("msg=announces room=5234 joined=[102] left=[]") == 1 })
	h.office.TellLine(h.conference("5234"), links.Connected) // so that there is nothing to be told
	h.upgrade()
	bob.Hangup("goes")
	h.await("it is told who has left", func() bool { return h.log.count("msg=announces room=5234 joined=[] left=[102]") == 1 })
	if n := h.log.count("msg=announces"); n != 2 {
		t.Errorf("%d announcements", n)
	}
	if n := h.log.count("tells of the external line"); n != 1 {
		t.Errorf("told %d times of the line", n)
	}
}

// Whoever is expected is so after an upgrade, until he is served or a while has passed.
func TestWhoIsExpectedInAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.comes("101", "5234", "")
	room := h.conference("5234")
	seat, err := h.rooms.Reserve("5234")
	if err != nil {
		t.Fatal(err)
	}
	defer seat.Release()
	h.office.Expect("102-x", seat)
	h.office.Expect("103-x", seat)
	h.upgrade()
	for _, call := range []string{"102-x", "103-x"} {
		if at, _, ok := h.office.Whereabouts(call); !ok || at != room {
			t.Errorf("%s is expected at %+v, %v", call, at, ok)
		}
	}
	waited := make(chan struct{})
	office := h.office
	go func() { office.Await(context.Background(), "102-x"); close(waited) }()
	over := h.office.Expect("102-x", seat) // his call is begun from its top
	over()
	<-waited
	h.await("nobody expects the other", func() bool { _, _, ok := h.office.Whereabouts("103-x"); return !ok })
}

// A call has taken the place of another: the office that comes then serves it, as that of its own.
func TestASuccessorInAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, _, carl := h.pair()
	carl = h.takesOver(carl, "103") // whom the office has served itself
	h.upgrade()
	ann.presses("*6")
	h.wantInside("5234", "101", "102", "103")
	carl = h.takesOver(carl, "103")
	carl.presses("*2")
	h.wantInside("5234", "101", "102", "103!")
	s := h.succeeds(ann)
	h.upgrade() // the one who was about to begins anew
	s.Release()
	h.takesOver(ann, "101").presses("*2")
	h.wantInside("5234", "101!", "102", "103!")
}

// The groups of the next process know nothing of a member who is being received: he is sent away when his time is over, or leaves when he has hung up, and
// nothing of him is left.
func TestAMemberWhomNobodyReceivesAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.Accept = time.Second })
	h.comes("101", "5234", "")
	patient, hasty := h.newCall("202"), h.newCall("203")
	office := h.office
	for _, c := range []*call{patient, hasty} {
		who := dialout.Guest{Caller: "101", Result: dialout.Result{Call: c, Number: c.number, Policy: dialout.Press1, Lease: dialout.Lease{Room: h.conference("5234")}}}
		h.serves.Go(func() { office.Receive(context.Background(), who) })
	}
	h.await("both wait", func() bool { return h.waits(patient) && h.waits(hasty) })
	h.upgrade()
	hasty.Hangup("himself")
	<-patient.Done()
	if patient.reason != "nobody receives him any more" {
		t.Error(patient.reason)
	}
	h.wantInside("5234", "101")
	h.upgrade()
}

// There is no trunk any more: whoever was dialling is told, as whoever begins to.
func TestAnUpgradeToAServerThatCannotDial(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann := h.comes("101", "5234", "")
	ann.presses("*1103")
	h.doing(ann, collecting, "103")
	h.cfg.Dialer = nil
	h.upgrade()
	ann.presses("#")
	h.hears(ann, "[103 not-allowed]")
	h.wantInside("5234", "101")
	ann.presses("*1")
	h.hears(ann, "[not-allowed]")
}
