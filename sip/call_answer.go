package sip

import (
	"errors"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// answer accepts the initial INVITE: its offer is answered, or, when it has
// none, we offer and the answer comes with the ACK (RFC 3261 section 13.3.1.4).
func (c *Call) answer(result chan error) {
	if c.restored && c.answeredBefore(result) {
		return
	}
	if c.Phase != ringing || c.cancelled.Load() {
		result <- ErrEnded
		return
	}
	own, agreed, err := c.describe(c.invitation.req)
	if err != nil {
		result <- err
		c.reject(refusalOf(err))
		return
	}
	c.answering = result
	if !c.accept(c.invitation, own.body) {
		c.refuseCancelled()
		c.leave(Ending{ByPeer: true, Reason: "cancelled"})
		return
	}
	c.Phase = accepted
	c.sent(own, agreed)
}

// accept sends the 2xx to an INVITE and goes on sending it until the ACK
// comes. It is false when a CANCEL was faster: then the INVITE has its 487. Any
// other error may pass, and the next retransmission gets through.
func (c *Call) accept(in *inbound, body []byte) bool {
	res := c.ua.response(in.req, sipgo.StatusOK, "OK", c.Dialog.contact())
	for _, h := range capabilities() {
		res.AppendHeader(h)
	}
	c.Timer.answer(res)
	withSDP(res, body)
	err := c.respond(in, res)
	if errors.Is(err, sipgo.ErrTransactionCanceled) {
		return false
	}
	if err != nil {
		c.log.Info("the answer could not be sent, and will be sent again", "err", err)
	}
	if c.unacked != nil { // its ACK is lost; the peer goes on, so does the call
		c.dropUnacked()
	}
	now := time.Now()
	c.unacked = &unacked{in: in, cseq: in.req.CSeq().SeqNo, res: res, failed: err != nil, next: now.Add(t1), interval: t1, deadline: now.Add(64 * t1)}
	return true
}

// refuseCancelled answers a cancelled INVITE with 487. sipgo does that itself
// when the CANCEL finds its transaction; then this changes nothing, except
// that a retransmission repeats the 487 and not what we tried to send after it.
func (c *Call) refuseCancelled() {
	c.respond(c.invitation, c.ua.response(c.invitation.req, sipgo.StatusRequestTerminated, "Request Terminated"))
}

// reject gives the INVITE a final answer other than 2xx.
func (c *Call) reject(r *refusal) {
	if c.Phase != ringing || c.cancelled.Load() {
		return
	}
	c.ua.conclude(c)
	c.respond(c.invitation, c.ua.refusal(c.invitation.req, r))
	c.leave(Ending{Reason: r.Error()})
}

// retransmit repeats the 2xx, whatever the transport (13.3.1.4), and gives up
// after 64*T1: the session never came to be, so it is ended with a BYE.
func (c *Call) retransmit(now time.Time) {
	u := c.unacked
	if u == nil {
		return
	}
	if !now.Before(u.deadline) {
		c.log.Warn("no ACK came: hanging up")
		c.dropUnacked()
		if c.Phase != leaving {
			c.leave(Ending{Reason: "no ACK"})
		}
		c.sendBye("SIP;cause=408;text=\"No ACK\"")
		return
	}
	if !now.Before(u.next) {
		if err := c.respond(u.in, u.res); err != nil {
			c.endpoint.put(u.res) // its transaction is gone
		}
		u.interval = min(2*u.interval, t2)
		u.next = now.Add(u.interval)
	}
}

// acknowledged: an ACK has come. Only the one for the outstanding 2xx counts.
func (c *Call) acknowledged(ack *sipgo.Request) {
	u := c.unacked
	if u == nil || ack.CSeq() == nil || ack.CSeq().SeqNo != u.cseq {
		return
	}
	c.dropUnacked()
	if c.Phase == leaving { // hung up before the ACK: now the BYE may go (15)
		c.sendBye(c.parting)
		return
	}
	if c.Offered {
		if err := c.acceptAnswer(ack); err != nil {
			c.log.Warn("no usable answer in the ACK: hanging up", "err", err)
			c.leave(Ending{Reason: "no usable SDP answer: " + err.Error()})
			c.sendBye("SIP;cause=488;text=\"Not Acceptable Here\"")
			return
		}
	}
	if c.Phase == accepted {
		c.Phase = confirmed
		c.Timer.start(time.Now())
		c.Silence.start(time.Now(), c.ua.config.SilenceTimeout)
	}
	if c.answering != nil {
		c.answering <- nil
		c.answering = nil
	}
	c.serveWaiting(false)
}

// dropUnacked lets the INVITE's transaction go.
func (c *Call) dropUnacked() {
	in, failed := c.unacked.in, c.unacked.failed
	c.unacked = nil
	if in == c.invitation {
		c.invitation = nil
		c.settle()
		in.letGo()
		return
	}
	if failed {
		in.letGo() // sipgo has started no timer for it
	}
	close(in.done)
}
