package sip

import (
	"context"
	"fmt"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// bye: the peer hangs up.
func (c *Call) bye(in *inbound) {
	c.reply(in, c.ua.response(in.req, sipgo.StatusOK, "OK"))
	if c.Phase == ringing {
		// BYE for a call that has not been answered (15.1.2): the INVITE ends too.
		c.invitation.tx.Respond(c.ua.response(c.invitation.req, sipgo.StatusRequestTerminated, "Request Terminated"))
	}
	if c.unacked != nil {
		c.dropUnacked()
	}
	c.byeSent = true // none is needed any more
	c.leave(Ending{ByPeer: true, Reason: peerReason(in.req)})
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
		if reason != "" {
			c.parting = fmt.Sprintf("Q.850;cause=16;text=%q", reason)
		}
		if early && !c.ua.closing() {
			return // section 15: no BYE before the ACK; acknowledged or retransmit sends it
		}
		c.sendBye(c.parting)
	}
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
	c.ending.Store(&ending)
	if c.answering != nil {
		c.answering <- ErrEnded
		c.answering = nil
	}
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
		return
	}
	if reason != "" {
		req.AppendHeader(sipgo.NewHeader("Reason", reason))
	}
	c.ask(req, nil, func(res *sipgo.Response, err error) {
		switch {
		case err != nil:
			c.log.Debug("BYE was not answered", "err", err)
		case res.StatusCode == sipgo.StatusUnauthorized || res.StatusCode == sipgo.StatusProxyAuthRequired:
			c.warnOfChallenge(sipgo.BYE)
		}
	})
}

// warnOfChallenge: the peer wants a password within a call, which we have not.
func (c *Call) warnOfChallenge(method sipgo.RequestMethod) {
	c.log.Warn("the peer challenges our requests within a call, and may keep its side of it: identify sipconf by its address there, without auth", "method", method, "peer", c.Dialog.Source)
}

// ask sends a request of ours in the dialog and hands its final response back
// to the call's goroutine.
func (c *Call) ask(req *sipgo.Request, again func(), then func(*sipgo.Response, error)) {
	if c.ua.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.config.UserAgent))
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
	c.asked++
	c.inviting = c.inviting || req.IsInvite()
	endpoint := c.ua.endpointFor(c.endpoint, req)
	dialog := c.Dialog // a copy: the goroutine must not touch the call's
	go func() {        // ends with its transaction
		ctx, cancel := context.WithTimeout(context.Background(), 64*t1+time.Second)
		defer cancel()
		res, err := endpoint.request(ctx, &dialog, req, again)
		c.post(func() {
			c.asked--
			if req.IsInvite() {
				c.inviting = false
			}
			then(res, err)
		})
	}()
}

// acknowledge sends the ACK to a 2xx that answered our INVITE.
func (c *Call) acknowledge(cseq uint32) {
	ack, err := c.Dialog.ack(cseq)
	if err != nil {
		c.log.Warn("no ACK can be sent", "err", err)
		return
	}
	ack.SetBody(nil)
	dialog, endpoint := c.Dialog, c.ua.endpointFor(c.endpoint, ack)
	go func() { // ends when it is sent; a name has to be looked up, a connection made
		if err := endpoint.send(&dialog, ack); err != nil {
			c.log.Warn("ACK could not be sent", "err", err)
		}
	}()
}
