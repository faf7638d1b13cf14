package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestCallIsAnsweredAndHungUpByTheCaller(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(100)
		ringing := p.wants(180)
		answer := p.wants(200)
		wantHeader(t, answer, "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
		wantHeader(t, answer, "Allow", allowedMethods)
		wantHeader(t, answer, "Content-Type", "application/sdp")
		wantHeader(t, answer, "Server", "sipconf/test")
		a, _ := ringing.To().Params.Get("tag")
		b, _ := answer.To().Params.Get("tag")
		if a == "" || a != b {
			t.Errorf("tags of 180 and 200: %q, %q", a, b)
		}
		p.acks("")
		call := w.taken()
		if call.Extra("X-Sipconf-Via") != "" {
			t.Errorf("extra header %q", call.Extra("X-Sipconf-Via"))
		}
		if call.Number() != "5234" {
			t.Errorf("number %q", call.Number())
		}
		if name, number := call.Caller(); name != "Alice" || number != "100" {
			t.Errorf("caller %q %q", name, number)
		}
		p.sends("BYE", "", `Reason: Q.850;cause=16`)
		p.wants(200)
		wantEnded(t, call, true, "cause=16")
	})
}

func TestServerHangsUpWithAReason(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.Hangup("kicked by host")
		bye := p.wantsRequest("BYE", time.Second, 200)
		wantHeader(t, bye, "Reason", `Q.850;cause=16;text="kicked by host"`)
		if to, _ := bye.To().Params.Get("tag"); to != p.fromTag {
			t.Errorf("BYE to tag %q", to)
		}
		wantEnded(t, call, false, "kicked")
	})
}

func TestLateOfferIsAnsweredInTheACK(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites("")
		offer := string(p.wants(200).Body())
		for _, want := range []string{"PCMA/8000", "PCMU/8000", "telephone-event/8000", "a=sendrecv"} {
			if !strings.Contains(offer, want) {
				t.Errorf("our offer lacks %s:\n%s", want, offer)
			}
		}
		p.acks(pcmaSDP)
		call := w.taken()
		if got := call.Agreed.Remote.String(); got != "127.0.0.1:40000" {
			t.Errorf("media goes to %s", got)
		}
		p.hangsUp()
	})
}

func TestLateOfferWithoutAnswerEndsWithBYE(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites("")
		p.wants(200)
		p.acks("")
		bye := p.wantsRequest("BYE", time.Second, 200)
		wantHeader(t, bye, "Reason", `SIP;cause=488;text="Not Acceptable Here"`)
	})
}

func TestAnswerIsRepeatedUntilACKAndThenGivenUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(200)
		start, times := time.Now(), []string{}
		for {
			m := p.gets(time.Minute)
			if m == nil {
				t.Fatal("no BYE")
			}
			at := time.Since(start).Round(100 * time.Millisecond)
			if req, ok := m.Message.(*sipgo.Request); ok {
				if req.Method != sipgo.BYE || at != 32*time.Second {
					t.Errorf("%s after %v, want BYE after 32 s", req.Method, at)
				}
				p.answers(req, 200, "")
				break
			}
			times = append(times, at.String())
		}
		// T1, doubling up to T2 (RFC 3261 section 13.3.1.4).
		if got, want := strings.Join(times, " "), "500ms 1.5s 3.5s 7.5s 11.5s 15.5s 19.5s 23.5s 27.5s 31.5s"; got != want {
			t.Errorf("200 repeated at %s, want %s", got, want)
		}
	})
}

func TestHangupBeforeTheACKWaitsForIt(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			go call.Answer(ctx)
			time.Sleep(100 * time.Millisecond)
		}
	}, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		p.wants(200)
		p.wantsNothing(300 * time.Millisecond) // RFC 3261 section 15: no BYE before the ACK
		p.acks("")
		p.wantsRequest("BYE", time.Second, 200)
	})
}

func TestCancel(t *testing.T) {
	ended := make(chan Ending, 1)
	ring := func(_ *Config, h *Handler) {
		*h = func(ctx context.Context, call *Call) {
			call.Ring()
			<-call.Done()
			if ctx.Err() != nil {
				ended <- call.Ended()
			}
		}
	}
	t.Run("while it rings", func(t *testing.T) {
		inWorld(t, ring, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP)
			ringing := p.wants(180)
			p.toTag = ""
			p.request("CANCEL", p.branch, "")
			var tags []string
			for range 2 {
				m := p.gets(time.Second)
				res := m.Message.(*sipgo.Response)
				tag, _ := res.To().Params.Get("tag")
				if res.CSeq().MethodName == sipgo.INVITE {
					if res.StatusCode != 487 {
						t.Errorf("INVITE got %d", res.StatusCode)
					}
					tags = append(tags, tag)
				} else if res.StatusCode != 200 {
					t.Errorf("CANCEL got %d", res.StatusCode)
				}
			}
			if tag, _ := ringing.To().Params.Get("tag"); len(tags) != 1 || tags[0] != tag {
				t.Errorf("the 487 has tag %v, the 180 has %q", tags, tag)
			}
			p.acksRefusal()
			if e := <-ended; !e.ByPeer || e.Reason != "cancelled" {
				t.Errorf("ended %+v", e)
			}
		})
	})
	t.Run("that overtakes its INVITE", func(t *testing.T) {
		inWorld(t, ring, func(w *world) {
			p := w.phone()
			p.cseq, p.inviteCSeq = 1, 1
			p.branch = p.newBranch()
			p.request("CANCEL", p.branch, "")
			time.Sleep(200 * time.Millisecond)
			p.request("INVITE", p.branch, pcmaSDP)
			seen := map[string]int{}
			for range 3 {
				if m := p.gets(5 * time.Second); m != nil {
					res := m.Message.(*sipgo.Response)
					seen[fmt.Sprint(res.CSeq().MethodName, res.StatusCode)]++
				}
			}
			if seen["CANCEL200"] != 1 || seen["INVITE487"] != 1 {
				t.Errorf("got %v", seen)
			}
			p.acksRefusal()
			<-ended
		})
	})
	t.Run("without an INVITE", func(t *testing.T) {
		inWorld(t, ring, func(w *world) {
			p := w.phone()
			p.sends("CANCEL", "")
			p.wants(481)
		})
	})
	t.Run("after the answer", func(t *testing.T) {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP)
			p.wants(200)
			tag := p.toTag
			p.toTag = ""
			p.request("CANCEL", p.branch, "")
			p.wants(200) // of the CANCEL; the INVITE keeps its 200
			p.toTag = tag
			p.acks("")
			w.taken()
			p.hangsUp()
		})
	})
}

func TestRetransmittedINVITEGetsTheSameAnswer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		first := p.wants(200)
		p.toTag = ""
		p.request("INVITE", p.branch, pcmaSDP)
		p.wantsNothing(300 * time.Millisecond) // absorbed (RFC 6026)
		second := p.wants(200)                 // our own retransmission
		if first.String() != second.String() {
			t.Errorf("another 200:\n%s\n%s", first, second)
		}
		p.toTag, _ = first.To().Params.Get("tag")
		p.acks("")
		w.taken()
		p.hangsUp()
		if len(w.calls) != 0 {
			t.Error("the retransmission became a call of its own")
		}
	})
}

func TestMergedRequestIsALoop(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		tag := p.toTag
		p.toTag = ""
		p.branch = p.newBranch() + "other"
		p.request("INVITE", p.branch, pcmaSDP) // the same CSeq by another way
		p.wants(482)
		p.acksRefusal()
		p.toTag = tag
		p.hangsUp()
	})
}

func TestRejectedCall(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		*h = func(_ context.Context, call *Call) { call.Reject(404, "Not Found") }
	}, func(w *world) {
		p := w.phone()
		p.refused(404, pcmaSDP)
		p.wantsNothing(10 * time.Second)
	})
}

func TestHandlerThatReturnsWithoutAnswering(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) { *h = func(context.Context, *Call) {} }, func(w *world) {
		p := w.phone()
		p.refused(480, pcmaSDP)
	})
}

func TestPanicInAHandlerCostsOneCall(t *testing.T) {
	inWorld(t, func(_ *Config, h *Handler) {
		answer := *h
		*h = func(ctx context.Context, call *Call) {
			if call.Number() == "666" {
				panic("boom")
			}
			answer(ctx, call)
		}
	}, func(w *world) {
		good := w.phone()
		good.calls()
		bad := w.phone()
		bad.target = "sip:666@" + server
		bad.refused(480, pcmaSDP)
		good.hangsUp()
		if n := w.ua.Counters.Panics.Swap(0); n != 1 {
			t.Errorf("%d panics counted", n)
		}
	})
}

func TestDrainAndClose(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		call := p.calls()
		w.ua.Drain()
		late := w.phone()
		wantHeader(t, late.refused(503, pcmaSDP), "Retry-After", "10")
		late.sends("OPTIONS", "")
		late.wants(503)
		closed := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			closed <- w.ua.Close(ctx, "server is shutting down")
		}()
		bye := p.wantsRequest("BYE", time.Second, 200)
		wantHeader(t, bye, "Reason", `Q.850;cause=16;text="server is shutting down"`)
		wantEnded(t, call, false, "shutting down")
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.calls()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := w.ua.Close(ctx, "bye"); err == nil { // the phone does not answer the BYE
			t.Error("closed without an answer to the BYE")
		}
		if d := time.Since(start); d > 4*time.Second {
			t.Errorf("took %v", d)
		}
		time.Sleep(40 * time.Second)
	})
}

// Ring after the ACK is too late, and does nothing.
func TestRingAfterTheACK(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		call := w.phone().calls()
		call.Ring()
		synctest.Wait()
		select {
		case <-call.Done():
			t.Errorf("the call is over: %+v", call.Ended())
		default:
		}
	})
}
