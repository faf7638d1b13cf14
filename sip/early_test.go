package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestEarlyMedia(t *testing.T) {
	for _, status := range []int{183, 180} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.says(100, "")
			moved(t, a, 100, false)
			c.says(status, described("sendonly", "127.0.0.9", 41000, 1)) // an announcement
			moved(t, a, status, true)
			if remote, _, _ := agreedOf(a.call); remote != "127.0.0.9:41000" {
				t.Errorf("the announcement comes from %s", remote)
			}
			if s := legSession(a.call); s.Held {
				t.Error("a sendonly announcement is not heard")
			}
			c.says(180, "") // and so it stays
			moved(t, a, 180, true)
			c.says(200, pcmaSDP) // with another answer, which counts
			c.wantsACK()
			call := answered(t, a)
			if remote, held, _ := agreedOf(call); remote != "127.0.0.1:40000" || held {
				t.Errorf("after the answer media goes to %s, held %v", remote, held)
			}
		})
	}
}

func TestAnsweredOnHold(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, described("sendonly", "127.0.0.1", 40000, 1))
		c.says(200, "")
		c.wantsACK()
		call := answered(t, a)
		if !legSession(call).Held {
			t.Error("what is sendonly after the answer is heard in the room")
		}
	})
}

func TestAnswerInAnEarlyResponseOnly(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, described("sendrecv", "127.0.0.9", 41000, 1))
		c.says(200, "")
		c.wantsACK()
		if remote, held, _ := agreedOf(answered(t, a)); remote != "127.0.0.9:41000" || held {
			t.Errorf("media goes to %s, held %v", remote, held)
		}
	})
}

func TestEarlySDPThatCannotBeUsed(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, srtpSDP)
		moved(t, a, 183, false)
		c.picksUp(a)
	})
	inWorld(t, nil, func(w *world) { // it is no answer that the 200 could leave out
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, srtpSDP)
		c.says(200, "")
		c.wantsACK()
		c.wantsRequest("BYE", time.Second, 200)
		failed(t, a, Unusable, 488)
	})
}

// TestEarlyDialogsEndWithTheirINVITE: one phone behind the proxy has rung, then
// the proxy wants a password, and everything begins anew.
func TestEarlyDialogsEndWithTheirINVITE(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		first := p.rung()
		first.says(183, described("sendrecv", "127.0.0.8", 41000, 1))
		moved(t, a, 183, true)
		first.refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		c := p.rung()
		if originVersion(t, c.invite.Body()) != "1" || c.invite.CSeq().SeqNo != 2 {
			t.Errorf("the second INVITE:\n%s", c.invite)
		}
		c.sends("OPTIONS", "")
		c.wants(481)
		c.ringsReliably(180, 7, "") // the same phone, with the same tag, counts anew
		c.wantsPRACK(7, 200)
		c.says(200, "") // and its 183 is forgotten
		c.wantsACK()
		c.wantsRequest("BYE", time.Second, 200)
		failed(t, a, Unusable, 488)
	})
}

func TestSeveralEarlyDialogs(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.says(183, described("sendrecv", "127.0.0.8", 41000, 1))
		moved(t, a, 183, true)
		two.says(183, described("sendrecv", "127.0.0.9", 42000, 1))
		time.Sleep(time.Second)
		if remote, _, _ := agreedOf(a.call); remote != "127.0.0.9:42000" {
			t.Errorf("heard is %s, want the one that spoke last", remote)
		}
		if n := w.ua.Calls(); n != 1 {
			t.Errorf("%d calls", n)
		}
		for _, c := range []*callee{one, two} { // both are dialogs
			c.sends("OPTIONS", "")
			c.wants(200)
		}
		one.says(200, "") // its answer came with the 183
		one.wantsACK()
		call := answered(t, a)
		if remote := legSession(call).Remote.String(); remote != "127.0.0.8:41000" {
			t.Errorf("media goes to %s", remote)
		}
		two.sends("OPTIONS", "")
		two.wants(481)
		one.sends("OPTIONS", "")
		one.wants(200)
		call.Hangup("")
		one.wantsRequest("BYE", time.Second, 200)
	})
}

func TestAnsweredByAPhoneThatHasNotRung(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.says(183, described("sendrecv", "127.0.0.8", 41000, 1))
		moved(t, a, 183, true)
		call := two.picksUp(a)
		if remote := legSession(call).Remote.String(); remote != "127.0.0.1:40000" {
			t.Errorf("media goes to %s", remote)
		}
		call.Hangup("")
		two.wantsRequest("BYE", time.Second, 200)
	})
	inWorld(t, nil, func(w *world) { // and which has no answer, although another one had
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.says(183, pcmaSDP)
		two.says(200, "")
		two.wantsACK()
		two.wantsRequest("BYE", time.Second, 200)
		failed(t, a, Unusable, 488)
	})
}

func TestFloodOfEarlyDialogs(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		for i := range 50 {
			c.tag = fmt.Sprint("tag", i)
			c.says(180, "")
		}
		time.Sleep(time.Second)
		early := make(chan int)
		a.call.post(func() { early <- len(a.call.outgoing.Early) })
		if n := <-early; n != mostEarly {
			t.Errorf("%d early dialogs", n)
		}
		c.tag = "answers"
		c.picksUp(a)
	})
}

func TestProvisionalResponseWithoutATag(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		text := "SIP/2.0 180 Ringing\r\nVia: " + c.invite.Via().Value() + "\r\nFrom: " + c.invite.From().Value() + "\r\nTo: " + c.invite.To().Value() +
			"\r\nCall-ID: " + a.ID() + "\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
		p.raw(text) // of a client of RFC 2543
		moved(t, a, 180, false)
		p.raw(strings.Replace(text, "180 Ringing", "200 OK", 1))
		ack := p.wantsRequest("ACK", time.Second, 0)
		if ack.To().Params.Has("tag") {
			t.Errorf("ACK\n%s", ack)
		}
		p.wantsRequest("BYE", time.Second, 200) // there was no SDP
		failed(t, a, Unusable, 488)
	})
}

// ringsReliably sends a provisional response that wants a PRACK.
func (c *callee) ringsReliably(status, rseq int, body string, headers ...string) {
	c.says(status, body, append(headers, "Require: 100rel", fmt.Sprint("RSeq: ", rseq))...)
}

func (c *callee) wantsPRACK(rseq, status int) *sipgo.Request {
	c.w.t.Helper()
	prack := c.wantsRequest("PRACK", time.Second, status)
	wantHeader(c.w.t, prack, "RAck", fmt.Sprintf("%d %d INVITE", rseq, c.invite.CSeq().SeqNo))
	if to, _ := prack.To().Params.Get("tag"); to != c.tag {
		c.w.t.Errorf("PRACK in dialog %q, want %q", to, c.tag)
	}
	return prack
}

func TestPRACK(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, proxy := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		route := "Record-Route: <sip:" + proxy.addr + ";lr>"
		c.ringsReliably(180, 4711, "", route)
		prack := proxy.wantsRequest("PRACK", time.Second, 200)
		wantHeader(t, prack, "RAck", "4711 1 INVITE")
		if prack.Recipient.String() != p.contact || prack.CSeq().SeqNo != 2 || branchOf(prack) == branchOf(c.invite) {
			t.Errorf("PRACK:\n%s", prack)
		}
		c.ringsReliably(180, 4711, "", route) // the same again is discarded
		c.ringsReliably(183, 4713, "", route) // and one that comes before its turn
		proxy.wantsNothing(time.Second)
		moved(t, a, 180, false)
		c.ringsReliably(183, 4712, pcmaSDP, route)
		wantHeader(t, proxy.wantsRequest("PRACK", time.Second, 200), "RAck", "4712 1 INVITE")
		moved(t, a, 183, true)
		c.ringsReliably(183, 4713, "", route)
		wantHeader(t, proxy.wantsRequest("PRACK", time.Second, 200), "RAck", "4713 1 INVITE")
		c.says(200, "", route) // the answer was in a reliable response: it is not repeated
		ack := proxy.wantsRequest("ACK", time.Second, 0)
		if ack.CSeq().SeqNo != 1 {
			t.Errorf("ACK %d after three PRACKs", ack.CSeq().SeqNo)
		}
		call := answered(t, a)
		if remote, _, _ := agreedOf(call); remote != "127.0.0.1:40000" {
			t.Errorf("media goes to %s", remote)
		}
		call.Hangup("")
		if n := proxy.wantsRequest("BYE", time.Second, 200).CSeq().SeqNo; n != 5 {
			t.Errorf("BYE has number %d", n)
		}
	})
}

func TestPRACKInEachDialog(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.ringsReliably(180, 10, "")
		one.wantsPRACK(10, 200)
		two.ringsReliably(180, 500, "")
		two.wantsPRACK(500, 200)
		one.ringsReliably(183, 11, pcmaSDP)
		one.wantsPRACK(11, 200)
		two.ringsReliably(183, 502, pcmaSDP)
		two.wantsNothing(time.Second)
		two.ringsReliably(183, 501, pcmaSDP)
		two.wantsPRACK(501, 481) // even if it is not liked
		one.picksUp(a)
	})
}

func TestReliableResponsesThatAreNone(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		for _, headers := range [][]string{{"Require: 100rel"}, {"Require: 100rel", "RSeq: 0"}, {"Require: 100rel", "RSeq: x"}, {"RSeq: 1"}, {"Supported: 100rel", "RSeq: 1"}} {
			c.says(180, "", headers...)
			p.wantsNothing(time.Second)
		}
		c.picksUp(a)
	})
}

func TestUPDATEInAnEarlyDialog(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "")
		c.sends("UPDATE", pcmaSDP)
		c.wants(491) // our offer has no answer yet (RFC 3311 section 5.2)
		c.sends("UPDATE", "", `P-Asserted-Identity: "Bob" <sip:201@pbx>`)
		if res := c.wants(200); len(res.Body()) != 0 {
			t.Errorf("an answer to no offer:\n%s", res)
		}
		<-a.call.Renamed()
		if name, number := a.call.Caller(); name != "Bob" || number != "201" {
			t.Errorf("it rings at %q %q", name, number)
		}
		c.ringsReliably(183, 1, described("sendrecv", "127.0.0.8", 41000, 1))
		c.wantsPRACK(1, 200)
		c.sends("UPDATE", described("sendrecv", "127.0.0.9", 42000, 2))
		res := c.wants(200)
		if !strings.Contains(string(res.Body()), "m=audio 20000 RTP/AVP 8 101\r\n") || originVersion(t, res.Body()) != "2" {
			t.Errorf("answered\n%s", res.Body())
		}
		if remote := legSession(a.call).Remote.String(); remote != "127.0.0.9:42000" {
			t.Errorf("early media from %s", remote)
		}
		c.says(200, described("sendrecv", "127.0.0.8", 41000, 1)) // it should not repeat what is not in force any more
		c.wantsACK()
		call := answered(t, a)
		if remote, _, _ := agreedOf(call); remote != "127.0.0.9:42000" {
			t.Errorf("media goes to %s", remote)
		}
		c.cseq--
		c.sends("OPTIONS", "") // the numbers go on from the early dialog
		c.wants(500)
		c.sends("UPDATE", described("sendrecv", "127.0.0.7", 43000, 3))
		if v := originVersion(t, c.wants(200).Body()); v != "2" { // nothing of ours has changed
			t.Errorf("version %s", v)
		}
	})
}

func TestOtherRequestsInAnEarlyDialog(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(183, pcmaSDP)
		moved(t, a, 183, true)
		c.sends("INFO", "5", "Content-Type: application/dtmf")
		c.wants(200)
		c.refused(491, pcmaSDP) // a re-INVITE (14.2)
		c.sends("BYE", "")      // it must not (15), and its INVITE is still open
		c.wants(200)
		c.cseq -= 2
		c.sends("OPTIONS", "")
		c.wants(500)
		c.fromTag = "nobody"
		c.cseq += 10
		c.sends("OPTIONS", "")
		c.wants(481)
		c.fromTag = c.tag
		c.picksUp(a)
	})
}

func TestRequestsAfterTheAnswerAreInOrder(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.cseq = 7000 // the peer counts from where it likes
		c.picksUp(a)
		var texts []string
		for range 3 {
			c.cseq++
			texts = append(texts, c.text("INFO", c.newBranch(), "5", "Content-Type: application/dtmf"))
		}
		for _, i := range []int{1, 0, 2} {
			c.raw(texts[i])
		}
		for want := range 3 {
			res := c.gets(time.Second).Message.(*sipgo.Response)
			if got := int(res.CSeq().SeqNo) - 7001; got != want || res.StatusCode != 200 {
				t.Errorf("INFO %d got %d, want number %d", got, res.StatusCode, want)
			}
		}
		c.hangsUp()
	})
}

func TestRequestsBeforeTheAnswerAreInOrder(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two := one.fork("two")
		one.says(183, pcmaSDP)
		two.says(180, "")
		time.Sleep(time.Second)
		one.cseq, two.cseq = 7000, 20 // each counts from where it likes
		var texts []string
		for range 3 {
			one.cseq++
			texts = append(texts, one.text("INFO", one.newBranch(), "5", "Content-Type: application/dtmf"))
		}
		for _, i := range []int{2, 0, 1} {
			one.raw(texts[i])
			two.sends("OPTIONS", "")
		}
		for want := range 3 {
			res := one.gets(time.Second).Message.(*sipgo.Response)
			if got := int(res.CSeq().SeqNo) - 7001; got != want || res.StatusCode != 200 {
				t.Errorf("INFO %d got %d, want number %d", got, res.StatusCode, want)
			}
			two.wants(200)
		}
		one.picksUp(a)
	})
}

func TestFirstRequestOfThePeerMayHaveNumberZero(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.picksUp(a)
		c.cseq = -1
		c.sends("OPTIONS", "")
		c.wants(200)
		c.cseq = -1
		c.sends("OPTIONS", "")
		c.wants(500)
		c.cseq = 0
		c.hangsUp()
	})
}

func TestWhoHasPickedUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(180, "", `Remote-Party-ID: "Bob" <sip:201@pbx>`)
		moved(t, a, 180, false)
		if name, number := a.call.Caller(); name != "Bob" || number != "201" {
			t.Errorf("it rings at %q %q", name, number)
		}
		call := c.picksUp(a, `P-Asserted-Identity: "Clara" <sip:202@pbx>`)
		<-call.Renamed()
		if name, number := call.Caller(); name != "Clara" || number != "202" {
			t.Errorf("%q %q has picked up", name, number)
		}
		c.sends("UPDATE", "", `P-Asserted-Identity: <sip:203@pbx>`, "Privacy: id")
		c.wants(200)
		<-call.Renamed()
		if name, number := call.Caller(); name != "anonymous" || number != "" {
			t.Errorf("%q %q", name, number)
		}
	})
}

// TestPRACKsGoInOrder, also for a phone that does not wait for the first before
// it sends its second reliable response.
func TestPRACKsGoInOrder(t *testing.T) {
	for range 20 {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			for rseq := 1; rseq <= 5; rseq++ {
				c.ringsReliably(180, rseq, "")
			}
			c.says(200, pcmaSDP)
			var acked bool
			for n, rseq := uint32(2), 1; n <= 6; {
				m := p.gets(time.Second)
				if m == nil {
					t.Fatal("a PRACK is missing")
				}
				if req := m.Message.(*sipgo.Request); req.Method == sipgo.ACK {
					acked = true // it need not wait
				} else {
					wantHeader(t, req, "RAck", fmt.Sprintf("%d 1 INVITE", rseq))
					if req.CSeq().SeqNo != n {
						t.Errorf("%s %d, want %d", req.Method, req.CSeq().SeqNo, n)
					}
					p.answers(req, 200, "")
					n, rseq = n+1, rseq+1
				}
			}
			if !acked {
				c.wantsACK()
			}
			answered(t, a)
		})
	}
}
