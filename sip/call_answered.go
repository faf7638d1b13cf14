package sip

import (
	"errors"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// answered takes the 2xx to our INVITE (RFC 3261 section 13.2.2.4): it is
// acknowledged whatever it says, and ended by a BYE if it is of no use.
func (c *Call) answered(res *sipgo.Response) {
	o := c.outgoing
	last := c.lastCSeq()
	c.establish(res)
	ack := c.ack(res.CSeq().SeqNo)
	o.Offer.Dialog.LocalCSeq = last
	c.concluded(c.Dialog.RemoteTag, ack)
	c.ua.part(c, c.Dialog.id()) // no earlier: now no other answer of this INVITE is taken for the call's
	c.invite = nil              // the aftermath has it
	if o.Over {
		c.dismiss(ack, Ending{Reason: "cancelled"}, o.Why)
		return
	}
	c.Phase = confirmed
	err := c.takeAnswer(res)
	if ack == nil {
		err = errors.New("its Contact or its Record-Route is of no use")
	}
	if err != nil {
		f := &Failure{Cause: Unusable, Code: sipgo.StatusNotAcceptableHere, Reason: "Not Acceptable Here", Err: err}
		c.attempt.decide(f)
		c.dismiss(ack, Ending{Reason: f.Error()}, `SIP;cause=488;text="Not Acceptable Here"`)
		return
	}
	c.deliver(ack, func() {})
	c.outgoing = nil
	now := time.Now()
	c.takeTimer(res)
	c.Timer.start(now)
	c.Silence.start(now, c.ua.config.SilenceTimeout)
	c.infoKeys.Store(readsKeys(res))
	if identity, ok := asserted(res); ok {
		c.rename(identity)
	}
	c.attempt.decide(nil)
}

// establish makes the dialog of a 2xx the call's only one. 12.1.2: the route
// set is that of the 2xx, whatever the early dialog had.
func (c *Call) establish(res *sipgo.Response) {
	if !c.turnTo(toTag(res)) {
		c.session = c.outgoing.Offer
	}
	heard, silent := c.Dialog.RemoteCSeq, c.Dialog.PeerSilent
	known := c.Dialog.RemoteTag != ""
	c.Dialog = c.Dialog.answered(res)
	if known {
		c.Dialog.RemoteCSeq, c.Dialog.PeerSilent = heard, silent
	}
	if !known || res.GetHeader("allow") != nil {
		c.PeerUpdates = listed(res, "UPDATE", "allow")
	}
	c.PeerConfers = confers(res)
}

// dismiss ends a call as soon as its 2xx is acknowledged: no BYE goes before
// the ACK.
func (c *Call) dismiss(ack *sipgo.Request, ending Ending, why string) {
	c.leave(ending)
	if ack == nil {
		return
	}
	c.dismissing, c.parting = true, why
	c.deliver(ack, func() { c.sendBye(why) })
}

// takeAnswer reads the answer to our offer. The one in the 2xx counts, also when
// it differs from one that came before; a 2xx without one repeats the last of
// its dialog (13.2.1), and what an UPDATE has changed since stays.
func (c *Call) takeAnswer(res *sipgo.Response) error {
	if c.Revised || !c.Offered && len(strings.TrimSpace(string(res.Body()))) == 0 {
		c.agree(c.Agreed) // the leg may be connected to another one that rang
		return nil
	}
	return c.acceptAnswer(res)
}

// takeTimer takes what the 2xx says of the session timer (RFC 4028 section
// 7.2). A peer that says nothing does not know it: then we refresh, and so find
// out whether it is still there.
func (c *Call) takeTimer(res *sipgo.Response) {
	t := &c.Timer
	interval, refresher, err := sessionExpires(res)
	if err != nil || interval == 0 {
		t.Ours, t.PeerKnows = true, false
		return
	}
	t.Interval, t.Ours, t.PeerKnows = interval, refresher != "uas", true
}

// refused takes a final answer other than 2xx. Some say how to ask better.
func (c *Call) refused(res *sipgo.Response) {
	o := c.outgoing
	c.concluded("", nil)
	c.deliver(ackRefusal(c.invite, res), func() {})
	c.dropEarly()
	switch {
	case o.Over:
		c.leave(Ending{Reason: "cancelled"})
	case c.Login.challenged(res, o.Challenges):
		o.Challenges++
		c.sendInvite()
	case res.StatusCode == 422 && !o.Raised && c.raiseInterval(res):
		o.Raised = true
		c.sendInvite()
	case res.StatusCode == sipgo.StatusBadExtension && c.leaveOut(res):
		c.sendInvite()
	case res.StatusCode == sipgo.StatusRequestPending && !o.Glared:
		o.Glared = true
		o.RetryAt = time.Now().Add(c.Dialog.glarePause())
	default:
		c.fail(refusedBy(res))
	}
}

// leaveOut obeys a 420 (8.1.3.5): what the peer does not support is not
// mentioned any more. False when nothing of ours is among it.
func (c *Call) leaveOut(res *sipgo.Response) bool {
	less := false
	for _, tag := range offered {
		if tag == "replaces" && c.outgoing.Target.Replaces != "" {
			continue // that is what it is all about
		}
		if listed(res, tag, "unsupported") && !slices.Contains(c.outgoing.Without, tag) {
			c.outgoing.Without = append(c.outgoing.Without, tag)
			less = true
		}
	}
	return less
}

// dropEarly forgets all early dialogs: their INVITE has its final answer. The
// next one has a number above their PRACKs, for who looks at the Call-ID alone.
func (c *Call) dropEarly() {
	last := c.lastCSeq()
	c.session, c.outgoing.Early = c.outgoing.Offer, nil
	c.Dialog.LocalCSeq = last
	c.ua.part(c)
}
