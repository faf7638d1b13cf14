package sip

import (
	"sync"
	"time"
)

// save writes the subscription down.
func (s *subscription) save() SubscriptionImage {
	s.mu.Lock()
	defer s.mu.Unlock()
	return SubscriptionImage{State: s.subscribed, Telling: s.telling}
}

// saveSubscriptions writes down all of them, and the dialogs that are theirs alone.
func (u *UA) saveSubscriptions(im *Image) {
	homes := map[*home]bool{}
	for _, s := range u.subscriptions.every() {
		s.mu.Lock()
		over, h := s.over, s.home
		s.mu.Unlock()
		if over {
			continue
		}
		im.Subscriptions = append(im.Subscriptions, s.save())
		if h != nil && !homes[h] {
			homes[h] = true
			im.Homes = append(im.Homes, h.save())
		}
	}
}

func (h *home) save() HomeImage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return HomeImage{h.endpoint.listener.Name, h.dialog, h.login.copy()}
}

// restoreSubscriptions makes them again. They tell nobody anything before they
// are begun.
func (u *UA) restoreSubscriptions(im *Image) {
	homes := map[dialogID]*home{}
	for i := range im.Homes {
		h := &im.Homes[i]
		if e := u.endpointNamed(h.Endpoint); e != nil {
			homes[h.Dialog.id()] = &home{endpoint: e, dialog: h.Dialog, login: h.Login}
		}
	}
	for i := range im.Subscriptions {
		u.restoreSubscription(&im.Subscriptions[i], homes)
	}
}

func (u *UA) restoreSubscription(im *SubscriptionImage, homes map[dialogID]*home) {
	s := &subscription{ua: u, subscribed: im.State, log: u.log.With("call", im.State.Of.CallID)}
	if s.call, s.home = u.find(s.Of), homes[s.Of]; s.home != nil {
		s.call, s.contact = nil, s.home.dialog.contact()
	} else if s.call != nil {
		s.contact = s.call.Dialog.contact()
	} else {
		s.log.Warn("a subscription is lost: nothing listens any more where its dialog was", "event", s.Event.String(), "subscriber", s.Source)
		return
	}
	if s.Event.Name != referEvent {
		s.pack = u.packageOf(s.Event.Name)
	}
	if im.Telling { // whether he has got it or not, he is told again
		s.News, s.AtOnce = true, true
	}
	if !u.subscriptions.add(s) {
		s.log.Warn("a subscription is lost: there are too many", "event", s.Event.String(), "subscriber", s.Source)
		return
	}
	u.resumedSubscriptions = append(u.resumedSubscriptions, s)
}

// packageOf is the package of an event; one that has nothing to tell when the
// program does not serve it any more.
func (u *UA) packageOf(event string) *Package {
	for i := range u.config.Packages {
		if p := &u.config.Packages[i]; p.Event == event {
			return p
		}
	}
	return &Package{Event: event, Document: func(Inquiry) ([]byte, bool) { return nil, false }}
}

// begin has a restored subscription go on.
func (s *subscription) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stir()
}

// saveReferrals writes down those that are being carried out.
func (u *UA) saveReferrals() (ims []ReferralImage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for r := range u.referrals {
		if im, goesOn := r.save(); goesOn {
			ims = append(ims, im)
		}
	}
	return ims
}

func (r *Referral) save() (im ReferralImage, goesOn bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	im = ReferralImage{Final: r.final, To: r.To, Number: r.Number, Caller: r.Caller, ReferredBy: r.ReferredBy, Source: r.Source, Confers: r.Confers, ID: r.id, Quiet: r.quiet}
	if r.call != nil {
		im.Call = r.call.Dialog.id()
	}
	if !r.quiet {
		im.Told, im.Event = r.told.Of, r.told.Event
	}
	return im, r.accepted
}

// undecided tells whether the program has still to say whether it accepts it.
func (r *Referral) undecided() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.answered
}

func (u *UA) restoreReferral(im *ReferralImage) *Referral {
	r := &Referral{
		To: im.To, Number: im.Number, Caller: im.Caller, ReferredBy: im.ReferredBy, Source: im.Source, Confers: im.Confers,
		ua: u, id: im.ID, quiet: im.Quiet, done: make(chan struct{}), answered: true, accepted: true, final: im.Final,
	}
	if im.Call != (dialogID{}) {
		r.call = u.find(im.Call)
	}
	u.mu.Lock()
	u.refers++
	u.referrals[r] = struct{}{}
	u.mu.Unlock()
	if r.quiet {
		if r.final != 0 {
			close(r.done)
		}
		return r
	}
	for _, s := range u.subscriptions.in(im.Told) {
		if s.Event == im.Event {
			r.told = s
			s.gone = sync.OnceFunc(func() { close(r.done) })
		}
	}
	if r.told == nil { // he does not want to be told any more
		r.told = &subscription{ua: u, over: true, log: u.log, subscribed: subscribed{ExpireAt: time.Now()}}
		close(r.done)
	}
	return r
}

// RestoredReferrals are the REFERs of Config.Saved that were accepted, and whose
// handler had not returned. Whoever takes one over says with Finish how it has
// ended, unless that was said (Final), and does what the handler would have done
// then, in SeeThrough; nobody calls the handler. After New.
func (u *UA) RestoredReferrals() []*Referral { return u.resumedReferrals }
