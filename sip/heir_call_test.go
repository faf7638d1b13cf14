package sip

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// waits is a handler that answers, and stays; a call of the process before is taken as it is.
func (w *world) stays(ctx context.Context, call *Call) {
	if call.Answer(ctx) == nil {
		w.calls <- call
		<-call.Done()
	}
}

func inHandover(t *testing.T, story func(w *world)) {
	t.Helper()
	var w *world
	inWorld(t, func(c *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) { w.stays(ctx, call) }
	}, func(own *world) {
		w = own
		story(w)
	})
}

// TestAnsweredCallGoesOn: what either side does in a call after the hand-over.
func TestAnsweredCallGoesOn(t *testing.T) {
	t.Run("the caller hangs up", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			id := p.calls().ID()
			w.handsOver()
			call := w.taken()
			if call.ID() != id || call != w.continued(id) || !call.Restored() || !call.Incoming() {
				t.Errorf("the handler got another call")
			}
			p.hangsUp()
			wantEnded(t, call, true, "hung up")
		})
	})
	t.Run("we hang up", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.calls()
			w.handsOver()
			w.taken().Hangup("enough")
			bye := p.wantsRequest("BYE", time.Second, 200)
			if tag, _ := bye.From().Params.Get("tag"); tag != p.toTag {
				t.Errorf("From tag %q, want %q", tag, p.toTag)
			}
		})
	})
	t.Run("three times", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.calls()
			for range 3 {
				w.handsOver()
				w.taken()
			}
			p.hangsUp()
		})
	})
	t.Run("hold", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.calls()
			w.handsOver()
			call := w.taken()
			p.invites(strings.Replace(pcmaSDP, "sendrecv", "sendonly", 1))
			res := p.wants(200)
			if !strings.Contains(string(res.Body()), "a=recvonly") || originVersion(t, res.Body()) != "2" {
				t.Errorf("the answer to hold is\n%s", res.Body())
			}
			p.acks("")
			synctest.Wait()
			if remote, held, _ := agreedOf(call); !held || remote != "127.0.0.1:40000" {
				t.Errorf("held is %v, remote %s", held, remote)
			}
			p.hangsUp()
		})
	})
	t.Run("keys by INFO, out of order", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.calls()
			p.sends("INFO", "Signal=1\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
			p.wants(200)
			w.handsOver()
			w.taken()
			cseq := p.cseq
			p.cseq = cseq + 2
			p.request("INFO", p.newBranch(), "Signal=3\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
			p.cseq = cseq + 1
			p.request("INFO", p.newBranch(), "Signal=2\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
			for _, want := range []uint32{uint32(cseq + 1), uint32(cseq + 2)} {
				if res := p.wants(200); res.CSeq().SeqNo != want {
					t.Errorf("answered %d, want %d", res.CSeq().SeqNo, want)
				}
			}
			p.cseq = cseq
			p.request("INFO", p.newBranch(), "Signal=1\r\nDuration=160\r\n", "Content-Type: application/dtmf-relay")
			p.wants(500) // an old number
			p.cseq = cseq + 2
			p.hangsUp()
		})
	})
}

// TestSessionIsRefreshedInTime: the timer of a session runs on.
func TestSessionIsRefreshedInTime(t *testing.T) {
	inHandover(t, func(w *world) {
		p := w.phone()
		p.calls("Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE")
		began := time.Now()
		time.Sleep(2 * time.Minute)
		w.handsOver()
		w.taken()
		p.wantsRequest("UPDATE", 5*time.Minute, 200, "Session-Expires: 600;refresher=uac")
		if after := time.Since(began); after != 5*time.Minute {
			t.Errorf("refreshed after %v, want 5 minutes", after)
		}
		w.handsOver()
		w.taken()
		req := p.wantsRequest("UPDATE", 6*time.Minute, 481)
		if after := time.Since(began); after != 10*time.Minute {
			t.Errorf("refreshed again after %v, want 10 minutes", after)
		}
		if req.CSeq().SeqNo != 2 {
			t.Errorf("CSeq %d, want 2", req.CSeq().SeqNo)
		}
		p.wantsRequest("BYE", time.Second, 200)
	})
}

// TestAnswerGoesOnBeingSent: the 200 that has no ACK is repeated by whoever took over.
func TestAnswerGoesOnBeingSent(t *testing.T) {
	t.Run("and acknowledged", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP)
			first := p.wants(200).String()
			w.handsOver()
			if again := p.wants(200).String(); again != first {
				t.Errorf("repeated as\n%s\nit was\n%s", again, first)
			}
			p.request("INVITE", p.branch, pcmaSDP) // a duplicate
			p.wants(200)
			p.acks("")
			call := w.taken()
			p.hangsUp()
			wantEnded(t, call, true, "hung up")
			p.wantsNothing(time.Minute)
		})
	})
	t.Run("and never acknowledged", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			began := time.Now()
			p.invites(pcmaSDP)
			p.wants(200)
			time.Sleep(time.Second)
			w.handsOver()
			for {
				m := p.gets(time.Minute)
				if m == nil {
					t.Fatal("no BYE")
				}
				if strings.HasPrefix(m.text, "BYE") {
					break
				}
			}
			if after := time.Since(began).Round(time.Second); after != 32*time.Second {
				t.Errorf("BYE after %v", after)
			}
			p.raw("") // the BYE goes unanswered
		})
	})
	t.Run("of a re-INVITE", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.calls()
			p.invites(pcmaSDP)
			p.wants(200)
			w.handsOver()
			p.wants(200)
			p.acks("")
			p.wantsNothing(10 * time.Second)
			p.hangsUp()
		})
	})
	t.Run("with an offer of ours", func(t *testing.T) {
		inHandover(t, func(w *world) {
			p := w.phone()
			p.invites("")
			p.wants(200)
			w.handsOver()
			p.wants(200)
			p.acks(pcmaSDP)
			call := w.taken()
			if remote, _, _ := agreedOf(call); remote != "127.0.0.1:40000" {
				t.Errorf("media goes to %s", remote)
			}
			p.hangsUp()
		})
	})
}

// TestRingingCallGoesOn: a call that is not answered yet.
func TestRingingCallGoesOn(t *testing.T) {
	rings := func(t *testing.T, story func(w *world, p *phone, call *Call, answer chan bool)) {
		inWorld(t, func(c *Config, h *Handler) {}, func(w *world) {
			decide := make(chan bool, 4)
			handler := func(ctx context.Context, call *Call) {
				decide := decide // each process has its own
				call.Ring()
				w.calls <- call
				select {
				case yes := <-decide:
					if yes && call.Answer(ctx) == nil {
						<-call.Done()
					}
				case <-ctx.Done():
				}
			}
			w.handler = handler
			w.ua.handler = handler
			p := w.phone()
			p.invites(pcmaSDP)
			p.wants(180)
			w.taken()
			decide = make(chan bool, 4)
			w.handsOver()
			call := w.taken() // the new one's handler
			p.wants(180)
			story(w, p, call, decide)
		})
	}
	t.Run("answered", func(t *testing.T) {
		rings(t, func(w *world, p *phone, call *Call, answer chan bool) {
			tag := p.toTag
			answer <- true
			res := p.wants(200)
			if got, _ := res.To().Params.Get("tag"); got != tag {
				t.Errorf("To tag %q, that of 180 was %q", got, tag)
			}
			p.acks("")
			p.hangsUp()
		})
	})
	t.Run("refused", func(t *testing.T) {
		rings(t, func(w *world, p *phone, call *Call, answer chan bool) {
			answer <- false
			p.wants(480)
			p.wants(480) // not acknowledged: sent again
			p.acksRefusal()
			p.wantsNothing(time.Minute)
		})
	})
	t.Run("cancelled", func(t *testing.T) {
		rings(t, func(w *world, p *phone, call *Call, answer chan bool) {
			tag := p.toTag
			p.toTag = ""
			p.request("CANCEL", p.branch, "")
			p.wants(200)
			res := p.wants(487)
			if got, _ := res.To().Params.Get("tag"); got != tag {
				t.Errorf("To tag %q, that of 180 was %q", got, tag)
			}
			p.acksRefusal()
			wantEnded(t, call, true, "cancelled")
		})
	})
	t.Run("a duplicate", func(t *testing.T) {
		rings(t, func(w *world, p *phone, call *Call, answer chan bool) {
			tag := p.toTag
			p.toTag = ""
			p.request("INVITE", p.branch, pcmaSDP)
			p.wants(180)
			p.toTag = tag
			answer <- true
			p.wants(200)
			p.acks("")
			p.hangsUp()
		})
	})
}
