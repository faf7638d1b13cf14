package sip

import (
	"errors"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// A Replaces header (RFC 3891) names a dialog of the one who gets it: whoever
// sends it wants to take the place of the one at its other end. That is how a
// phone ends an attended transfer, or takes a call over to another desk.

// replaces is the value of a Replaces header (section 6.1), from the view of
// whose dialog it is. Plain data.
type replaces struct {
	CallID    string
	ToTag     string // of our side
	FromTag   string // of the peer's; "0" may stand for none
	EarlyOnly bool   // not when the call has been answered
}

// mostReplaces is how long a Replaces may be.
const mostReplaces = 1000

// parseReplaces reads the value of a Replaces header. It must have exactly one
// of each tag.
func parseReplaces(value string) (r replaces, err error) {
	if len(value) > mostReplaces || !plain(value) {
		return r, errors.New("too long, or not text")
	}
	callID, params, _ := strings.Cut(value, ";") // no quotes here: a Call-ID may have one of them
	if r.CallID = strings.TrimSpace(callID); r.CallID == "" || strings.ContainsAny(r.CallID, " \t,") {
		return r, errors.New("no Call-ID")
	}
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		name, value, _ := strings.Cut(param, "=")
		if err := r.take(strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)); err != nil {
			return r, err
		}
	}
	if r.ToTag == "" || r.FromTag == "" {
		return r, errors.New("a tag is missing")
	}
	return r, nil
}

// take takes one parameter.
func (r *replaces) take(name, value string) error {
	tag := &r.ToTag
	switch name {
	case "early-only":
		r.EarlyOnly = true
		return nil
	case "from-tag":
		tag = &r.FromTag
	case "to-tag":
	default:
		return nil
	}
	if *tag != "" || value == "" || strings.ContainsAny(value, " \t,\"") {
		return errors.New(name + " is there twice, or is no tag")
	}
	*tag = value
	return nil
}

// replacedBy is the call whose place an INVITE wants to take; nil: it has no
// Replaces. The error is what section 3 has us refuse it with. To be judged
// trustworthy is enough to be allowed that: those who are not do not get here.
func (u *UA) replacedBy(req *sipgo.Request) (*Call, error) {
	headers := req.GetHeaders("replaces")
	if len(headers) == 0 {
		return nil, nil
	}
	if len(headers) > 1 || req.GetHeader("join") != nil {
		return nil, refuse(sipgo.StatusBadRequest, "More Than One Replaces Or Join")
	}
	r, err := parseReplaces(headers[0].Value())
	if err != nil {
		bad := refuse(sipgo.StatusBadRequest, "Unreadable Replaces")
		bad.Cause = err
		return nil, bad
	}
	call := u.findReplaced(r)
	if call == nil {
		return nil, refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
	return call, call.mayBeReplaced(r)
}

// findReplaced finds the call that has the dialog; nil without one. A tag of
// zero stands for none, too, which RFC 2543 clients send; if it may be either
// of two, it is neither.
func (u *UA) findReplaced(r replaces) *Call {
	call := u.find(dialogID{r.CallID, r.ToTag, r.FromTag})
	if r.FromTag != "0" {
		return call
	}
	untagged := u.find(dialogID{r.CallID, r.ToTag, ""})
	if call != nil && untagged != nil {
		return nil
	}
	if call == nil {
		return untagged
	}
	return call
}

// mayBeReplaced says what stands in the way of taking the place of a call. Who
// asks is inside of the user agent, and comes out while the call is asked.
func (c *Call) mayBeReplaced(r replaces) error {
	c.ua.still.leave()
	defer c.ua.still.enter()
	verdict := make(chan error, 1)
	if !c.post(func() { verdict <- c.judgeReplaces(r) }) {
		return refuse(sipgo.StatusGlobalDecline, "Declined")
	}
	select {
	case err := <-verdict:
		return err
	case <-c.gone:
		return refuse(sipgo.StatusGlobalDecline, "Declined")
	}
}

func (c *Call) judgeReplaces(r replaces) error {
	switch {
	case c.Phase == leaving, c.Phase == calling && c.outgoing.Over:
		return refuse(sipgo.StatusGlobalDecline, "Declined") // it has ended
	case c.Phase == ringing: // an early dialog that the peer has begun
		return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	case r.EarlyOnly && c.Phase != calling:
		return refuse(sipgo.StatusBusyHere, "Busy Here")
	}
	return nil
}

// Replaces is the call whose place the peer wants to take with this one (RFC
// 3891); nil: it is a call like any other, or has its final answer. It was in
// progress when the INVITE came, answered or, if it is one of ours, still
// ringing; it may have ended since. To end it, once this one is answered, is the
// program's; if this one cannot be, it goes on.
func (c *Call) Replaces() *Call { return c.replaces.Load() }

// replacing has our INVITE take the place of another call of the peer.
func (o *outgoing) replacing(req *sipgo.Request) {
	if o.Target.Replaces != "" {
		req.AppendHeader(sipgo.NewHeader("Replaces", o.Target.Replaces))
		req.AppendHeader(sipgo.NewHeader("Require", "replaces")) // section 4: else it may be a call beside the other
	}
}
