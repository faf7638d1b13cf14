package attendant

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/rooms"
)

// upgrade has another office take over, with the same rooms and calls: the one that was stands still and is written down, as if its process had
// ended then.
func (h *house) upgrade() {
	h.Helper()
	h.upgradeWhile(func() {})
}

// upgradeWhile is upgrade in which something happens while the office stands still.
func (h *house) upgradeWhile(happens func()) {
	h.Helper()
	h.await("all are served", func() bool {
		shot, _ := h.rooms.Look("5234")
		return !slices.ContainsFunc(shot.Participants, func(p rooms.ParticipantSnapshot) bool {
			_, _, served := h.office.Whereabouts(p.ID)
			return !p.Link && !served
		})
	})
	h.exchange.pause.Lock() // first the dialler
	defer h.exchange.pause.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.office.Pause(ctx); err != nil {
		h.Fatal(err)
	}
	happens()
	h.exchange.hang()
	h.desk.Lock() // what happens in the rooms is told either before this, or to the next one
	defer h.desk.Unlock()
	before := h.office
	calls, people := make(map[string]Call), make(map[string]*rooms.Participant)
	for id, a := range before.serves {
		calls[id], people[id] = a.call.call(), a.p
	}
	for id, f := range before.far {
		calls[id], people[id] = f.call, f.p.(*rooms.Participant)
	}
	h.before = append(h.before, before)
	if h.cfg.Dialer != nil {
		h.cfg.Dialer = dialler{h, len(h.before)}
	}
	h.office = New(h.cfg)
	h.office.atOnce = before.atOnce
	h.office.Restore(sent(h, before.Save()), func(id string) Call { return calls[id] }, func(id string) *rooms.Participant { return people[id] })
	office := h.office
	office.Resume()
	for id, call := range calls {
		office.mu.Lock()
		a := office.serves[id]
		own := a != nil && !a.ours && !a.outside
		office.mu.Unlock()
		if own {
			h.serves.Go(func() { // ends with the call
				if !office.Continue(context.Background(), call, people[id]) {
					h.Errorf("%s is not served", id)
				}
				people[id].LeaveWith(id, call.Reason())
			})
		}
	}
}

// sent is an image as it comes to another process.
func sent(t testing.TB, im *Image) *Image {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(im); err != nil {
		t.Fatal(err)
	}
	come := new(Image)
	if err := gob.NewDecoder(&b).Decode(come); err != nil {
		t.Fatal(err)
	}
	return come
}

// doing waits until somebody is doing that, and rests.
func (h *house) doing(c *call, what task, number string) {
	h.Helper()
	h.await(fmt.Sprintf("%s: %s %s", c.number, what, number), func() bool {
		if h.office.Pause(h.Context()) != nil {
			return false
		}
		defer h.office.Resume()
		a := h.office.serves[c.id]
		return a != nil && a.doing.task == what && a.doing.number == number
	})
}

// hasTyped waits until somebody has typed that, and no more.
func (h *house) hasTyped(c *call, keys string) {
	h.Helper()
	h.await(c.number+" has typed "+keys, func() bool {
		if h.office.Pause(h.Context()) != nil {
			return false
		}
		defer h.office.Resume()
		a := h.office.serves[c.id]
		return a != nil && a.typed.Typed == keys
	})
}

// Ann has pressed the * of *2, the first * of a **1, or of what is nothing; another office takes over, and goes on with what she presses then.
func TestAnUpgradeInTheMiddleOfAMenu(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.Pause = 3 * time.Second })
	ann := h.comes("101", "5234", "")
	ann.presses("*")
	h.hasTyped(ann, "*")
	h.upgrade()
	ann.presses("2")
	h.wantInside("5234", "101!")
	ann.presses("**")
	h.hasTyped(ann, "**")
	h.upgrade()
	h.upgrade()
	ann.presses("1")
	h.await("the group is called", func() bool {
		h.groups.mu.Lock()
		defer h.groups.mu.Unlock()
		return slices.Contains(h.groups.asked, "missing of 5234 for 101")
	})
	ann.presses("*")
	h.hasTyped(ann, "*")
	h.upgrade()
	h.hasTyped(ann, "") // nothing has followed
	ann.presses("2")    // is nothing
	ann.presses("*2")
	h.wantInside("5234", "101")
}

// Ann dials a number of thirty digits, and Bob presses *5 and *4 again and again, while one office after the other takes over: not a key is lost, or heard
// twice.
func TestNoKeyIsLostInUpgrades(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.Pause = 10 * time.Second })
	h.answering(dialout.Straight)
	ann, bob := h.comes("101", "5234", ""), h.comes("102", "5234", "")
	const number = "314159265358979323846264338327"
	const times = 12
	pressed := make(chan struct{})
	go func() { // ends with the keys
		defer close(pressed)
		ann.presses("*1")
		for i := range number {
			ann.presses(number[i : i+1])
			if i < times {
				bob.presses("*5")
			}
			<-time.After(25 * time.Millisecond)
		}
		ann.presses("#")
	}()
	upgrades := 0
	for done := false; !done; upgrades++ {
		select {
		case <-pressed:
			done = true
		case <-time.After(20 * time.Millisecond):
		}
		h.upgrade()
	}
	h.await("it is dialled", func() bool { return slices.Equal(h.list(), []string{"101 into 5234: " + number}) })
	h.hears(bob, "[louder]", times)
	if upgrades < 5 {
		t.Errorf("there were only %d upgrades", upgrades)
	}
}

// The keys that are pressed while the office stands still are served by the next one; or by the same, if that has come to nothing.
func TestKeysThatArePressedInAPause(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.Pause = 10 * time.Second })
	ann := h.comes("101", "5234", "")
	ann.presses("*")
	h.hasTyped(ann, "*")
	presses := func(keys string) {
		ann.presses(keys)
		waiting := h.office.serves[ann.id].keys
		h.await("they are waiting", func() bool { return string(waiting.all()) == keys })
	}
	h.upgradeWhile(func() { presses("2*2*2*") })
	h.hears(ann, "[muted]", 2)
	h.hasTyped(ann, "*")
	if err := h.office.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	presses("2*1")
	h.office.Resume()
	h.hears(ann, "[unmuted]", 2)
	h.doing(ann, collecting, "")
	h.upgradeWhile(func() { presses("10*") })
	h.wantInside("5234", "101")
}

// Carl is being told that he is to press 1 when another office takes over: he hears it to its end, and does not hear its beginning once more before that.
func TestAnInvitationIsNotBegunAnew(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Press1, carl)
	ann := h.comes("101", "5234", "")
	hears := h.listens(carl)
	words := slices.Concat(h.cfg.Prompts.Say("en", prompts.Invitation("5234", "101"), prompts.PressOne)...)
	begin := words[:8000]
	ann.presses("*1103#")
	h.await("he hears the beginning", func() bool { return hears.heardWords(begin) == 1 })
	h.upgrade()
	h.await("he hears all of it", func() bool { return hears.heardWords(words) == 1 })
	if n := hears.heardWords(begin); n != 1 {
		t.Errorf("he has heard the beginning %d times", n)
	}
}

// Ann hears the dial tone, has dialled something, hears that somebody is busy by a tone and in words: each of that goes on after an upgrade, and at its end
// she is back in the talk.
func TestAnUpgradeWhileDialling(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(cfg *Config) { cfg.Pause, cfg.First = 3*time.Second, 10*time.Second })
	h.answering(dialout.Straight)
	ann := h.comes("101", "5234", "")
	hears := h.listens(ann)
	ann.presses("*1")
	h.doing(ann, collecting, "")
	h.upgrade()
	h.doing(ann, collecting, "")
	ann.presses("10")
	h.doing(ann, collecting, "10")
	h.upgrade()
	h.wantInside("5234", "-101")
	ann.presses("3#")
	h.doing(ann, disappointed, "103")
	hears.hearsTone(425)
	h.upgrade()
	h.doing(ann, disappointed, "103")
	h.hears(ann, "[103 busy]")
	h.upgrade()
	h.wantInside("5234", "101")
	h.hears(ann, "[103 busy]")
	h.hasTyped(ann, "")
	ann.presses("*1") // and the pause after the digits is the end of the number
	h.doing(ann, collecting, "")
	ann.presses("104")
	h.doing(ann, collecting, "104")
	h.upgrade()
	h.await("it is dialled", func() bool { return slices.Equal(h.list(), []string{"101 into 5234: 103", "101 into 5234: 104"}) })
	ann.presses("#") // a late hash
	h.doing(ann, disappointed, "104")
	ann.presses("*")
	h.wantInside("5234", "101")
}

// Carl is asked to press 1 when another office takes over, or talks to Ann, who asks for that. What they press then counts, and so does that they hang up.
func TestAnUpgradeWhileAGuestIsAsked(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range []struct {
		what   string
		policy dialout.Policy
		then   func(ann, carl *call)
		inside []string
		why    string // Carl was hung up
	}{
		{"he presses 1", dialout.Press1, func(_, carl *call) { carl.presses("1") }, []string{"101", "103"}, ""},
		{"she gives up", dialout.Press1, func(ann, _ *call) { ann.presses("0") }, []string{"101"}, "cancelled"},
		{"he hangs up", dialout.Press1, func(_, carl *call) { carl.Hangup("himself") }, []string{"101"}, "himself"},
		{"she hangs up", dialout.Press1, func(ann, _ *call) { ann.Hangup("goes") }, nil, "cancelled"},
		{"he does nothing", dialout.Press1, func(_, _ *call) {}, []string{"101"}, "no-accept"},
		{"she lets him in", dialout.Consult, func(ann, _ *call) { ann.presses("*") }, []string{"101", "103"}, ""},
		{"she does not", dialout.Consult, func(ann, _ *call) { ann.presses("#") }, []string{"101"}, "cancelled"},
	} {
		side(t, &all, c.what, func(t *testing.T) {
			h := newHouse(t, func(cfg *Config) {
				if cfg.Accept = time.Minute; c.why == "no-accept" {
					cfg.Accept = 4 * time.Second
				}
			})
			carl := h.newCall("103")
			h.answering(c.policy, carl)
			ann := h.comes("101", "5234", "")
			ann.presses("*1103#")
			h.wantInside("5234", "-101", "(103)")
			what := map[dialout.Policy]task{dialout.Press1: asking, dialout.Consult: consulting}[c.policy]
			h.doing(ann, what, "103")
			h.upgrade()
			h.doing(ann, what, "103")
			h.upgrade()
			c.then(ann, carl)
			if c.why != "" {
				<-carl.Done()
				if c.what == "he does nothing" {
					h.hears(ann, "[103 no-accept]")
					h.upgrade()
				}
			}
			h.wantInside("5234", c.inside...)
			if why := carl.Reason(); why != c.why {
				t.Errorf("%s: he was hung up with %q, want %q", c.what, why, c.why)
			}
			if c.why != "" {
				return
			}
			h.upgrade()
			carl.presses("*2") // he is served
			h.wantInside("5234", "101", "103!")
			ann.presses("*#") // and is still whom she has invited last
			<-carl.Done()
			h.wantInside("5234", "101")
		})
	}
}

// Ann and Carl are alone with each other; they stay so, and either ends it.
func TestAnUpgradeWhileTwoAreAside(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	ann, _, carl := h.pair()
	h.upgrade()
	h.wantInside("5234", "-101", "102", "-103")
	carl.presses("*6")
	h.wantInside("5234", "101", "102", "103")
	ann.presses("*6")
	h.wantInside("5234", "-101", "102", "-103")
	h.upgrade()
	carl.Hangup("goes")
	h.wantInside("5234", "101", "102")
	h.hears(ann, "[[103 has-left]]")
}

// A member of a group, and somebody whom a REFER has brought, are asked to press 1. The groups of the next process have the member received again, and
// the other one the office itself goes on with.
func TestAnUpgradeWhileSomebodyIsReceived(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.comes("101", "5234", "")
	member, other, late := h.newCall("202"), h.newCall("203"), h.newCall("204")
	h.answering(dialout.Press1, other, late)
	room := h.conference("5234")
	who := dialout.Guest{Caller: "101", Result: dialout.Result{Call: member, Number: "202", Policy: dialout.Press1, Lease: dialout.Lease{Room: room}}}
	office := h.office
	h.serves.Go(func() { office.Receive(context.Background(), who) })
	for _, number := range []string{"203", "204"} {
		h.serves.Go(func() {
			office.Bring(context.Background(), dialout.Request{Room: room, Caller: "101", Number: number}, Asker{})
		})
	}
	for _, c := range []*call{member, other, late} {
		h.doing(c, asked, "")
	}
	h.upgrade()
	received := make(chan dialout.State, 1)
	office = h.office
	h.serves.Go(func() { received <- office.Receive(context.Background(), who) })
	member.presses("1")
	if got := <-received; got != dialout.In {
		t.Errorf("the member is %s", got)
	}
	if got := h.office.Receive(t.Context(), who); got != dialout.In {
		t.Errorf("he who is in already is %s", got)
	}
	other.presses("1")
	h.await("all but one are in", func() bool { return len(h.inside("5234")) == 4 && !h.waits(other) && h.waits(late) })
	h.upgrade()
	other.presses("*2")
	h.await("he is served", func() bool { return slices.Contains(h.inside("5234"), "203!") })
	late.Hangup("goes")
	h.await("he has left", func() bool { return len(h.inside("5234")) == 3 })
	h.await("nobody is being brought in", func() bool {
		h.office.mu.Lock()
		defer h.office.mu.Unlock()
		return len(h.office.brings) == 0
	})
}
