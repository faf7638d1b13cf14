package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

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
		c.invitation.tx.Respond(c.ua.response(c.invitation.req, sipgo.StatusRequestTerminated, "Request Terminated"))
	}
	if c.unacked != nil {
		c.dropUnacked()
	}
	c.byeSent, c.dismissing = true, false // none is needed any more
	c.leave(Ending{ByPeer: true, Deliberate: deliberate(in.req), Reason: peerReason(in.req)})
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
	c.ask(req, func(res *sipgo.Response, err error) {
		c.dismissing = false
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
// to the call's goroutine. A challenge is answered before that, if it can be.
func (c *Call) ask(req *sipgo.Request, then func(*sipgo.Response, error)) {
	c.askWithin(context.Background(), req, then)
}

// askWithin is ask for who waits no longer than ctx allows.
func (c *Call) askWithin(ctx context.Context, req *sipgo.Request, then func(*sipgo.Response, error)) {
	if c.ua.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.config.UserAgent))
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
	c.Login.sign(req)
	c.put(ctx, req, then, 0)
}

// put is askWithin for a request that is complete. challenges is how often it
// was challenged already.
func (c *Call) put(ctx context.Context, req *sipgo.Request, then func(*sipgo.Response, error), challenges int) {
	c.asked++
	var again func()
	if req.IsInvite() {
		cseq := req.CSeq().SeqNo
		c.inviting, c.signed = true, signatureOf(req)
		again = func() { c.post(func() { c.acknowledge(cseq) }) }
	}
	endpoint := c.ua.endpointFor(c.endpoint, req)
	dialog := c.Dialog // a copy: the goroutine must not touch the call's
	heeds := c.heeds(req)
	before, sent := c.sending, make(chan struct{})
	if !req.IsCancel() {
		c.sending = sent
	}
	go func() { // ends with its transaction
		within, cancel := context.WithTimeout(ctx, 64*t1+time.Second)
		defer cancel()
		if heeds {
			var stop func()
			within, stop = c.ua.heeding(within, req)
			defer stop()
		}
		isSent := sync.OnceFunc(func() { close(sent) })
		if before != nil && !req.IsCancel() {
			<-before // in the order of their numbers; it is closed when its own request is sent or has failed
		}
		var res *sipgo.Response
		err := within.Err()
		if err == nil {
			res, err = endpoint.request(within, &dialog, req, again, isSent)
		}
		if cause := context.Cause(within); err != nil && cause != nil {
			err = cause
		}
		isSent()
		c.post(func() {
			c.asked--
			if c.sending == sent {
				c.sending = nil
			}
			if req.IsInvite() {
				c.inviting = false
			}
			if err == nil && c.repeatable(req, dialog.RemoteTag) && c.Login.challenged(res, challenges) {
				c.Dialog.LocalCSeq++
				c.put(ctx, c.Login.anew(req, c.Dialog.LocalCSeq), then, challenges+1)
				return
			}
			then(res, err)
		})
	}()
}

// heeds tells whether a request is given up when ICMP says that nothing listens
// where it goes: a probe and a key are, and the BYE of a call whose peer is
// watched, so that it may soon be called again. Other BYEs are sent for as long
// as there may be somebody to hear them.
func (c *Call) heeds(req *sipgo.Request) bool {
	return req.Method == sipgo.OPTIONS || req.Method == sipgo.INFO || req.Method == sipgo.BYE && c.Silence.Watch > 0
}

// heeding is a context that ends with ctx, and when ICMP says that nothing
// listens where a request goes. Its other words may be of a fault that passes.
func (u *UA) heeding(ctx context.Context, req *sipgo.Request) (heeding context.Context, stop func()) {
	to, err := netip.ParseAddrPort(req.Destination())
	if err != nil || req.Transport() != "UDP" {
		return ctx, func() {}
	}
	ctx, give := context.WithCancelCause(ctx)
	unwatch := u.watch(to, func(err error) {
		if errors.Is(err, syscall.ECONNREFUSED) {
			give(err)
		}
	})
	return ctx, func() { unwatch(); give(nil) }
}

// repeatable tells whether a request that was challenged is to be sent again,
// and puts its dialog in force. A CANCEL cannot be: it has the INVITE's number.
func (c *Call) repeatable(req *sipgo.Request, remoteTag string) bool {
	if req.IsCancel() || c.Phase == leaving && req.Method != sipgo.BYE {
		return false
	}
	return c.Dialog.RemoteTag == remoteTag || c.turnTo(remoteTag)
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
