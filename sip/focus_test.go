package sip

import (
	"context"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// wantFocus: the message says that we are the focus of room 5234, and what we can do (RFC 4579 section 5.2).
func wantFocus(t *testing.T, what string, msg sipgo.Message) {
	t.Helper()
	if got := header(t, msg, "Contact"); got != "<sip:5234@127.0.0.1:5060>;isfocus" {
		t.Errorf("%s: Contact: %s", what, got)
	}
	for name, all := range map[string]string{"Allow": "REFER SUBSCRIBE NOTIFY UPDATE", "Allow-Events": "conference refer", "Supported": "replaces timer norefersub"} {
		for token := range strings.FieldsSeq(all) {
			if !listed(msg, token, name) {
				t.Errorf("%s: no %s in %s", what, token, name)
			}
		}
	}
}

// TestFocusInEveryMessage that makes a dialog or refreshes its target, of calls that come in and of calls that we make.
func TestFocusInEveryMessage(t *testing.T) {
	inNewsroom(t, func(w *world, n *notices) {
		p := w.phone()
		p.cseq++
		p.request("OPTIONS", p.newBranch(), "")
		wantFocus(t, "OPTIONS", p.wants(200))
		p.target = "sip:777@" + server
		p.cseq++
		p.request("OPTIONS", p.newBranch(), "")
		wantHeader(t, p.wants(200), "Contact", "<sip:777@127.0.0.1:5060>")
		p.target = "sip:" + server
		p.cseq++
		p.request("OPTIONS", p.newBranch(), "")
		if p.wants(200).GetHeader("Contact") != nil {
			t.Error("nobody's room has a Contact")
		}
		p.target = "sip:5234@" + server

		p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
		wantFocus(t, "SUBSCRIBE", p.wants(200))
		wantFocus(t, "NOTIFY", p.wantsRequest("NOTIFY", time.Second, 200))

		p.invites(pcmaSDP, "Session-Expires: 90;refresher=uas", "Supported: timer", "Allow: UPDATE")
		wantHeader(t, p.wants(180), "Contact", "<sip:5234@127.0.0.1:5060>;isfocus")
		wantFocus(t, "INVITE", p.wants(200))
		p.acks("")
		call := w.taken()
		p.invites(pcmaSDP)
		wantFocus(t, "re-INVITE", p.wants(200))
		p.acks("")
		p.sends("UPDATE", "")
		wantFocus(t, "UPDATE", p.wants(200))
		p.sends("SUBSCRIBE", "", "Event: conference", "Expires: 0")
		wantFocus(t, "SUBSCRIBE in the call", p.wants(200))
		wantFocus(t, "NOTIFY in the call", p.wantsRequest("NOTIFY", time.Second, 200))
		call.Hangup("")
		p.wantsRequest("BYE", time.Second, 200)

		callee := w.phone()
		a := w.dials(callee)
		c := callee.rung()
		wantFocus(t, "our INVITE", c.invite)
		made := c.picksUp(a, "Session-Expires: 90;refresher=uac", "Require: timer", "Allow: UPDATE")
		wantFocus(t, "our UPDATE", c.wantsRequest("UPDATE", time.Minute, 200))
		made.Hangup("")
		c.wantsRequest("BYE", time.Second, 200)
	})
	inWorld(t, func(c *Config, _ *Handler) {
		c.Refer = func(_ context.Context, r *Referral) { r.Accept(); r.Finish(200, "OK") }
	}, func(w *world) {
		p := w.phone()
		p.sends("REFER", "", "Refer-To: <sip:200@pbx>")
		res := p.wants(202)
		p.toTag, _ = res.To().Params.Get("tag")
		wantFocus(t, "REFER", res)
		for last := false; !last; {
			notify := p.wantsRequest("NOTIFY", time.Second, 200)
			wantFocus(t, "its NOTIFY", notify)
			last = strings.HasPrefix(header(t, notify, "Subscription-State"), "terminated")
		}
	})
}
