package sip

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Stories of attempts that are given up at a bad moment, and of phones that
// speak at one.

// TestGivenUpBeforeItIsSent: UA.Close may find a call that is not begun yet.
func TestGivenUpBeforeItIsSent(t *testing.T) {
	legs := &watched{}
	inWorld(t, func(c *Config, _ *Handler) { c.Media = legs }, func(w *world) {
		p := w.phone()
		target := Target{URI: "sip:200@" + p.addr}
		uri, network, err := target.uri()
		if err != nil {
			t.Fatal(err)
		}
		way, err := w.ua.wayTo(context.Background(), &uri, network)
		if err != nil {
			t.Fatal(err)
		}
		c := newOutgoing(w.ua, way, target, &uri)
		if err := c.openLeg(nil); err != nil {
			t.Fatal(err)
		}
		if err := w.ua.enrol(c); err != nil {
			t.Fatal(err)
		}
		c.Hangup("closing")
		c.dial()
		failed(t, c.attempt, Cancelled, 487)
		p.wantsNothing(40 * time.Second)
		legs.wantClosed(t, true)
		if n, m := len(w.ua.outgoing), len(w.ua.watches); n != 0 || m != 0 {
			t.Errorf("%d INVITEs and %d watches are left", n, m)
		}
	})
}

// TestACancelledAttemptIsOverForWhoHasItsSound, although its INVITE is not.
func TestACancelledAttemptIsOverForWhoHasItsSound(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, pcmaSDP)
		moved(t, a, 183, true)
		a.Call().Hangup("enough")
		wantHeader(t, c.wantsCANCEL(time.Second), "Reason", `Q.850;cause=16;text="enough"`)
		begin := time.Now()
		wantEnded(t, a.Call(), false, "cancelled: 487")
		if d := time.Since(begin); d != 0 {
			t.Errorf("over after %v", d)
		}
		c.refuses(487)
		wantEnded(t, a.Call(), false, "cancelled: 487")
	})
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, func(t *Target) { t.Timeout = 10 * time.Second })
		c := p.rung()
		c.says(183, pcmaSDP)
		begin := time.Now()
		<-a.Call().Done()
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("over after %v", d)
		}
		failed(t, a, NoAnswer, 408)
		c.wantsCANCEL(time.Second)
		c.refuses(487)
	})
}

// TestCloseAfterACancelThatCannotBeSent: nobody has heard of the peer, so no
// CANCEL may go; to close takes no 32 s all the same.
func TestCloseAfterACancelThatCannotBeSent(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		p.rung()
		a.Cancel("")
		failed(t, a, Cancelled, 487)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		if err := w.ua.Close(ctx, "over"); err != nil || time.Since(begin) > time.Second {
			t.Errorf("closing: %v after %v", err, time.Since(begin))
		}
	})
}

// TestCancelBeforeItIsKnownThatTheINVITEIsSent: over TCP the 180 may be served
// before the goroutine that has sent the INVITE says so.
func TestCancelBeforeItIsKnownThatTheINVITEIsSent(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		a.call.post(func() { a.call.hangOn = func() {} })
		c.says(180, "")
		moved(t, a, 180, false)
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		c.refuses(487)
		failed(t, a, Cancelled, 487)
	})
}

// TestBYEOfAForkGoesOnFromItsPRACKs: the number of a request in a dialog is
// above all before it (12.2.1.1), also when nobody has that dialog any more.
func TestBYEOfAForkGoesOnFromItsPRACKs(t *testing.T) {
	for _, known := range []bool{true, false} { // has the one that wins rung?
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			one := p.rung()
			two := one.fork("two")
			last := uint32(0)
			for rseq := 1; rseq <= 3; rseq++ {
				one.ringsReliably(180, rseq, "")
				last = one.wantsPRACK(rseq, 200).CSeq().SeqNo
			}
			if known {
				two.says(180, "")
			}
			two.says(200, pcmaSDP)
			one.says(200, pcmaSDP)
			two.wantsACK()
			answered(t, a)
			one.wantsACK()
			if bye := one.wantsRequest("BYE", time.Second, 200); bye.CSeq().SeqNo <= last {
				t.Errorf("known %v: BYE has number %d after a PRACK with %d", known, bye.CSeq().SeqNo, last)
			}
		})
	}
	inWorld(t, nil, func(w *world) { // and after the CANCEL
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.ringsReliably(180, 1, "")
		prack := c.wantsPRACK(1, 200)
		a.Cancel("")
		c.wantsCANCEL(time.Second)
		c.refuses(487)
		c.says(200, pcmaSDP) // it has picked up all the same
		c.wantsACK()
		if bye := c.wantsRequest("BYE", time.Second, 200); bye.CSeq().SeqNo <= prack.CSeq().SeqNo {
			t.Errorf("BYE has number %d after a PRACK with %d", bye.CSeq().SeqNo, prack.CSeq().SeqNo)
		}
	})
}

// TestRequestOfAnotherPhoneBehindThe200: its early dialog has just ended.
func TestRequestOfAnotherPhoneBehindThe200(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.says(180, "")
		two.says(180, "")
		busy := make(chan struct{})
		a.call.post(func() { <-busy })
		one.says(200, pcmaSDP)
		synctest.Wait()
		two.sends("BYE", "")
		synctest.Wait() // both are in the mailbox
		close(busy)
		two.wants(481)
		one.wantsACK()
		call := answered(t, a)
		select {
		case <-call.Done():
			t.Fatal("the BYE of another phone has ended the call")
		default:
		}
		one.hangsUp()
		wantEnded(t, call, true, "")
	})
}

// TestBYEAndReINVITEBehindThe200: the peer goes on at once, before it has our ACK.
func TestBYEAndReINVITEBehindThe200(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(200, pcmaSDP)
		c.sends("BYE", "")
		got := map[string]bool{}
		for range 2 {
			m := p.gets(time.Second)
			if m == nil {
				break
			}
			if req, ok := m.Message.(*sipgo.Request); ok {
				got[string(req.Method)] = true
			} else {
				status, method := statusOf(m)
				got[fmt.Sprint(status, " ", method)] = true
			}
		}
		if !got["ACK"] || !got["200 BYE"] {
			t.Errorf("got %v", got)
		}
		wantEnded(t, answered(t, a), true, "")
	})
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(200, pcmaSDP)
		c.invites(described("sendrecv", "127.0.0.9", 41000, 2)) // direct media
		c.wantsACK()
		c.wants(200)
		c.acks("")
		call := answered(t, a)
		if remote, _, _ := agreedOf(call); remote != "127.0.0.9:41000" {
			t.Errorf("media goes to %s", remote)
		}
		c.hangsUp()
	})
}

// TestAnswerThatCannotBeAcknowledged: without an ACK the peer would give up
// after 32 s, and our BYE could not go either.
func TestAnswerThatCannotBeAcknowledged(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		a.call.post(func() { a.call.outgoing.Offer.Dialog.RemoteURI = "" })
		c.says(200, pcmaSDP)
		failed(t, a, Unusable, 488)
		<-a.Call().Done()
		p.wantsNothing(40 * time.Second)
	})
}

// TestResponseWithTwoVias has gone astray (8.1.3.3).
func TestResponseWithTwoVias(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(486, "", "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKother")
		p.wantsRequest("INVITE", time.Second, 0) // nothing has come yet
		c.picksUp(a)
	})
}

// TestPeerWithANewRealmEachTime does not make our requests grow.
func TestPeerWithANewRealmEachTime(t *testing.T) {
	l := login{User: "alice", Password: "secret"}
	for i := range 100 {
		res, ok := answerWith("401 Unauthorized", fmt.Sprintf(`WWW-Authenticate: Digest realm="r%d", nonce="n", qop="auth"`, i))
		if !ok || !l.challenged(res, 0) {
			t.Fatal("not taken")
		}
		if n := len(l.Challenges); n > mostRealms || l.Challenges[n-1].Realm != fmt.Sprint("r", i) {
			t.Fatalf("after %d: %+v", i, l.Challenges)
		}
	}
}

// TestINVITEAfterAPRACK: it is a new one, but some servers tell by the Call-ID
// whether a number is too low.
func TestINVITEAfterAPRACK(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		c := p.rung()
		c.ringsReliably(180, 1, "")
		prack := c.wantsPRACK(1, 200)
		c.refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		again := p.rung()
		if again.invite.CSeq().SeqNo != prack.CSeq().SeqNo+1 {
			t.Errorf("INVITE %d after PRACK %d", again.invite.CSeq().SeqNo, prack.CSeq().SeqNo)
		}
		again.picksUp(a)
	})
}
