package attendant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// exchange is where the numbers ring that are dialled, from one upgrade to the next, as far as a dialler knows of them. What happens there while an office
// hands over is told to the next one, as a dialler does that is paused meanwhile.
type exchange struct {
	pause sync.RWMutex  // held for writing in an upgrade
	stuck chan struct{} // nobody who gives up hears how it has ended before this is closed; nil: at once

	closed chan struct{} // at the end of the test

	mu      sync.Mutex
	age     int                // how many upgrades there were
	sent    int                // INVITEs
	rings   map[string]*ringer // by the ID of the INVITE
	changed chan struct{}      // closed when somebody hears of a number
}

// ringer is a number that rings.
type ringer struct {
	h      *house
	id     string
	number string
	why    chan error     // with which it was given up, by each office that did
	last   dialout.Change // that was told; guarded by exchange.mu, as is what follows
	hears  *hearer        // the dial-out that hears of it; nil: none does yet
}

// hearer is the dial-out of one office.
type hearer struct {
	watch  func(dialout.Change)
	result chan dialout.Result
	over   chan struct{} // closed when it has said that it has heard how it has ended
}

// rings has every number ring that is dialled from now on, until ends.
func (h *house) rings() {
	h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		r := &ringer{h: h, id: "INVITE " + req.Number, number: req.Number, why: make(chan error, 10)}
		r.last = dialout.Change{State: dialout.Trying, Number: r.number, Trunk: "a", ID: r.id}
		return r.heard(ctx, watch)
	}
}

// Continue is Dial for what rings already.
func (h *house) Continue(ctx context.Context, id string, watch func(dialout.Change)) dialout.Result {
	h.exchange.mu.Lock()
	r := h.exchange.rings[id]
	h.exchange.mu.Unlock()
	if r == nil {
		return dialout.Result{Outcome: dialout.Outcome{State: dialout.Failed, Cause: dialout.Interrupted}}
	}
	return r.heard(ctx, watch)
}

func (r *ringer) heard(ctx context.Context, watch func(dialout.Change)) (result dialout.Result) {
	e := &r.h.exchange
	me := &hearer{watch, make(chan dialout.Result, 1), make(chan struct{})}
	result = dialout.Result{Outcome: dialout.Outcome{State: dialout.Cancelled}, Number: r.number}
	if !e.begins(ctx, r, me) { // another office has taken over before anything was sent
		select {
		case <-ctx.Done():
		case <-e.closed:
		}
		return result
	}
	select {
	case <-e.closed:
	case result = <-me.result:
	case <-ctx.Done():
		r.why <- context.Cause(ctx)
		if e.stuck != nil {
			<-e.stuck
		}
		e.pause.RLock()
		defer e.pause.RUnlock()
	}
	watch(dialout.Change{State: result.State, Number: result.Number, Over: true})
	close(me.over)
	return result
}

// begins has a dial-out hear of a number, if it is of the office of now, and first how far it is: in a pause of the dialler that is known.
func (e *exchange) begins(ctx context.Context, r *ringer, me *hearer) bool {
	e.pause.RLock()
	defer e.pause.RUnlock()
	last, ok := e.sends(ctx, r, me)
	if ok {
		me.watch(last)
	}
	return ok
}

func (e *exchange) sends(ctx context.Context, r *ringer, me *hearer) (last dialout.Change, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if age, _ := ctx.Value(ageOf{}).(int); age != e.age {
		return last, false
	}
	if e.rings == nil {
		e.rings = make(map[string]*ringer)
	}
	if e.rings[r.id] != r {
		e.sent++
	}
	r.hears, e.rings[r.id] = me, r
	if e.changed != nil {
		close(e.changed)
		e.changed = nil
	}
	return r.last, true
}

// dialler is what the house is for the office of one age.
type dialler struct {
	*house
	age int
}

type ageOf struct{} // of a context

func (d dialler) Dial(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
	return d.house.Dial(context.WithValue(ctx, ageOf{}, d.age), req, watch)
}

func (d dialler) Continue(ctx context.Context, id string, watch func(dialout.Change)) dialout.Result {
	return d.house.Continue(context.WithValue(ctx, ageOf{}, d.age), id, watch)
}

// hang has nobody hear of what rings: who did was in the process that has ended.
func (e *exchange) hang() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.age++
	for _, r := range e.rings {
		r.hears = nil
	}
}

// hearerOf waits until an office hears of a number that rings.
func (e *exchange) hearerOf(id string) (*ringer, *hearer) {
	for {
		e.mu.Lock()
		r := e.rings[id]
		if r != nil && r.hears != nil {
			defer e.mu.Unlock()
			return r, r.hears
		}
		if e.changed == nil {
			e.changed = make(chan struct{})
		}
		changed := e.changed
		e.mu.Unlock()
		<-changed
	}
}

// tells has the dialler tell how far a number is.
func (h *house) tells(number string, c dialout.Change) {
	h.exchange.during("INVITE "+number, func(r *ringer, hears *hearer) {
		c.ID, c.Number = r.id, number
		h.exchange.mu.Lock()
		r.last = c
		h.exchange.mu.Unlock()
		hears.watch(c)
	})
}

// ends has the dialler tell how it has ended.
func (h *house) ends(number string, r dialout.Result) {
	h.exchange.during("INVITE "+number, func(_ *ringer, hears *hearer) {
		r.Number = number
		hears.result <- r
		<-hears.over
	})
}

func (h *house) picksUp(number string, c *call, policy dialout.Policy) {
	h.ends(number, dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: c, Policy: policy, Lease: dialout.Lease{Room: h.conference("5234")}})
}

// during does something between two upgrades.
func (e *exchange) during(id string, do func(*ringer, *hearer)) {
	for done := false; !done; {
		e.hearerOf(id)
		e.pause.RLock()
		e.mu.Lock()
		r := e.rings[id]
		hears := r.hears
		e.mu.Unlock()
		if hears != nil { // else an upgrade has come between
			do(r, hears)
			done = true
		}
		e.pause.RUnlock()
	}
}

// Ann hears a phone ring, or its early sound, when another office takes over, and goes on hearing it. Whatever comes then comes as if nothing had happened.
func TestAnUpgradeWhileItRings(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range []struct {
		what   string
		then   func(h *house, ann, carl *call)
		inside []string
		why    string // Carl was hung up; empty: he is in
		given  bool   // it was given up
		hears  string // Ann, besides
	}{
		{"he answers", func(h *house, _, carl *call) { h.picksUp("103", carl, dialout.Straight) }, []string{"101", "103"}, "", false, ""},
		{"he presses 1", func(h *house, _, carl *call) {
			h.picksUp("103", carl, dialout.Press1)
			h.doing(carl, asked, "")
			h.upgrade()
			carl.presses("1")
		}, []string{"101", "103"}, "", false, ""},
		{"she consults him", func(h *house, ann, carl *call) {
			h.picksUp("103", carl, dialout.Consult)
			h.doing(ann, consulting, "103")
			h.upgrade()
			ann.presses("*")
		}, []string{"101", "103"}, "", false, ""},
		{"she gives up", func(_ *house, ann, carl *call) { ann.presses("5"); carl.Hangup("cancelled") }, []string{"101"}, "cancelled", true, ""},
		{"she hangs up", func(_ *house, ann, carl *call) { ann.Hangup("goes"); carl.Hangup("cancelled") }, nil, "cancelled", true, ""},
		{"he is busy", func(h *house, _, carl *call) {
			carl.Hangup("486")
			h.ends("103", dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}})
		}, []string{"101"}, "486", false, "[103 busy]"},
	} {
		for _, early := range []bool{false, true} {
			side(t, &all, fmt.Sprintf("%s, early %v", c.what, early), func(t *testing.T) {
				h := newHouse(t, func(cfg *Config) { cfg.Accept = time.Minute })
				h.rings()
				ann, carl := h.comes("101", "5234", ""), h.newCall("103")
				h.listens(carl).says(900)
				hears, pitch, who := h.listens(ann), float64(ringback), []string{"-101"}
				change := dialout.Change{State: dialout.Ringing, Trunk: "a"}
				if early {
					change.Early, pitch, who = carl, 900, append(who, "(103)")
				}
				ann.presses("*1103#")
				h.tells("103", change)
				for range 2 {
					h.wantInside("5234", who...)
					hears.hearsTone(pitch)
					h.upgrade()
					h.doing(ann, calling, "103")
				}
				h.tells("103", change)
				hears.hearsTone(pitch)
				h.wantInside("5234", who...)
				h.mu.Lock()
				if len(h.left) != 0 {
					t.Errorf("somebody has left: %q", h.left)
				}
				h.mu.Unlock()
				c.then(h, ann, carl)
				if c.hears != "" {
					h.hears(ann, c.hears)
				}
				h.wantInside("5234", c.inside...)
				if c.given {
					r, _ := h.exchange.hearerOf("INVITE 103")
					if why := <-r.why; why != dialout.ErrGivenUp {
						t.Errorf("it was given up with %v", why)
					}
				}
				if n := len(h.list()); n != 1 {
					t.Errorf("he was dialled %d times", n)
				}
				if why := carl.Reason(); why != c.why {
					t.Errorf("he was hung up with %q, want %q", why, c.why)
				}
				if c.why != "" {
					return
				}
				carl.presses("*2") // he is served
				h.wantInside("5234", "101", "103!")
				h.upgrade()
				ann.presses("*#") // and is whom she has invited last
				<-carl.Done()
				h.wantInside("5234", "101")
			})
		}
	}
}

// Ann hears the early sound of one phone, and after the upgrade another one answers, or the next way is tried: the first one is not heard any more.
func TestAnotherPhoneAnswersAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.rings()
	ann := h.comes("101", "5234", "")
	first, second, third := h.newCall("first"), h.newCall("second"), h.newCall("third")
	h.listens(first).says(700)
	h.listens(second).says(900)
	hears := h.listens(ann)
	ann.presses("*1103#")
	h.tells("103", dialout.Change{State: dialout.Trying, Trunk: "a", Early: first})
	hears.hearsTone(700)
	h.upgrade()
	h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "b"})
	h.wantInside("5234", "-101")
	hears.hearsTone(ringback)
	h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "b", Early: second})
	hears.hearsTone(900)
	h.upgrade()
	h.picksUp("103", third, dialout.Straight)
	h.wantInside("5234", "101", "third")
	if _, _, there := h.office.Whereabouts(second.id); there {
		t.Error("the phone that has not answered is still there")
	}
}

// The early sound has ended between the processes, or there is no trunk any more, or the next dialler knows nothing of the number.
func TestWhatRangIsNotThereAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		between func(h *house, carl *call)
		after   func(h *house)
		hears   string
	}{
		"the sound has ended": {func(_ *house, carl *call) { carl.Hangup("gone") },
			func(h *house) { h.ends("103", dialout.Result{Outcome: dialout.Outcome{State: dialout.NoAnswer}}) }, "[103 no-answer]"},
		"no trunk":  {func(h *house, _ *call) { h.cfg.Dialer = nil }, func(*house) {}, "[103 not-allowed]"},
		"not known": {func(h *house, _ *call) { h.exchange.forget() }, func(*house) {}, "[103 failed]"},
	} {
		h := newHouse(t, nil)
		h.rings()
		ann, carl := h.comes("101", "5234", ""), h.newCall("103")
		ann.presses("*1103#")
		h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "a", Early: carl})
		h.wantInside("5234", "-101", "(103)")
		h.upgradeWhile(func() { c.between(h, carl) })
		c.after(h)
		h.hears(ann, c.hears)
		ann.presses("#") // she has heard enough
		h.wantInside("5234", "101")
		if _, _, there := h.office.Whereabouts(carl.id); there {
			t.Errorf("%s: he is still in the ante-room", what)
		}
	}
}

func (e *exchange) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rings = nil
}

// Ann has given up, and her dialler has not said yet that it is so, because it is paused: the next one cancels.
func TestAnUpgradeWhileItIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.rings()
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "a"})
	h.exchange.stuck = make(chan struct{})
	r, _ := h.exchange.hearerOf("INVITE 103")
	ann.presses("0")
	<-r.why
	h.upgrade()
	if why := <-r.why; why != dialout.ErrGivenUp {
		t.Errorf("given up with %v", why)
	}
	close(h.exchange.stuck)
	h.wantInside("5234", "101")
	if n := len(h.list()); n != 1 {
		t.Errorf("he was dialled %d times", n)
	}
}

// Offices take over one after the other while eight numbers are dialled, ring and are answered or not: each comes in who has answered, once, and nobody else.
func TestNoAnswerIsLostInUpgrades(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.rings()
	boss := h.comes("101", "5234", "")
	var want []string
	over := make(chan struct{})
	go func() { // ends with the last number
		defer close(over)
		for i := range 4 {
			answers, refuses := fmt.Sprint(200+i), fmt.Sprint(300+i)
			boss.presses("*1" + answers + "#")
			c := h.newCall(answers)
			h.tells(answers, dialout.Change{State: dialout.Trying, Trunk: "a"})
			h.tells(answers, dialout.Change{State: dialout.Ringing, Trunk: "a", Early: c})
			h.picksUp(answers, c, dialout.Straight)
			h.await("he is in", func() bool { return slices.Contains(h.inside("5234"), answers) })
			boss.presses("*1" + refuses + "#")
			h.tells(refuses, dialout.Change{State: dialout.Ringing, Trunk: "a"})
			h.ends(refuses, dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}})
			h.await("she is told", func() bool { return h.log.count(`said="[`+refuses+` busy]"`) == 1 })
			boss.presses("#")
		}
	}()
	for i := range 4 {
		want = append(want, fmt.Sprint(200+i))
	}
	upgrades := 0
	for done := false; !done; upgrades++ {
		select {
		case <-over:
			done = true
		case <-time.After(20 * time.Millisecond):
		}
		h.upgrade()
	}
	h.wantInside("5234", append([]string{"101"}, want...)...)
	if n := h.exchange.sent; n != 8 {
		t.Errorf("%d INVITEs were sent", n)
	}
	t.Log(upgrades, "upgrades")
}

// A REFER has brought a number to ring, and its guest to be asked to press 1, when another office takes over: whoever asks for the outcome there is told, also if
// he asks late; and what is over is not begun again.
func TestAnUpgradeWhileAReferralRings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what string
		then func(h *house, carl *call)
		want dialout.State
	}{
		{"he answers", func(h *house, carl *call) { h.picksUp("103", carl, dialout.Straight) }, dialout.In},
		{"he presses 1", func(h *house, carl *call) {
			h.picksUp("103", carl, dialout.Press1)
			h.doing(carl, asked, "")
			h.upgrade()
			carl.presses("1")
		}, dialout.In},
		{"he hangs up", func(h *house, carl *call) {
			h.picksUp("103", carl, dialout.Press1)
			h.doing(carl, asked, "")
			h.upgrade()
			carl.Hangup("himself")
		}, dialout.NoAccept},
		{"he hangs up in between", func(h *house, carl *call) {
			h.picksUp("103", carl, dialout.Press1)
			h.doing(carl, asked, "")
			h.upgradeWhile(func() { carl.Hangup("himself") })
		}, dialout.NoAccept},
		{"he is busy", func(h *house, _ *call) {
			h.ends("103", dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}})
		}, dialout.Busy},
		{"the dialler knows nothing of it", func(h *house, _ *call) {
			h.upgradeWhile(func() { h.exchange.forget() })
		}, dialout.Failed},
		{"there is no trunk any more", func(h *house, _ *call) {
			h.upgradeWhile(func() { h.cfg.Dialer = nil })
		}, dialout.Failed},
	} {
		for _, when := range []string{"at once", "late", "one office later"} {
			t.Run(c.what+", asked "+when, func(t *testing.T) {
				h := newHouse(t, nil)
				h.rings()
				h.comes("101", "5234", "")
				carl := h.newCall("103")
				by := Asker{ID: "REFER"}
				office, req := h.office, dialout.Request{Room: h.conference("5234"), Caller: "101", Number: "103"}
				go office.Bring(t.Context(), req, Asker{ID: "REFER", Told: func(dialout.Outcome) {
					if h.office == office {
						t.Error("the old office has told how it has ended")
					}
				}})
				h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "a"})
				h.upgrade()
				h.upgrade()
				told := make(chan dialout.Outcome, 3)
				by.Told = func(o dialout.Outcome) { told <- o }
				asks := func() {
					office := h.office
					h.serves.Go(func() {
						if outcome, begun := office.BringOn(context.Background(), by); begun {
							told <- outcome
						}
					})
				}
				c.then(h, carl)
				if when != "at once" {
					h.await("it has ended", func() bool {
						return h.log.count("brought in after an upgrade") == 1
					})
				}
				if when == "one office later" {
					h.upgrade()
				}
				asks()
				for range 2 {
					if o := <-told; o.State != c.want {
						t.Errorf("%v, want %s", o, c.want)
					}
				}
				if c.want == dialout.In {
					carl.presses("*2")
					h.wantInside("5234", "101", "103!")
				} else {
					h.wantInside("5234", "101")
				}
				if _, begun := h.office.BringOn(t.Context(), by); begun || len(h.list()) != 1 {
					t.Errorf("it is begun again, and %q were dialled", h.list())
				}
			})
		}
	}
}

// Who waits for it after the upgrade hears how far it is; the end of the conference gives it up, and so does that of the server.
func TestGivingAReferralUpAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	errEnding := errors.New("the server is ending")
	for _, room := range []bool{false, true} {
		h := newHouse(t, nil)
		h.rings()
		ann := h.comes("101", "5234", "")
		office, req := h.office, dialout.Request{Room: h.conference("5234"), Caller: "101", Number: "103"}
		go office.Bring(t.Context(), req, Asker{ID: "REFER"})
		h.tells("103", dialout.Change{State: dialout.Trying, Trunk: "a"})
		h.upgrade()
		if _, begun := h.office.BringOn(t.Context(), Asker{ID: "REFER of somebody else"}); begun {
			t.Error("it is somebody else's")
		}
		ctx, end := context.WithCancelCause(context.Background())
		heard, told := make(chan dialout.Change, 9), make(chan dialout.Outcome, 1)
		next := h.office
		h.serves.Go(func() {
			next.BringOn(ctx, Asker{ID: "REFER", Watch: func(c dialout.Change) { heard <- c }, Told: func(o dialout.Outcome) { told <- o }})
		})
		h.await("he waits for it", func() bool {
			next.mu.Lock()
			defer next.mu.Unlock()
			for b := range next.brings {
				return b.awaited
			}
			return false
		})
		h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "a"})
		for c := range heard { // perhaps first that it is tried
			if c.State == dialout.Ringing {
				break
			}
		}
		r, _ := h.exchange.hearerOf("INVITE 103")
		want := errEnding
		if room {
			want = dialout.ErrRoomEnded
			ann.Hangup("goes")
		} else {
			end(errEnding)
		}
		if o := <-told; o.State != dialout.Cancelled {
			t.Errorf("told of %v", o)
		}
		if why := <-r.why; why != want {
			t.Errorf("given up with %v, want %v", why, want)
		}
		end(nil)
	}
}

// A pause does not wait for telephones that ring.
func TestAPauseDoesNotWaitForWhatRings(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.rings()
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.tells("103", dialout.Change{State: dialout.Ringing, Trunk: "a"})
	h.doing(ann, calling, "103")
	if err := h.office.Pause(t.Context()); err != nil {
		t.Fatal(err)
	}
	told := make(chan struct{})
	go func() { // ends with the pause
		defer close(told)
		h.ends("103", dialout.Result{Outcome: dialout.Outcome{State: dialout.Busy}})
	}()
	if got := h.office.Save().Attendants[0].Doing; got.Out != "INVITE 103" || !got.Rings || h.log.count("busy") != 0 {
		t.Errorf("she does %+v", got)
	}
	h.office.Resume() // as when the upgrade has failed
	<-told
	h.hears(ann, "[103 busy]")
}
