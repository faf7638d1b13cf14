package sip

import (
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// subscribe serves a SUBSCRIBE outside of any dialog: it makes one (RFC 6665
// section 4.2.1).
func (u *UA) subscribe(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx) error {
	if u.closing() {
		return refuse(sipgo.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "10")
	}
	dialog, err := u.newDialogOf(e, req)
	if err != nil {
		return err
	}
	s := &subscription{contact: dialog.contact(), home: &home{endpoint: e, dialog: dialog}}
	s.Of, s.Source = dialog.id(), req.Source()
	return u.begin(s, req, "", func(res *sipgo.Response) { u.answer(tx, res) })
}

// newDialogOf is the dialog that accepting a request makes (RFC 3261 section
// 12.1.1), whatever its method.
func (u *UA) newDialogOf(e *endpoint, req *sipgo.Request) (Dialog, error) {
	dialog, err := newUASDialog(req)
	if err != nil {
		return Dialog{}, err
	}
	dialog.Endpoint = e.listener.Name
	dialog.Host = e.hostFor(req.Source()).String()
	dialog.Port = int(e.local.Port())
	return dialog, nil
}

// begin makes the subscription that a SUBSCRIBE asks for. call is the ID of the
// call in whose dialog it came.
func (u *UA) begin(s *subscription, req *sipgo.Request, call string, respond func(*sipgo.Response)) error {
	event, ok := eventOf(req)
	at := slices.IndexFunc(u.config.Packages, func(p Package) bool { return p.Event == event.Name })
	switch {
	case event.Name == referEvent:
		return refuse(sipgo.StatusForbidden, "Only A REFER Subscribes To That") // RFC 3515 section 2.4.4
	case !ok, at < 0:
		return refuse(statusBadEvent, "Bad Event", "Allow-Events", allowEvents)
	}
	s.pack = &u.config.Packages[at]
	if !accepts(req, s.pack.Type) {
		return refuse(sipgo.StatusNotAcceptable, "Not Acceptable", "Accept", s.pack.Type)
	}
	expires, err := wantedExpires(req)
	if err != nil {
		return err
	}
	who := Subscriber{Number: dialled(req), Caller: identityOf(req), Source: req.Source(), Call: call}
	if s.pack.Admits != nil && !s.pack.Admits(who) {
		return refuse(sipgo.StatusForbidden, "Forbidden")
	}
	resource, exists := s.pack.Find(who)
	if !exists {
		return refuse(sipgo.StatusNotFound, "Not Found")
	}
	s.Event, s.Resource = event, resource
	return u.open(s, expires, func() { respond(u.subscribed(req, s, expires)) })
}

// open takes a subscription on the books, answers who has asked for it, and
// tells him. There are not too many of them; 503 would have the peer take the
// whole server for overloaded, and its calls elsewhere (RFC 3261 section 21.5.4).
func (u *UA) open(s *subscription, expires time.Duration, accept func()) error {
	s.ua, s.log = u, u.log.With("call", s.Of.CallID)
	s.ExpireAt = time.Now().Add(expires)
	s.answering = 1
	if !u.subscriptions.add(s) {
		return refuse(sipgo.StatusTemporarilyUnavailable, "Too Many Subscriptions", "Retry-After", "60")
	}
	s.renewed(expires, accept)
	return nil
}

// subscribed is the answer to a SUBSCRIBE.
func (u *UA) subscribed(req *sipgo.Request, s *subscription, expires time.Duration) *sipgo.Response {
	res := u.response(req, sipgo.StatusOK, "OK", s.contact.Clone(), sipgo.NewHeader("Expires", seconds(expires)))
	for _, h := range capabilities() {
		res.AppendHeader(h)
	}
	return res
}

// resubscribe serves a SUBSCRIBE of somebody who has subscribed in that dialog;
// false: nobody has, to that.
func (u *UA) resubscribe(of dialogID, req *sipgo.Request, respond func(*sipgo.Response)) (known bool, err error) {
	event, ok := eventOf(req)
	if !ok {
		return true, refuse(statusBadEvent, "Bad Event", "Allow-Events", allowEvents)
	}
	all := u.subscriptions.in(of)
	at := slices.IndexFunc(all, func(s *subscription) bool { return s.Event == event })
	if at < 0 {
		return false, nil
	}
	expires, err := wantedExpires(req)
	if err != nil {
		return true, err
	}
	s := all[at]
	if !s.renew(expires, func() { respond(u.subscribed(req, s, expires)) }) {
		return true, noSubscription()
	}
	return true, nil
}

func noSubscription() *refusal {
	return refuse(sipgo.StatusCallTransactionDoesNotExists, "Subscription Does Not Exist")
}

// inHome serves a request in a dialog that has no call. Such a dialog gets no
// further use: who wants to be told of something else, or to refer us to
// somebody, makes another. What belongs to a call gets 481, because there is
// none, or none any more; that says nothing of the subscriptions (RFC 5057
// section 5.1). An OPTIONS belongs to neither: the dialog is there.
func (u *UA) inHome(of dialogID, req *sipgo.Request, tx *sipgo.ServerTx) error {
	all := u.subscriptions.in(of)
	if len(all) == 0 {
		return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
	if home := all[0].dwelling(); home != nil {
		if err := home.takes(req); err != nil {
			return err
		}
	}
	switch req.Method {
	case sipgo.SUBSCRIBE:
	case sipgo.OPTIONS:
		u.answer(tx, u.abilities(req))
		return nil
	case sipgo.NOTIFY:
		return noSubscription()
	default:
		return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
	known, err := u.resubscribe(of, req, func(res *sipgo.Response) { u.answer(tx, res) })
	if err == nil && !known {
		return noSubscription()
	}
	return err
}

// dwelling is its home; nil while it shares the dialog of a call.
func (s *subscription) dwelling() *home {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.home
}

// subscribe serves a SUBSCRIBE in the dialog of a call: it goes on with a
// subscription, or makes one that shares the dialog.
func (c *Call) subscribe(in *inbound) {
	respond := func(res *sipgo.Response) { c.reply(in, res) }
	c.Dialog.refreshTarget(in.req.Contact())
	known, err := c.ua.resubscribe(c.Dialog.id(), in.req, respond)
	if err == nil && !known {
		err = c.share(in.req, respond)
	}
	if err != nil {
		c.refuse(in, refusalOf(err))
	}
}

// share makes a subscription in the call's dialog.
func (c *Call) share(req *sipgo.Request, respond func(*sipgo.Response)) error {
	switch event, _ := eventOf(req); {
	case event.Name == referEvent:
		return noSubscription()
	case c.Phase != accepted && c.Phase != confirmed:
		return refuse(sipgo.StatusForbidden, "Not Before The Answer")
	case c.ua.closing():
		return refuse(sipgo.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "10")
	}
	return c.ua.begin(c.newSubscription(req), req, c.ID(), respond)
}

// newSubscription is one in the call's dialog.
func (c *Call) newSubscription(req *sipgo.Request) *subscription {
	s := &subscription{contact: c.Dialog.contact(), call: c}
	s.Of, s.Source = c.Dialog.id(), req.Source()
	return s
}

// endSubscriptions gives all subscribers their last NOTIFY; they are dead, or have
// answered it, when that has waited for long enough.
func (u *UA) endSubscriptions() {
	for _, s := range u.subscriptions.close() {
		reason := "noresource"
		if s.pack != nil && s.pack.Lasting {
			reason = "probation;retry-after=30" // RFC 6665 section 4.1.3
		}
		s.end(reason)
	}
}

// dropSubscriptions ends those that have not answered.
func (u *UA) dropSubscriptions() {
	for _, s := range u.subscriptions.close() {
		s.drop()
	}
}
