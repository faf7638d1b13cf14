package sip

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// subscription is somebody who is told of something (RFC 6665), by one NOTIFY
// after the other: the next one goes when the last is answered, and a second
// after it at the earliest. What has happened meanwhile it tells at once.
//
// What it is about is a document of the program, or, when a REFER has made it,
// how far that has come. Nothing runs while there is nothing to tell.
type subscription struct {
	ua      *UA
	pack    *Package // nil: a REFER has made it
	contact *sipgo.ContactHeader
	log     *slog.Logger
	gone    func() // is called when nothing is left of it; nil: nobody wants to know

	mu        sync.Mutex
	call      *Call // whose dialog it shares; nil: its dialog is home's
	home      *home
	telling   bool // a NOTIFY is under way, or being made
	answering int  // how many requests of the subscriber are being answered: no NOTIFY begins before that is done
	over      bool
	alarm     *time.Timer // for what is due later
	subscribed
}

// subscribed is what a subscription is, as plain data.
type subscribed struct {
	Of       dialogID // in which dialog
	Event    event
	Resource string // of which it is told; of a REFER: nothing
	Source   string // where it was made from
	Version  uint32 // of the last document that was told
	Status   string // of a REFER: the status line that says how far it has come
	ExpireAt time.Time
	NextAt   time.Time // no NOTIFY before this, unless it must go at once
	News     bool      // there is something to tell
	AtOnce   bool      // and it does not wait
	Ended    string    // why it has ended, as Subscription-State has it; empty: it has not
}

// notifyPause is what there is at least from one NOTIFY to the next. RFC 4575
// section 3.9 would have five seconds; then whoever watches a name light up on
// a telephone thinks that nothing happens.
const notifyPause = time.Second

// failedPause is how long a subscriber is left in peace who could not take a NOTIFY.
const failedPause = 10 * time.Second

// rejected is why the subscription of somebody has ended who may not be told
// any more (RFC 6665 section 4.1.3): his last NOTIFY says no more than that.
const rejected = "rejected"

// change says that there is something to tell.
func (s *subscription) change() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.News = true
	s.stir()
}

// end ends the subscription: its last NOTIFY says why.
func (s *subscription) end(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finish(reason)
	s.stir()
}

// progress says how far a REFER has come; a final status ends the
// subscription (RFC 3515 section 2.4.5).
func (s *subscription) progress(status string, final bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Ended != "" {
		return
	}
	s.Status, s.News = status, true
	if final {
		s.finish("noresource")
	}
	s.stir()
}

// finish is end with the lock held. The first reason counts.
func (s *subscription) finish(reason string) {
	if s.Ended == "" {
		s.Ended, s.News, s.AtOnce = reason, true, true
	}
}

// renew takes a SUBSCRIBE of the subscriber: he goes on, or wants no more than
// one last NOTIFY. False: the subscription is over.
func (s *subscription) renew(expires time.Duration, accept func()) bool {
	s.mu.Lock()
	if s.over || s.Ended != "" {
		s.mu.Unlock()
		return false
	}
	s.answering++
	s.mu.Unlock()
	s.renewed(expires, accept)
	return true
}

// renewed answers a request that counts among those that are being answered,
// and does what it asks for. The lock is not held: a peer that does not read can
// keep an answer for writeTime.
func (s *subscription) renewed(expires time.Duration, accept func()) {
	accept() // its answer goes before the NOTIFY
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answering--
	s.ExpireAt = time.Now().Add(expires)
	s.News, s.AtOnce = true, true
	if expires == 0 {
		s.finish("timeout")
	}
	s.stir()
}

// stir does what is due, or sets the alarm for when it is. The lock is held.
func (s *subscription) stir() {
	if s.over || s.answering > 0 {
		return // renewed stirs again
	}
	now := time.Now()
	if !now.Before(s.ExpireAt) {
		s.finish("timeout")
	}
	wait := s.ExpireAt.Sub(now)
	switch {
	case s.telling:
		return // told stirs again
	case s.News && (s.AtOnce || !now.Before(s.NextAt)):
		s.telling = true
		go s.tell() // ends with its transaction
		return
	case s.News:
		wait = min(wait, s.NextAt.Sub(now))
	}
	if s.alarm == nil {
		s.alarm = time.AfterFunc(wait, s.wake)
	} else {
		s.alarm.Reset(wait)
	}
}

func (s *subscription) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stir()
}

// tell sends one NOTIFY and sees to its answer.
func (s *subscription) tell() {
	var (
		res  *sipgo.Response
		err  error
		last = true // of a panic
	)
	defer func() {
		if r := recover(); r != nil {
			s.ua.Counters.Panics.Add(1)
			s.log.Error("panic while telling a subscriber: please report it", "err", r, "stack", string(debug.Stack()))
		}
		s.told(res, err, last)
	}()
	var fill func(*sipgo.Request)
	fill, last = s.compose()
	res, err = s.send(fill)
}

// compose makes the next NOTIFY, and says whether it is the last.
func (s *subscription) compose() (fill func(*sipgo.Request), last bool) {
	s.mu.Lock()
	s.News, s.AtOnce = false, false
	s.Version++
	asked := Inquiry{Resource: s.Resource, Version: s.Version, Focus: s.contact.Address.String(), Most: mostDocument}
	s.mu.Unlock()

	mediaType, body, exists := s.document(asked)

	s.mu.Lock()
	defer s.mu.Unlock()
	if !exists {
		s.finish("noresource")
	}
	if s.Ended != "" {
		s.News, s.AtOnce = false, false
	}
	if s.Ended == rejected {
		body = nil
	}
	s.NextAt = time.Now().Add(notifyPause)
	event, state := s.Event.String(), s.state()
	return func(req *sipgo.Request) {
		req.AppendHeader(s.contact.Clone())
		req.AppendHeader(sipgo.NewHeader("Event", event))
		req.AppendHeader(sipgo.NewHeader("Subscription-State", state))
		for _, h := range capabilities() {
			req.AppendHeader(h)
		}
		if len(body) > 0 {
			contentType := sipgo.ContentTypeHeader(mediaType)
			req.AppendHeader(&contentType)
		}
		req.SetBody(body)
	}, s.Ended != ""
}

// document is what there is to tell.
func (s *subscription) document(asked Inquiry) (mediaType string, body []byte, exists bool) {
	if s.pack == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return sipfrag, []byte("SIP/2.0 " + s.Status + "\r\n"), true
	}
	body, exists = s.pack.Document(asked)
	return s.pack.Type, body, exists
}

// state is the value of Subscription-State (RFC 6665 section 4.2.2). The lock
// is held.
func (s *subscription) state() string {
	if s.Ended != "" {
		return "terminated;reason=" + s.Ended
	}
	return "active;expires=" + seconds(max(time.Until(s.ExpireAt).Round(time.Second), time.Second))
}

// send sends a NOTIFY in the dialog, whosever that is by then.
func (s *subscription) send(fill func(*sipgo.Request)) (*sipgo.Response, error) {
	for {
		s.mu.Lock()
		call, home := s.call, s.home
		s.mu.Unlock()
		if call == nil {
			return home.notify(s.ua, fill)
		}
		if res, err, sent := call.notify(fill); sent {
			return res, err
		}
		s.mu.Lock()
		if s.call == call { // it has ended without leaving its dialog to anybody
			s.mu.Unlock()
			return nil, ErrEnded
		}
		s.mu.Unlock()
	}
}

// told takes the answer to a NOTIFY: it says whether the subscriber is still
// there (RFC 6665 section 4.2.2, RFC 5057 section 5.1). That he is not concerns
// this subscription alone.
func (s *subscription) told(res *sipgo.Response, err error, last bool) {
	s.mu.Lock()
	s.telling = false
	switch {
	case last:
		s.over = true
	case err != nil:
		s.log.Info("a subscriber cannot be told any more", "event", s.Event.String(), "subscriber", s.Source, "err", err)
		s.over = true
	case res.IsSuccess():
	case lasts(res):
		s.News, s.NextAt = true, time.Now().Add(max(failedPause, retryAfter(res)))
	default:
		s.log.Info("a subscriber wants to be told no more", "event", s.Event.String(), "subscriber", s.Source, "status", res.StatusCode)
		s.over = true
	}
	s.stir()
	over := s.over
	s.mu.Unlock()
	if over {
		s.drop()
	}
}

// lasts tells whether an answer to a NOTIFY says of what may pass.
func lasts(res *sipgo.Response) bool {
	return res.StatusCode >= 500 && res.StatusCode < 600 && res.StatusCode != sipgo.StatusNotImplemented ||
		res.StatusCode == sipgo.StatusRequestPending || res.GetHeader("retry-after") != nil
}

// drop ends the subscription at once. Safe to call twice.
func (s *subscription) drop() {
	s.mu.Lock()
	s.over = true
	if s.alarm != nil {
		s.alarm.Stop()
	}
	s.mu.Unlock()
	s.ua.subscriptions.remove(s)
	if s.gone != nil {
		s.gone()
	}
}

// inherit makes the dialog of a call that has ended that of a subscription which
// has shared it (RFC 5057 section 4.2: each usage ends for itself).
func (s *subscription) inherit(from *Call, home *home) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.call == from {
		s.call, s.home = nil, home
	}
}

// topic is what a subscription is told of.
func (s *subscription) topic() topic { return topic{s.Event.Name, s.Resource} }
