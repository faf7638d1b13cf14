package sip

import (
	"context"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// cancel is Attempt.Cancel.
func (c *Call) cancel(reason string) {
	switch c.Phase {
	case calling:
		c.giveUp(&Failure{Cause: Cancelled, Code: sipgo.StatusRequestTerminated, Reason: "Request Terminated"}, reason)
	case confirmed:
		c.parting = reason
		c.leave(Ending{Reason: "cancelled"})
		c.sendBye(reason)
	}
}

// giveUp decides an attempt that is not answered yet, and sends its CANCEL as
// soon as that may be sent. Afterwards the final answer is awaited: it may be a
// 200 that crosses the CANCEL.
func (c *Call) giveUp(f *Failure, why string) {
	o := c.outgoing
	c.attempt.decide(f)
	c.finish(Ending{Reason: f.Error()})
	if !o.Over {
		o.Over, o.Why, o.RingUntil = true, why, time.Time{}
	}
	c.callOff()
}

// callOff does what can be done now to end an INVITE that nobody wants any more.
func (c *Call) callOff() {
	o := c.outgoing
	switch {
	case o.Branch == "": // not sent yet, or waiting to be sent again
		c.leave(Ending{Reason: "cancelled"})
	case o.Proceeding:
		c.sendCancel()
	case c.hangOn != nil: // perhaps it has not been sent yet
		c.hangOn()
	case c.ua.closing(): // there is no time to wait for a peer that may not be there
		if soon := time.Now().Add(t1); soon.Before(o.GiveUpAt) {
			o.GiveUpAt = soon
		}
	}
}

// sendCancel cancels the INVITE (9.1): the same branch, CSeq number, To and
// Request-URI.
func (c *Call) sendCancel() {
	o := c.outgoing
	if o.Cancelled {
		return
	}
	o.Cancelled = true
	o.GiveUpAt = time.Now().Add(64 * t1) // 9.1: then no answer will come any more
	req := follower(c.invite, sipgo.CANCEL)
	if o.Why != "" {
		req.AppendHeader(sipgo.NewHeader("Reason", o.Why))
	}
	if c.ua.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.config.UserAgent))
	}
	req.SetBody(nil)
	c.put(context.Background(), req, question{of: toCancel}, nil)
}

// follower is a CANCEL, or the ACK to a final answer other than 2xx: both go
// the way of the INVITE, in its transaction (9.1, 17.1.1.3).
func follower(invite *sipgo.Request, method sipgo.RequestMethod) *sipgo.Request {
	req := sipgo.NewRequest(method, invite.Recipient)
	req.AppendHeader(sipgo.HeaderClone(invite.Via()))
	for _, name := range []string{"route", "max-forwards", "from", "to", "call-id", "cseq"} {
		for _, h := range invite.GetHeaders(name) {
			req.AppendHeader(sipgo.HeaderClone(h))
		}
	}
	req.CSeq().MethodName = method
	req.SetTransport(invite.Transport())
	req.SetDestination(invite.Destination())
	return req
}

// ackRefusal is the ACK to a final answer other than 2xx (17.1.1.3).
func ackRefusal(invite *sipgo.Request, res *sipgo.Response) *sipgo.Request {
	ack := follower(invite, sipgo.ACK)
	ack.ReplaceHeader(sipgo.HeaderClone(res.To()))
	signatureOf(invite).copyTo(ack)
	ack.SetBody(nil)
	return ack
}
