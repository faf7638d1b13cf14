package sip

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// ReferralHandler is what the program does with a REFER. It runs on a goroutine
// of its own. It accepts, does what is asked for, and says how that has ended; or
// it refuses. What it returns without is refused, or has failed. The end of ctx
// says that the server is ending.
type ReferralHandler func(ctx context.Context, r *Referral)

// Referral is a REFER (RFC 3515): somebody asks us to call a third one, or to
// end a call. Its methods may be called from any goroutine.
type Referral struct {
	// What it says. Never changed.
	To         ReferTo
	Number     string   // the user part of the Request-URI: to whom it was sent
	Caller     Identity // who asks
	ReferredBy string   // who he says he is (RFC 3892), for the log; empty: he does not
	Source     string   // where it came from, "host:port"
	Confers    bool     // who asks knows what a conference is: his Allow-Events says so (RFC 4579 section 5.1)

	ua      *UA
	req     *sipgo.Request
	call    *Call
	quiet   bool          // he does not want to be told (RFC 4488)
	told    *subscription // who is
	claim   func() bool   // whether it may be answered: once, and not when the call is gone
	respond func(*sipgo.Response)
	id      string // Call-ID

	mu       sync.Mutex
	answered bool          // it has its final response
	accepted bool          // and that was 202
	final    int           // the status that it has ended with; 0: it has not
	done     chan struct{} // see Told
}

// referTime is how long who has sent a REFER is told of what becomes of it.
const referTime = 10 * time.Minute

// mostRefers is how many REFERs are served at once.
const mostRefers = 500

// refer serves a REFER outside of any dialog: accepted, it makes one.
func (u *UA) refer(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx, visit *visit) error {
	dialog, err := u.newDialogOf(e, req)
	if err != nil {
		return err
	}
	r, err := u.newReferral(req)
	if err != nil {
		return err
	}
	r.told = &subscription{contact: dialog.contact(), home: &home{endpoint: e, dialog: dialog}}
	r.told.Of = dialog.id()
	done := make(chan struct{})
	r.claim = func() bool { return true }
	r.respond = func(res *sipgo.Response) {
		u.answer(tx, res)
		close(done)
	}
	if err := u.handle(r); err != nil {
		return err
	}
	visit.leave()
	<-done
	return nil
}

// refer serves a REFER in the dialog of the call.
func (c *Call) refer(in *inbound) {
	if err := c.referTo(in); err != nil {
		c.refuse(in, refusalOf(err))
	}
}

func (c *Call) referTo(in *inbound) error {
	if c.Phase != accepted && c.Phase != confirmed {
		return refuse(sipgo.StatusForbidden, "Not Before The Answer")
	}
	r, err := c.ua.newReferral(in.req)
	if err != nil {
		return err
	}
	c.Dialog.refreshTarget(in.req.Contact())
	r.call, r.Confers = c, r.Confers || c.PeerConfers
	r.told = c.newSubscription(in.req)
	r.claim = func() bool {
		select {
		case <-c.gone: // inDialog answers
			return false
		default:
			return in.claim()
		}
	}
	r.respond = func(res *sipgo.Response) { c.reply(in, res) }
	return c.ua.handle(r)
}

// newReferral reads a REFER.
func (u *UA) newReferral(req *sipgo.Request) (*Referral, error) {
	to, err := referToOf(req)
	if err != nil {
		return nil, err
	}
	r := &Referral{
		To: to, Number: dialled(req), Caller: identityOf(req), ReferredBy: referredBy(req), Source: req.Source(), Confers: confers(req),
		ua: u, req: req, id: req.CallID().Value(), quiet: refusesReports(req), done: make(chan struct{}),
	}
	return r, nil
}

// referredBy is the URI in Referred-By (RFC 3892 section 3).
func referredBy(req *sipgo.Request) string {
	for _, name := range []string{"referred-by", "b"} {
		for _, h := range req.GetHeaders(name) {
			if uri, err := addressIn(h.Value()); err == nil {
				return clean(uri)
			}
		}
	}
	return ""
}

// refusesReports tells whether who has sent a REFER does not want to be told
// what becomes of it (RFC 4488 section 4).
func refusesReports(req *sipgo.Request) bool {
	h := req.GetHeader("refer-sub")
	if h == nil {
		return false
	}
	value, _, _ := strings.Cut(h.Value(), ";")
	return strings.EqualFold(strings.TrimSpace(value), "false")
}

// confers tells whether the sender of a message says that he understands the
// event package conference, which those have who know of conferences.
func confers(msg sipgo.Message) bool { return listed(msg, "conference", "allow-events", "u") }

// handle begins the program's handler, unless the server is ending, or has enough to do.
func (u *UA) handle(r *Referral) error {
	if u.config.Refer == nil {
		return refuse(sipgo.StatusGlobalDecline, "Declined")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.draining:
		return refuse(sipgo.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "10")
	case u.refers >= mostRefers:
		return refuse(sipgo.StatusTemporarilyUnavailable, "Too Many Referrals", "Retry-After", "10")
	}
	u.refers++
	u.referrals[r] = struct{}{}
	u.referring.Go(func() { r.SeeThrough(func() { u.config.Refer(u.works, r) }) }) // ends when the handler returns; Close waits
	return nil
}

// SeeThrough runs what sees a REFER through, on this goroutine, and completes what
// that has left undone. The handler's it runs itself; of RestoredReferrals whoever
// takes one over runs his own, and until it returns the next process is told of it.
func (r *Referral) SeeThrough(see func()) {
	u := r.ua
	defer func() {
		if p := recover(); p != nil {
			u.Counters.Panics.Add(1)
			u.log.Error("panic in a referral: please report it", "call", r.id, "err", p, "stack", string(debug.Stack()))
		}
		r.Refuse(sipgo.StatusGlobalDecline, "Declined")
		r.Finish(sipgo.StatusInternalServerError, "Server Internal Error")
		u.mu.Lock()
		defer u.mu.Unlock()
		u.refers--
		delete(u.referrals, r)
	}()
	see()
}

// ID is the Call-ID of the REFER: within a call, that of the call.
func (r *Referral) ID() string { return r.id }

// Call is the call in whose dialog the REFER came; nil: in none.
func (r *Referral) Call() *Call { return r.call }

// Accept says that what is asked for will be tried. False: he who asks cannot
// be told, or his call has ended meanwhile, so that it was refused.
func (r *Referral) Accept() bool {
	r.ua.still.enter()
	defer r.ua.still.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered {
		return r.accepted
	}
	r.answered = true
	if !r.claim() {
		close(r.done)
		return false
	}
	s := r.told
	res := r.ua.response(r.req, sipgo.StatusAccepted, "Accepted", s.contact.Clone())
	for _, h := range capabilities() {
		res.AppendHeader(h)
	}
	if r.quiet {
		res.AppendHeader(sipgo.NewHeader("Refer-Sub", "false"))
		r.respond(res)
		r.accepted = true
		return true
	}
	// RFC 3515 section 2.4.6: the number of the REFER tells the subscriptions
	// of one dialog apart.
	s.Event = event{referEvent, strconv.FormatUint(uint64(r.req.CSeq().SeqNo), 10)}
	s.Resource, s.Source = s.Of.CallID+" "+s.Event.ID, r.Source
	s.Status = "100 Trying"
	s.gone = sync.OnceFunc(func() { close(r.done) })
	if err := r.ua.open(s, referTime, func() { r.respond(res) }); err != nil {
		r.respond(r.ua.refusal(r.req, refusalOf(err)))
		s.gone()
		return false
	}
	r.accepted = true
	return true
}

// Refuse refuses a REFER that has not been accepted; later it does nothing.
func (r *Referral) Refuse(code int, reason string) {
	r.ua.still.enter()
	defer r.ua.still.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.answered {
		r.answered = true
		if r.claim() {
			r.respond(r.ua.refusal(r.req, refuse(code, reason)))
		}
		close(r.done)
	}
}

// Progress says how far what was accepted has come, in terms of a response to
// the request that was asked for: 180 is that it rings.
func (r *Referral) Progress(code int, reason string) { r.report(code, reason, false) }

// Finish says how what was accepted has ended: 200 is well. The first word counts.
func (r *Referral) Finish(code int, reason string) { r.report(code, reason, true) }

// Final is the status that Finish was called with first; 0: it was not.
func (r *Referral) Final() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.final
}

// Told is closed when he who has asked has answered the NOTIFY that says how it
// has ended, or will get none. A call that the REFER has come in is not to be
// hung up before: to a PBX that means that it has failed.
func (r *Referral) Told() <-chan struct{} { return r.done }

func (r *Referral) report(code int, reason string, final bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.accepted || r.final != 0 {
		return
	}
	if final {
		r.final = code
	}
	if r.quiet {
		if final {
			close(r.done)
		}
	} else {
		r.told.progress(fmt.Sprintf("%d %s", code, clean(reason)), final)
	}
}
