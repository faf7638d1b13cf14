package sip

import (
	"testing"
	"time"
)

// Stories of when the far side has said its last word.

// wantSettled checks when an attempt is settled: that long after since, and not before.
func wantSettled(t *testing.T, a *Attempt, since time.Time, after time.Duration) {
	t.Helper()
	select {
	case <-a.Settled():
	case <-time.After(2 * time.Minute):
		t.Fatal("not settled")
	}
	if d := time.Since(since); d != after {
		t.Errorf("settled after %v, want %v", d, after)
	}
}

func wantUnsettled(t *testing.T, a *Attempt) {
	t.Helper()
	select {
	case <-a.Settled():
		t.Error("settled too early")
	default:
	}
}

func TestSettledWhenItIsAnsweredOrRefused(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, a, c := w.ringsAtAPhone()
		wantUnsettled(t, a)
		c.picksUp(a)
		wantSettled(t, a, time.Now(), 0)
		c.hangsUp()

		a = w.dials(p)
		p.rung().refuses(486)
		failed(t, a, Refused, 486)
		wantSettled(t, a, time.Now(), 0)

		a = w.dials(p) // nobody is there
		begin := time.Now()
		for p.gets(time.Minute) != nil {
			continue
		}
		failed(t, a, Unreachable, 408)
		wantSettled(t, a, begin, time.Since(begin))
	})
}

func TestSettledAfterTheCANCEL(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		_, a, c := w.ringsAtAPhone()
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		failed(t, a, Cancelled, 487)
		time.Sleep(3 * time.Second)
		wantUnsettled(t, a)
		begin := time.Now()
		c.refuses(487)
		wantSettled(t, a, begin, 0)
	})
}

// The CANCEL's own answer may be lost: what counts is that to the INVITE.
func TestSettledAlthoughTheCANCELIsNotAnswered(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, a, c := w.ringsAtAPhone()
		a.Cancel("")
		c.wantsRequest("CANCEL", time.Second, 0)
		begin := time.Now()
		c.says(487, "")
		c.wantsACK()
		wantSettled(t, a, begin, 0)
		for p.gets(time.Minute) != nil {
			continue
		}
	})
}

func TestSettledWhenTheCallThatCrossedTheCANCELIsEnded(t *testing.T) {
	for _, answered := range []bool{true, false} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.says(180, "")
			moved(t, a, 180, false)
			a.Cancel("")
			c.wantsCANCEL(time.Second)
			c.says(200, pcmaSDP)
			c.wantsACK()
			begin := time.Now()
			bye := c.wantsRequest("BYE", time.Second, 0)
			time.Sleep(400 * time.Millisecond)
			wantUnsettled(t, a)
			if answered {
				c.answers(bye, 200, "")
				wantSettled(t, a, begin, 400*time.Millisecond)
				return
			}
			wantSettled(t, a, begin, 32*time.Second)
			for p.gets(time.Millisecond) != nil {
				continue
			}
		})
	}
}

func TestSettledWhenNothingComesAfterTheCANCEL(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, a, c := w.ringsAtAPhone()
		time.Sleep(10 * time.Second)
		a.Cancel("")
		begin := time.Now()
		c.wantsCANCEL(time.Second)
		wantSettled(t, a, begin, 32*time.Second)
		p.wantsNothing(time.Second)
	})
}

// An answer that is of no use: that call is ended first.
func TestSettledWhenAnUnusableAnswerIsEnded(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(200, "")
		c.wantsACK()
		failed(t, a, Unusable, 488)
		bye := c.wantsRequest("BYE", time.Second, 0)
		time.Sleep(100 * time.Millisecond)
		wantUnsettled(t, a)
		begin := time.Now()
		c.answers(bye, 200, "")
		wantSettled(t, a, begin, 0)
	})
}

// The phone picks up and hangs up at once: its BYE is as good as an answer to ours.
func TestSettledByTheBYEOfThePeer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		_, a, c := w.ringsAtAPhone()
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		c.says(200, pcmaSDP)
		c.wantsACK()
		bye := c.wantsRequest("BYE", time.Second, 0)
		begin := time.Now()
		c.sends("BYE", "")
		c.wants(200)
		wantSettled(t, a, begin, 0)
		c.answers(bye, 481, "")
	})
}

func TestGoneWhenTheBYEIsAnswered(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		for _, ours := range []bool{true, false} {
			p := w.phone()
			var call *Call
			if ours {
				a := w.dials(p)
				call = p.rung().picksUp(a)
			} else {
				call = p.calls()
			}
			call.Hangup("")
			<-call.Done()
			bye := p.wantsRequest("BYE", time.Second, 0)
			time.Sleep(400 * time.Millisecond)
			select {
			case <-call.Gone():
				t.Error("gone too early")
			default:
			}
			p.answers(bye, 200, "")
			<-call.Gone()
		}
	})
}
