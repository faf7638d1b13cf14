package sip

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Stories of messages that cross, get lost or come twice.

var srtpSDP = strings.ReplaceAll(pcmaSDP, "RTP/AVP 8 101", "RTP/SAVP 8 101") // always refused

func TestByeCrossesBye(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.Hangup("")
		bye := p.wantsRequest("BYE", time.Second, 0)
		p.sends("BYE", "")
		p.wants(200)
		p.answers(bye, 481, "")
		p.wantsNothing(40 * time.Second)
	})
}

func TestByeWhileItRings(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(_ context.Context, call *Call) { call.Ring(); <-call.Done() }
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.toTag, _ = p.wants(180).To().Params.Get("tag")
		p.sends("BYE", "")
		got := map[string]bool{}
		for range 2 {
			status, method := statusOf(p.gets(time.Second))
			got[method] = status == 200 && method == "BYE" || status == 487 && method == "INVITE"
		}
		if !got["BYE"] || !got["INVITE"] {
			t.Errorf("got %v", got)
		}
		p.acksRefusal()
	})
}

func TestHangupWhileAReinviteIsUnacknowledged(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		p.invites(pcmaSDP)
		p.wants(200)
		call.Hangup("")
		p.wantsRequest("BYE", 100*time.Millisecond, 200)
		p.wantsNothing(40 * time.Second) // the 200 is not repeated any more
	})
}

func TestReinviteWhileItRings(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			call.Ring()
			time.Sleep(3 * time.Second)
			if call.Answer(ctx) == nil {
				<-call.Done()
			}
		}
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.toTag, _ = p.wants(180).To().Params.Get("tag")
		first, branch := p.inviteCSeq, p.branch
		if res := p.refused(500, pcmaSDP); res.GetHeader("Retry-After") == nil {
			t.Error("500 without Retry-After")
		}
		p.inviteCSeq, p.branch = first, branch
		p.wants(200)
		p.acks("")
		p.hangsUp()
	})
}

func TestUpdateWithAnOfferWhileItRings(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(_ context.Context, call *Call) { call.Ring(); <-call.Done() }
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.toTag, _ = p.wants(180).To().Params.Get("tag")
		p.sends("UPDATE", pcmaSDP)
		if res := p.wants(500); res.GetHeader("Retry-After") == nil {
			t.Error("500 without Retry-After")
		}
		p.sends("UPDATE", "")
		p.wants(200)
		p.request("CANCEL", p.branch, "")
		p.gets(time.Second)
	})
}

func TestCancelOfAReinviteLeavesTheCall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		p.cseq++ // a request got lost, so that the next one has to wait for its turn
		p.invites(described("inactive", "127.0.0.1", 40000, 2))
		time.Sleep(10 * time.Millisecond)
		p.request("CANCEL", p.branch, "")
		final := 0
		for final == 0 {
			if status, method := statusOf(p.gets(5 * time.Second)); method == "INVITE" && status >= 200 {
				final = status
			}
		}
		if final != 487 {
			t.Errorf("the re-INVITE got %d", final)
		}
		p.acksRefusal()
		p.wantsNothing(5 * time.Second)
		if _, held, _ := agreedOf(call); held {
			t.Error("the cancelled offer is in force")
		}
		p.hangsUp()
	})
}

func TestLostACKAndARefusedReinvite(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(200)
		first := p.inviteCSeq
		p.refused(488, srtpSDP)
		p.inviteCSeq = first
		p.acks("")
		w.taken() // fails unless Answer returns
		p.hangsUp()
	})
}

func TestAckThatComesLateAmidOtherRequests(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(200)
		p.sends("OPTIONS", "")
		for { // between retransmissions of the 200
			if status, method := statusOf(p.gets(time.Second)); method == "OPTIONS" && status == 200 {
				break
			}
		}
		time.Sleep(20 * time.Second)
		p.acks("")
		w.taken()
		for p.gets(time.Millisecond) != nil {
			continue
		}
		p.hangsUp()
	})
}

func TestInviteThatComesAgainAfterItsCall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		again := p.text("INVITE", p.branch, pcmaSDP)
		p.wants(200)
		p.acks("")
		w.taken()
		p.hangsUp()
		p.raw(again)
		p.wantsNothing(10 * time.Second)
		if len(w.calls) != 0 {
			t.Error("a duplicate became a call")
		}
	})
}

func TestRequestThatComesTwiceIsServedOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		p.cseq++
		text := p.text("INFO", p.newBranch(), "5", "Content-Type: application/dtmf")
		p.raw(text)
		p.wants(200)
		p.raw(text)
		p.wants(200) // repeated by the transaction; a second serving would be 500
		p.hangsUp()
	})
}

func TestAckGoesWhereThe2xxSays(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, moved := w.phone(), w.phone()
		p.calls("Supported: timer", "Session-Expires: 600;refresher=uas")
		invite := p.wantsRequest("INVITE", 301*time.Second, 0)
		p.answers(invite, 200, pcmaSDP, "Contact: <sip:alice@"+moved.addr+">")
		moved.wantsRequest("ACK", time.Second, 0)
		p.hangsUp()
	})
}

func TestRefreshThatIsRefused(t *testing.T) {
	const timer = "Session-Expires: 600;refresher=uas"
	t.Run("422 that asks for nothing new is no reason to hurry", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", timer, "Allow: INVITE, UPDATE")
			p.wantsRequest("UPDATE", 301*time.Second, 422, "Min-SE: 90")
			p.wantsNothing(5 * time.Second)
			p.hangsUp()
		})
	})
	t.Run("405 to UPDATE: then by re-INVITE", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", timer, "Allow: INVITE, UPDATE")
			p.wantsRequest("UPDATE", 301*time.Second, 405)
			p.answers(p.wantsRequest("INVITE", time.Second, 0), 200, pcmaSDP, "Contact: <"+p.contact+">")
			p.wantsRequest("ACK", time.Second, 0)
			p.hangsUp()
		})
	})
	t.Run("a refused re-INVITE of the peer refreshes nothing", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", "Session-Expires: 600;refresher=uac")
			time.Sleep(500 * time.Second)
			p.refused(488, srtpSDP, "Supported: timer", "Session-Expires: 600;refresher=uac")
			p.wantsRequest("BYE", 70*time.Second, 200)
		})
	})
	t.Run("the peer takes over the refreshing", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.calls("Supported: timer", timer, "Allow: INVITE, UPDATE")
			p.sends("UPDATE", "", "Supported: timer", "Session-Expires: 600;refresher=uac")
			wantHeader(t, p.wants(200), "Session-Expires", "600;refresher=uac")
			p.wantsNothing(500 * time.Second)
			p.hangsUp()
		})
	})
}

func TestListenerIsNotMissed(t *testing.T) {
	inWorld(t, func(c *Config, _ *Handler) { c.SilenceTimeout = 20 * time.Second }, func(w *world) {
		p := w.phone()
		p.calls()
		p.sends("UPDATE", described("recvonly", "127.0.0.1", 40000, 2))
		p.wants(200)
		p.wantsNothing(5 * time.Minute)
		p.hangsUp()
	})
}

func TestOldClientWithoutBranches(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		old := func(s string) string { // RFC 2543
			head, rest, _ := strings.Cut(s, ";branch=")
			_, rest, _ = strings.Cut(rest, ";rport")
			return head + rest
		}
		p.cseq, p.inviteCSeq = 1, 1
		p.raw(old(p.text("INVITE", "x", pcmaSDP)))
		p.wants(200)
		p.raw(old(p.text("ACK", "x", "")))
		w.taken()
		p.cseq++
		p.raw(old(p.text("BYE", "x", "")))
		p.wants(200)
		p.wantsNothing(40 * time.Second)
	})
}

func TestAnswerToCancelHasTheTagOfTheInvite(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(_ context.Context, call *Call) { call.Ring(); <-call.Done() }
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		want, _ := p.wants(180).To().Params.Get("tag")
		p.toTag = ""
		p.request("CANCEL", p.branch, "")
		for range 2 {
			m := p.gets(time.Second)
			if got, _ := m.To().Params.Get("tag"); got != want {
				t.Errorf("tag %q, want %q, in\n%s", got, want, m.text)
			}
		}
		p.acksRefusal()
	})
}

func TestPanicInSignallingSaysGoodbye(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.post(func() { panic("boom") })
		p.wantsRequest("BYE", 2*time.Second, 200)
		good := w.phone()
		good.calls()
		good.hangsUp()
		if n := w.ua.Counters.Panics.Swap(0); n != 1 {
			t.Errorf("%d panics counted", n)
		}
	})
}

func TestPanicInServingARequestCosts500(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		other := w.phone()
		other.calls()
		p := w.phone()
		w.ua.mu.Lock()
		invites := w.ua.invites
		w.ua.invites = nil // to register an INVITE panics now
		w.ua.mu.Unlock()
		p.refused(500, pcmaSDP)
		w.ua.mu.Lock()
		w.ua.invites = invites
		w.ua.mu.Unlock()
		other.hangsUp()
		if n := w.ua.Counters.Panics.Swap(0); n != 1 {
			t.Errorf("%d panics counted", n)
		}
		w.ua.mu.Lock()
		defer w.ua.mu.Unlock()
		clear(w.ua.calls) // the half-registered one
	})
}

func TestAProxysNextTry(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.refused(488, srtpSDP)
		p.cseq-- // the same INVITE, but for its offer and its branch
		p.invites(pcmaSDP)
		p.wants(200)
		p.acks("")
		w.taken()
		p.hangsUp()
	})
}

func TestCancelledReinviteIsRefusedTillItsAck(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		p.cseq++ // a request got lost, so that the next one has to wait for its turn
		p.invites(described("inactive", "127.0.0.1", 40000, 2))
		time.Sleep(10 * time.Millisecond)
		p.request("CANCEL", p.branch, "")
		refused := 0
		for m := p.gets(2 * time.Second); m != nil && refused < 4; m = p.gets(5 * time.Second) {
			if status, method := statusOf(m); method == "INVITE" && status == 487 {
				refused++
			} else if method == "INVITE" && status >= 200 {
				t.Fatalf("%d after the 487", status)
			}
		}
		if refused < 4 {
			t.Errorf("the 487 came %d times", refused)
		}
		p.acksRefusal()
		for p.gets(time.Second) != nil {
			continue
		}
		p.hangsUp()
	})
}

func TestCloseAfterAHangupBeforeTheAck(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			go call.Answer(ctx)
			time.Sleep(100 * time.Millisecond)
		}
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(200)
		time.Sleep(200 * time.Millisecond)
		closed := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			closed <- w.ua.Close(ctx, "over")
		}()
		p.wantsRequest("BYE", 100*time.Millisecond, 200)
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestPanicWhileItRingsRefusesTheCall(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(_ context.Context, call *Call) {
			call.post(func() { panic("boom") })
			<-call.Done()
		}
	}, func(w *world) {
		p := w.phone()
		p.refused(500, pcmaSDP)
		if n := w.ua.Counters.Panics.Swap(0); n != 1 {
			t.Errorf("%d panics counted", n)
		}
	})
}

func TestUpdateWhileItRingsLeavesTheTimerOfTheInvite(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			call.Ring()
			time.Sleep(time.Second)
			if call.Answer(ctx) == nil {
				<-call.Done()
			}
		}
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP, "Supported: timer", "Session-Expires: 600;refresher=uac")
		p.toTag, _ = p.wants(180).To().Params.Get("tag")
		p.sends("UPDATE", "")
		p.wants(200)
		wantHeader(t, p.wants(200), "Session-Expires", "600;refresher=uac")
		p.acks("")
		time.Sleep(100 * time.Millisecond)
		p.hangsUp()
	})
}
