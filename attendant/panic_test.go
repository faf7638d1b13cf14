package attendant

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipconf/sipconf/dialout"
)

// wantPanics fails unless so many panics were survived, and the log has the stack of each.
func (h *house) wantPanics(n int, where string) {
	h.Helper()
	h.await("a panic is survived", func() bool {
		return h.office.Panics() == uint64(n) && h.log.count("please report it") == n && h.log.count("in="+where+" err=\"our bug\" stack=") == n
	})
}

// What Carl, whom Ann has brought in, asks for ends in a panic: he is hung up, and the others stay.
func TestAPanicCostsOneGuest(t *testing.T) {
	h := newHouse(t, nil)
	carl := h.newCall("103")
	h.answering(dialout.Straight, carl)
	ann := h.comes("101", "5234", "")
	h.comes("102", "5234", "")
	ann.presses("*1103#")
	h.wantInside("5234", "101", "102", "103")
	h.groups.bug = true
	carl.presses("**1")
	h.wantInside("5234", "101", "102")
	<-carl.Done()
	h.wantPanics(1, "guest")
	ann.presses("*2")
	h.wantInside("5234", "101!", "102")
}

// broken is a call that nobody can look at so often without a panic.
type broken struct {
	*call
	after atomic.Int32
}

func (b *broken) Caller() (name, number string) {
	if b.after.Add(-1) < 0 {
		panic("our bug")
	}
	return b.call.Caller()
}

// Ann dials Carl, and at one step after the other there is a panic on her side, which whoever serves her survives: Carl is hung up with
// her, whether he has answered or she only hears his exchange, nobody dials any more, and no seat is kept for anybody. Bob stays.
func TestAPanicCostsTheInviterAndHerGuest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what         string
		after        int32
		early, other bool // whether she hears his exchange before he answers, or another phone's
		answers      bool // before she gives up
	}{
		{what: "he is made out", after: 1, answers: true},
		{what: "he is taken in", after: 2, answers: true},
		{what: "another phone has answered", after: 1, other: true, answers: true},
		{what: "his exchange is heard", after: 1, early: true},
		{what: "he is taken in whose exchange was heard", after: 2, early: true, answers: true},
	} {
		h := newHouse(t, nil)
		carl, exchange := &broken{call: h.newCall("103")}, h.newCall("103")
		carl.after.Store(c.after)
		dialled := make(chan struct{})
		h.script = func(ctx context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
			defer close(dialled)
			r := dialout.Result{Outcome: dialout.Outcome{State: dialout.Answered}, Call: carl, Number: "103", Policy: dialout.Straight}
			if c.other {
				watch(dialout.Change{State: dialout.Trying, Number: "103", Early: exchange})
			} else if c.early {
				watch(dialout.Change{State: dialout.Trying, Number: "103", Early: carl})
			}
			if c.other || c.answers && c.early {
				h.await("his exchange is heard", func() bool { return h.rooms.Stats().Seats == 3 })
			}
			if !c.answers {
				<-ctx.Done() // he answers in the moment when she gives up
			}
			return r
		}
		h.comes("102", "5234", "")
		ann := h.newCall("101")
		seat, err := h.rooms.Reserve("5234")
		if err != nil {
			t.Fatal(err)
		}
		p := seat.Join(ann)
		survived := make(chan any, 1)
		h.serves.Go(func() { // as sip does with a call
			defer p.Leave("internal error")
			defer ann.Hangup("internal error")
			defer func() { survived <- recover() }()
			h.office.Serve(context.Background(), ann, p, "5234", "")
		})
		h.wantInside("5234", "102", "101")
		ann.presses("*1103#")
		if r := <-survived; r != "our bug" {
			t.Errorf("%s: the panic has not gone on: %v", c.what, r)
		}
		<-dialled
		h.await(c.what+", and he is hung up", func() bool { return carl.Reason() != "" })
		h.wantInside("5234", "102")
		h.wantSeats(1)
	}
}

// A member of a group is being received when it happens.
func TestAPanicCostsOneMember(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Language = func(room, number string) string {
			if number == "666" {
				panic("our bug")
			}
			return "en"
		}
	})
	h.comes("101", "5234", "")
	member := h.newCall("202")
	who := dialout.Guest{Caller: "101", Result: dialout.Result{Call: member, Number: "666", Lease: dialout.Lease{Room: h.conference("5234")}}}
	if got := h.office.Receive(t.Context(), who); got != dialout.Failed {
		t.Error(got)
	}
	<-member.Done()
	h.wantInside("5234", "101")
	h.wantPanics(1, "receiving")
}

// The dialler breaks: whoever was dialling hears that it has failed, and is back in the room.
func TestAPanicWhileDialling(t *testing.T) {
	h := newHouse(t, nil)
	early := h.newCall("103")
	h.script = func(_ context.Context, req dialout.Request, watch func(dialout.Change)) dialout.Result {
		watch(dialout.Change{State: dialout.Ringing, Number: req.Number, Early: early})
		panic("our bug")
	}
	ann := h.comes("101", "5234", "")
	ann.presses("*1103#")
	h.wantPanics(1, "dial-out")
	h.await("it has failed", func() bool { return h.log.count(`outcome="failed: error"`) == 1 })
	ann.presses("#") // she has heard the tone
	h.wantInside("5234", "101")
}

// What a room is to be told breaks: it is not told, and the other room is, later the first as well.
func TestAPanicOfTheCrier(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Announce = true
		c.Language = func(room, number string) string {
			if room == "666" && number == "" {
				panic("our bug")
			}
			return "en"
		}
	})
	h.comes("201", "666", "")
	h.comes("202", "666", "")
	h.wantPanics(1, "crier")
	h.comes("301", "5234", "")
	h.comes("302", "5234", "")
	h.await("the other room is told", func() bool { return h.log.count("msg=announces room=5234 joined=[302] left=[]") == 1 })
	h.wantInside("666", "201", "202")
}

// While somebody changes who is aside there is a panic: the next one can do it all the same.
func TestAPanicLeavesNoLock(t *testing.T) {
	o := &Office{}
	func() {
		defer func() { recover() }()
		o.arrange(func() { panic("our bug") })
	}()
	done := make(chan struct{})
	go o.arrange(func() { close(done) })
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it is locked for ever")
	}
}
