package sip

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// provisional takes a provisional response to our INVITE.
func (c *Call) provisional(res *sipgo.Response) {
	o := c.outgoing
	o.Proceeding = true
	if o.Over {
		c.sendCancel()
		return
	}
	o.GiveUpAt = time.Time{} // timer B is off, RingUntil is what counts (17.1.1.2)
	p := c.attempt.Progress()
	if res.StatusCode > sipgo.StatusTrying && toTag(res) != "" {
		if !c.enter(res) || !c.inSequence(res) {
			return
		}
		p.Early = c.hearEarly(res) || p.Early
		if identity, ok := asserted(res); ok {
			c.rename(identity)
		}
	}
	p.Code, p.Reason = res.StatusCode, clean(res.Reason)
	c.attempt.advance(p)
}

// enter puts the early dialog of a response in force (12.1.2): a proxy may have
// called several phones, and each has one of its own. False when there are too
// many.
func (c *Call) enter(res *sipgo.Response) bool {
	o, tag := c.outgoing, toTag(res)
	if c.turnTo(tag) {
		return true
	}
	if len(o.Early) >= mostEarly {
		return false
	}
	if c.Dialog.RemoteTag != "" {
		o.Early = append(o.Early, c.session)
	}
	c.session = o.Offer
	c.Dialog = c.Dialog.answered(res)
	c.PeerUpdates = listed(res, "UPDATE", "allow")
	return true
}

// turnTo puts the dialog with that remote tag in force; false when there is none.
func (c *Call) turnTo(tag string) bool {
	if c.Dialog.RemoteTag == tag {
		return tag != ""
	}
	if c.outgoing == nil {
		return false
	}
	for i := range c.outgoing.Early {
		if early := &c.outgoing.Early[i]; early.Dialog.RemoteTag == tag {
			c.session, *early = *early, c.session
			return true
		}
	}
	return false
}

// lastCSeq is the highest number that our requests have in any dialog of the
// INVITE: a BYE that ends one of them must go on from its PRACKs (12.2.1.1).
func (c *Call) lastCSeq() uint32 {
	o := c.outgoing
	last := max(c.Dialog.LocalCSeq, o.Offer.Dialog.LocalCSeq)
	for i := range o.Early {
		last = max(last, o.Early[i].Dialog.LocalCSeq)
	}
	return last
}

// inSequence acknowledges a reliable provisional response with a PRACK (RFC
// 3262 section 4). False for one that is to be discarded: it has come before,
// or one before it is missing and will be sent again.
func (c *Call) inSequence(res *sipgo.Response) bool {
	if !listed(res, "100rel", "require") {
		return true
	}
	h := res.GetHeader("rseq")
	if h == nil {
		return true
	}
	n, err := strconv.ParseUint(strings.TrimSpace(h.Value()), 10, 32)
	if err != nil || n == 0 || c.RSeq != 0 && uint32(n) != c.RSeq+1 {
		return false
	}
	c.RSeq = uint32(n)
	req, err := c.Dialog.request(sipgo.PRACK)
	if err != nil {
		c.log.Warn("no PRACK can be sent", "err", err)
		return true
	}
	req.AppendHeader(sipgo.NewHeader("RAck", fmt.Sprintf("%d %d INVITE", n, res.CSeq().SeqNo)))
	c.ask(toAcknowledge, req)
	return true
}

// hearEarly connects the leg when a provisional response brings an answer to
// our offer; false when it brings none. Of several phones that ring, the one
// that spoke last is heard.
func (c *Call) hearEarly(res *sipgo.Response) bool {
	if len(res.Body()) == 0 || c.Revised {
		return false
	}
	offered := c.Offered
	if err := c.acceptAnswer(res); err != nil {
		c.Offered = offered
		c.log.Debug("the SDP of a provisional response cannot be used", "status", res.StatusCode, "err", err)
		return false
	}
	return true
}
