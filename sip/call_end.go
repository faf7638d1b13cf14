package sip

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// bye: the peer hangs up.
func (c *Call) bye(in *inbound) {
	c.reply(in, c.ua.response(in.req, sipgo.StatusOK, "OK"))
	if c.Phase == calling {
		return // it must not (15); what counts is the final answer to the INVITE
	}
	if c.Phase == ringing {
		// BYE for a call that has not been answered (15.1.2): the INVITE ends too.
		c.respond(c.invitation, c.ua.response(c.invitation.req, sipgo.StatusRequestTerminated, "Request Terminated"))
	}
	if c.unacked != nil {
		c.dropUnacked()
	}
	c.byeSent, c.dismissing = true, false // none is needed any more
	c.leave(Ending{ByPeer: true, Deliberate: deliberate(in.req), Reason: cmp.Or(c.Parts.Reason, peerReason(in.req))})
}

// peerReason is what the peer says about the end, in its Reason headers (RFC 3326).
func peerReason(req *sipgo.Request) string {
	var reasons []string
	for _, h := range req.GetHeaders("reason") {
		reasons = append(reasons, clean(h.Value()))
	}
	if len(reasons) == 0 {
		return "hung up"
	}
	return strings.Join(reasons, "; ")
}

// hangup ends the call from our side, in whatever phase it is.
func (c *Call) hangup(reason string) {
	switch c.Phase {
	case calling:
		c.giveUp(&Failure{Cause: Cancelled, Code: sipgo.StatusRequestTerminated, Reason: "Request Terminated"}, spoken(reason))
	case ringing:
		if c.ua.closing() {
			c.reject(refuse(sipgo.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "10"))
			return
		}
		c.reject(refuse(sipgo.StatusTemporarilyUnavailable, "Temporarily Unavailable"))
	case leaving:
		if c.unacked != nil && c.ua.closing() {
			c.sendBye(c.parting) // there is no time to wait for the ACK
		}
	case accepted, confirmed:
		early := c.Phase == accepted
		c.leave(Ending{Reason: reason})
		c.parting = spoken(reason)
		if early && !c.ua.closing() {
			return // section 15: no BYE before the ACK; acknowledged or retransmit sends it
		}
		c.sendBye(c.parting)
	}
}

// spoken is a reason in plain words as a Reason header has it; empty without one.
func spoken(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf("Q.850;cause=16;text=%q", reason)
}

// leave ends the call for its handler; what is left is signalling.
func (c *Call) leave(ending Ending) {
	if c.Phase == leaving {
		return
	}
	if c.Phase == ringing {
		c.settle()
	}
	c.Phase = leaving
	if c.answering != nil {
		c.answering <- ErrEnded
		c.answering = nil
	}
	c.finish(ending)
}

// finish says that the call is over, and how: the first word counts.
func (c *Call) finish(ending Ending) {
	c.ending.CompareAndSwap(nil, &ending)
	c.end()
}

// sendBye sends the BYE, once. Whatever the answer, or none, the dialog is over.
func (c *Call) sendBye(reason string) {
	if c.byeSent {
		return
	}
	c.byeSent = true
	if c.unacked != nil {
		c.dropUnacked()
	}
	req, err := c.Dialog.request(sipgo.BYE)
	if err != nil {
		c.log.Warn("no BYE can be sent", "err", err)
		c.dismissing = false
		return
	}
	if reason != "" {
		req.AppendHeader(sipgo.NewHeader("Reason", reason))
	}
	c.ask(toEnd, req)
}

// byeAnswered: the dialog is over, whatever the answer is.
func (c *Call) byeAnswered(res *sipgo.Response, err error) {
	c.dismissing = false
	switch {
	case err != nil:
		c.log.Debug("BYE was not answered", "err", err)
	case res.StatusCode == sipgo.StatusUnauthorized || res.StatusCode == sipgo.StatusProxyAuthRequired:
		c.warnOfChallenge(sipgo.BYE)
	}
}

// warnOfChallenge: the peer wants a password within a call, which we have not.
func (c *Call) warnOfChallenge(method sipgo.RequestMethod) {
	c.log.Warn("the peer challenges our requests within a call, and may keep its side of it: identify sipconf by its address there, without auth", "method", method, "peer", c.Dialog.Source)
}

// acknowledge sends the ACK to a 2xx that answered our INVITE or re-INVITE.
func (c *Call) acknowledge(cseq uint32) {
	if ack := c.ack(cseq); ack != nil {
		c.deliver(ack, func() {})
	}
}

// ack makes the ACK to such a 2xx; nil when none can be made.
func (c *Call) ack(cseq uint32) *sipgo.Request {
	ack, err := c.Dialog.ack(cseq)
	if err != nil {
		c.log.Warn("no ACK can be sent", "err", err)
		return nil
	}
	ack.SetBody(nil)
	if c.signed.cseq == cseq {
		c.signed.copyTo(ack)
	}
	return ack
}

// deliver sends an ACK and then calls then on the call's goroutine.
func (c *Call) deliver(ack *sipgo.Request, then func()) {
	dialog, endpoint := c.Dialog, c.ua.endpointFor(c.endpoint, ack)
	send := func() {
		if err := endpoint.send(&dialog, ack); err != nil {
			c.log.Warn("ACK could not be sent", "err", err)
		}
	}
	if _, err := netip.ParseAddrPort(ack.Destination()); err == nil && endpoint.network == "UDP" {
		send()
		then()
		return
	}
	c.asked++
	go func() { // ends when it is sent; a name has to be looked up, or a connection made
		send()
		c.post(func() { c.asked--; then() })
	}()
}
