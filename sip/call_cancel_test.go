package sip

import (
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestNoCANCELBeforeAProvisionalResponse(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		a.Cancel(AnsweredElsewhere)
		failed(t, a, Cancelled, 487)
		p.wantsRequest("INVITE", time.Second, 0) // it is repeated, for it may have got lost
		p.wantsNothing(900 * time.Millisecond)
		c.says(180, "")
		cancel := c.wantsCANCEL(time.Second)
		wantHeader(t, cancel, "Reason", AnsweredElsewhere)
		c.refuses(487)
		p.wantsNothing(40 * time.Second)
	})
}

func TestCANCEL(t *testing.T) {
	legs := &watched{}
	inWorld(t, func(c *Config, _ *Handler) { c.Media = legs }, func(w *world) {
		p, a, c := w.ringsAtAPhone()
		a.Cancel("")
		cancel := c.wantsCANCEL(time.Second)
		if cancel.GetHeader("Reason") != nil {
			t.Error("a Reason that nobody gave")
		}
		failed(t, a, Cancelled, 487) // whatever the peer says
		a.Cancel("again")
		c.says(183, pcmaSDP) // that has crossed it
		p.wantsNothing(time.Second)
		legs.wantClosed(t, true)
		c.refuses(487)
		c.says(487, "") // our ACK was lost
		c.wantsACK()
		p.wantsNothing(40 * time.Second)
	})
}

func TestCANCELThatIsNotAnswered(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, a, _ := w.ringsAtAPhone()
		a.Cancel("")
		start, cancels := time.Now(), 0
		for m := p.gets(20 * time.Second); m != nil; m = p.gets(20 * time.Second) {
			if req, ok := m.Message.(*sipgo.Request); !ok || req.Method != sipgo.CANCEL {
				t.Fatalf("got\n%s", m.text)
			}
			cancels++
		}
		if d := time.Since(start) - 20*time.Second; cancels < 8 || d > 32*time.Second {
			t.Errorf("%d CANCELs within %v", cancels, d)
		}
		if w.ua.Calls() != 0 {
			t.Error("the attempt is still there after 64*T1 (9.1)")
		}
	})
}

func TestCANCELThatCrossesThe200(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, a, c := w.ringsAtAPhone()
		a.Cancel(AnsweredElsewhere)
		cancel := c.wantsRequest("CANCEL", time.Second, 0)
		c.says(200, pcmaSDP) // picked up just then
		c.answers(cancel, 481, "")
		c.wantsACK()
		bye := c.wantsRequest("BYE", time.Second, 200)
		wantHeader(t, bye, "Reason", AnsweredElsewhere)
		failed(t, a, Cancelled, 487)
		c.says(200, pcmaSDP)
		c.wantsACK()
		p.wantsNothing(40 * time.Second)
	})
}

func TestAnswerToACancelledINVITEThatHadNoCANCEL(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		a.Cancel("")
		c.says(200, pcmaSDP)
		c.wantsACK()
		c.wantsRequest("BYE", time.Second, 200)
		failed(t, a, Cancelled, 487)
		p.wantsNothing(40 * time.Second)
	})
}

func TestCancelAfterTheAnswerHangsUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		call := c.picksUp(a)
		a.Cancel(AnsweredElsewhere)
		wantHeader(t, c.wantsRequest("BYE", time.Second, 200), "Reason", AnsweredElsewhere)
		wantEnded(t, call, false, "cancelled")
	})
}

func TestLate200(t *testing.T) {
	ends := map[string]func(w *world, a *Attempt, c *callee){
		"after the 487": func(w *world, a *Attempt, c *callee) {
			c.says(180, "")
			moved(w.t, a, 180, false)
			a.Cancel("")
			c.wantsCANCEL(time.Second)
			c.refuses(487)
		},
		"after nobody has answered": func(w *world, a *Attempt, c *callee) {
			for c.gets(30*time.Second) != nil {
				continue
			}
			failed(w.t, a, Unreachable, 408)
		},
		"after a refusal by another phone": func(w *world, a *Attempt, c *callee) {
			c.refuses(486)
			failed(w.t, a, Refused, 486)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.t = t
				p := w.phone()
				a := w.dials(p)
				c := p.rung()
				end(w, a, c)
				late := c.fork("late")
				late.says(200, pcmaSDP)
				late.wantsACK()
				bye := late.wantsRequest("BYE", time.Second, 200)
				if to, _ := bye.To().Params.Get("tag"); to != "late" || bye.CSeq().SeqNo <= c.invite.CSeq().SeqNo {
					t.Errorf("BYE:\n%s", bye)
				}
				late.says(200, pcmaSDP)
				late.wantsACK()
				late.wantsNothing(40 * time.Second)
				if w.ua.Calls() != 0 {
					t.Errorf("%d calls", w.ua.Calls())
				}
			})
		})
	}
}
