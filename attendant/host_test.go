package attendant

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// answering makes a dialler of which each number answers at once, with that policy.
func (h *house) answering(policy dialout.Policy, calls ...*call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.script = func(_ context.Context, req dialout.Request, _ func(dialout.Change)) dialout.Result {
		for _, c := range calls {
			if c.number == req.Number {
				return dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: c, Number: req.Number, Policy: policy,
					Lease: dialout.Lease{Room: req.Room}}
			}
		}
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}, Number: req.Number}
	}
}

// The boss mutes all. What they do with their own mutes does not change that, and they are told; who comes in is muted as well and told,
// and so is who is invited; another host is not. When she opens, who has muted himself stays so.
func TestTheHostMutesAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Straight, carl)
	ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
	boss := h.comes("boss", "5234", "")
	boss.presses("**2")
	h.wantInside("5234", "101~", "102~", "boss")
	ann.presses("*2")
	h.wantInside("5234", "101!~", "102~", "boss")
	h.hears(ann, "[muted muted-by-host]")
	ann.presses("*2")
	h.wantInside("5234", "101~", "102~", "boss")
	h.hears(ann, "[muted-by-host]")
	dora := h.comes("104", "5234", "")
	h.wantInside("5234", "101~", "102~", "boss", "104~")
	h.hears(dora, "[muted-by-host]")
	h.comes("chief", "5234", "")
	bob.presses("*1103#")
	h.wantInside("5234", "101~", "102~", "boss", "104~", "chief", "103~")
	h.hears(carl, "[muted-by-host]")
	bob.presses("*2")
	boss.presses("**2")
	h.wantInside("5234", "101", "102!", "boss", "104", "chief", "103")
	bob.presses("*2")
	h.wantInside("5234", "101", "102", "boss", "104", "chief", "103")
	h.hears(bob, "[unmuted]")
	if n := h.log.count("said=[all-muted]"); n != 1 {
		t.Errorf("told %d times that all are muted", n)
	}
}

// Two hosts press the same at once and mean the same; none undoes what the other did. The one alone may.
func TestTwoHostsAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	h.office.atOnce = time.Hour
	h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	boss, chief := h.comes("boss", "5234", ""), h.comes("chief", "5234", "")
	for _, host := range []*call{boss, chief} {
		host.presses("**2*9**3*0")
	}
	h.await("all is done", func() bool { return h.log.count("action=help") == 2 })
	h.wantInside("5234", "101~", "boss", "chief")
	if !h.rooms.Locked("5234") {
		t.Error("the room is open")
	}
	for _, what := range []string{"said=[locked]", "said=[all-muted]", `said="[102 dropped]"`, "said=[dropped]"} {
		if n := h.log.count(what); n != 1 {
			t.Errorf("%d times %s", n, what)
		}
	}
}

// The log says of guests how their calls have ended, and not that they have hung up.
func TestTheLogSaysHowAGuestHasLeft(t *testing.T) {
	h := newHouse(t, nil)
	carl, dora := h.newCall("103"), h.newCall("104")
	h.answering(dialout.Straight, carl, dora)
	boss := h.comes("boss", "5234", "")
	for _, number := range []string{"103", "104"} {
		boss.presses("*1" + number + "#")
		h.wantInside("5234", "boss", number)
		if number == "103" {
			boss.presses("**3")
		} else {
			dora.Hangup("no RTP for 60 s")
		}
		h.wantInside("5234", "boss")
	}
	want := []string{"103: removed by the host", "104: no RTP for 60 s"}
	h.await("the log says why", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Equal(h.left, want)
	})
}

// Kicked is who came in last and is no host: not who waits in the ante-room, and not he who is being removed already.
func TestKickLast(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Accept = time.Minute })
	carl := h.newCall("103")
	h.answering(dialout.Press1, carl)
	ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
	boss := h.comes("boss", "5234", "")
	h.comes("chief", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "-101", "102", "boss", "chief", "(103)")
	boss.presses("**3")
	h.wantInside("5234", "-101", "boss", "chief", "(103)")
	h.hears(boss, "[102 dropped]")
	if bob.reason != "removed by the host" {
		t.Error(bob.reason)
	}
	carl.presses("1")
	h.wantInside("5234", "101", "boss", "chief", "103")
	boss.presses("**3") // he entered last, although he waited before
	h.wantInside("5234", "101", "boss", "chief")
	boss.presses("**3")
	h.wantInside("5234", "boss", "chief")
	boss.presses("**3")
	h.hears(boss, "[nobody-to-drop]")
	<-carl.Done()
	<-ann.Done()
}

// Who is kicked while he dials gives up what rings.
func TestKickedWhileDialling(t *testing.T) {
	h := newHouse(t, nil)
	cancelled := make(chan struct{})
	h.script = func(ctx context.Context, _ dialout.Request, _ func(dialout.Change)) dialout.Result {
		<-ctx.Done()
		close(cancelled)
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}}
	}
	boss, ann := h.comes("boss", "5234", ""), h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.await("it rings", func() bool { return len(h.list()) == 1 })
	boss.presses("**3")
	<-cancelled
	h.wantInside("5234", "boss")
}

// One presses the lock and presses it again: it is open. While it is locked, whoever was invited before comes in.
func TestLocking(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Press1, carl)
	ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "-101", "102", "(103)")
	bob.presses("*9*9*9")
	h.await("the room is locked", func() bool { return h.log.count("said=[locked]") == 2 && h.rooms.Locked("5234") })
	carl.presses("1")
	h.wantInside("5234", "101", "102", "103")
	if _, err := h.rooms.Reserve("5234"); err == nil {
		t.Error("the room is open")
	}
	bob.presses("*9")
	h.await("the room is open", func() bool { return h.log.count("said=[unlocked]") == 2 && !h.rooms.Locked("5234") })
}

// The rooms are told who comes and goes, in the words that the crier finds.
func TestAnnouncing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Announce = true })
	h.comes("201", "5234", "")
	h.comes("202", "5234", "")
	h.comes("203", "5234", "")
	h.await("the room is told", func() bool { return h.log.count(`msg=announces room=5234 joined="[202 203]" left=[]`) == 1 })
}

// An announcement in which long numbers are read out is made without them, so that the room does not lag behind.
func TestLongNumbersAreNotReadOut(t *testing.T) {
	h := newHouse(t, nil)
	for _, told := range []tidings{
		{joined: []string{"201"}}, {joined: []string{"2015234"}}, {joined: []string{"+79161234567"}}, {left: []string{"79161234567"}},
		{joined: []string{"2015234"}, left: []string{"2015235"}}, {joined: make([]string, 100), left: make([]string, 100)},
		{joined: []string{"sip:ann"}, left: []string{""}},
	} {
		if length := h.office.announce("5234", told); length > longest || length < 500*time.Millisecond {
			t.Errorf("%d and %d, %s: it takes %s", len(told.joined), len(told.left), told, length)
		}
	}
	if got := strings.Join(tidings{joined: []string{"1", "2"}, left: []string{"3"}}.nameless().joined, ","); got != "," {
		t.Error(got)
	}
}
