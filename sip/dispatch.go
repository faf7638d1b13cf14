package sip

import (
	"errors"
	"runtime/debug"
	"slices"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// overtakenFor is how long a CANCEL without its INVITE is kept: sipgo handles
// each message on its own goroutine, and a tenth of all CANCELs that follow
// their INVITE closely are handled before it.
const overtakenFor = time.Second

// overtaker is a CANCEL that waits for its INVITE.
type overtaker struct {
	found    chan struct{} // closed by the INVITE
	answered chan struct{} // closed by the CANCEL: now the INVITE may get its 487
}

// serve handles one request on sipgo's goroutine. It returns when the request
// has its final answer, because sipgo ends the transaction then. A panic is
// our own bug: it costs this request a 500 and nothing else.
func (u *UA) serve(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx) {
	visit := u.still.visit()
	e.coming.served(tx)
	defer visit.leave()
	defer tx.TerminateGracefully()
	defer e.coming.answered(tx)
	defer func() {
		if r := recover(); r != nil {
			u.Counters.Panics.Add(1)
			u.log.Error("panic while serving a request: please report it", "method", req.Method, "err", r, "stack", string(debug.Stack()))
			if !req.IsAck() {
				u.answer(tx, u.refusal(req, refuse(sipgo.StatusInternalServerError, "Server Internal Error")))
			}
		}
	}()
	if u.repeats(e, req, tx) {
		return
	}
	if err := u.route(e, req, tx, visit); err != nil && !req.IsAck() {
		u.Counters.Refused.Add(1)
		refused := refusalOf(err)
		u.log.Debug("request refused", "method", req.Method, "from", req.Source(), "status", refused.Code, "err", err)
		u.answer(tx, u.refusal(req, refused))
	}
}

// route finds out whom a request is for. An error is what the peer gets. Who has
// it wait for others leaves the user agent meanwhile, and does not come back.
func (u *UA) route(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx, visit *visit) error {
	if resumed, ok := u.resumed(req); ok {
		return u.resume(resumed, req, tx, visit)
	}
	if !prefixes(u.config.Trusted).contains(req.Source()) {
		// Gate and doorman have sorted these out; this is for requests that
		// come on a connection which we have made.
		u.Counters.Untrusted.Add(1)
		return refuse(sipgo.StatusForbidden, "Forbidden")
	}
	if err := validate(req, e.ours); err != nil {
		return err
	}
	if req.IsCancel() {
		return u.cancel(req, tx, visit)
	}
	if makesDialogs(req) && e.fresh(req) {
		switch req.Method {
		case sipgo.SUBSCRIBE:
			return u.subscribe(e, req, tx)
		case sipgo.REFER:
			return u.refer(e, req, tx, visit)
		}
		return u.invite(e, req, tx, visit)
	}
	if tag, _ := req.To().Params.Get("tag"); tag != "" {
		return u.inDialog(req, tx, tag, visit)
	}
	switch req.Method {
	case sipgo.OPTIONS:
		return u.options(e, req, tx)
	default: // BYE, UPDATE, INFO and ACK make no sense outside a dialog
		return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
}

// inDialog hands a request to its call and waits until it is answered.
func (u *UA) inDialog(req *sipgo.Request, tx *sipgo.ServerTx, localTag string, visit *visit) error {
	remoteTag, _ := req.From().Params.Get("tag")
	id := dialogID{req.CallID().Value(), localTag, remoteTag}
	call := u.find(id)
	if call == nil {
		return u.inHome(id, req, tx)
	}
	if call.mailbox.full() && !req.IsAck() {
		return refuse(sipgo.StatusServiceUnavailable, "Too Many Requests", "Retry-After", "5")
	}
	in := &inbound{req: req, tx: tx, done: make(chan struct{})}
	if !call.post(func() { call.receive(in) }) {
		return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
	}
	visit.leave()
	for {
		select {
		case ack := <-tx.Acks(): // with the re-INVITE's own branch; see invite
			call.post(func() { call.acknowledged(ack) })
		case <-in.done:
			return nil
		case <-call.gone: // it ended while the request was waiting for its turn
			select {
			case <-in.done:
				return nil
			default:
			}
			if !in.claim() {
				<-in.done
				return nil
			}
			return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
		}
	}
}

// invite starts a call and stays with its transaction until the ACK.
func (u *UA) invite(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx, visit *visit) error {
	call, err := newCall(u, e, req, tx)
	if err != nil && u.knows(req) {
		return nil // a duplicate that outlived its transaction: what it was to replace may be gone
	}
	if err != nil {
		return err
	}
	if err := u.register(call); err != nil {
		if errors.Is(err, errKnown) {
			return nil // a duplicate that outlived its transaction
		}
		return err
	}
	tx.Respond(u.response(req, sipgo.StatusTrying, "Trying"))
	return u.attend(call, tx, visit)
}

// attend has a call begin, and stays with the transaction of its INVITE.
func (u *UA) attend(call *Call, tx *sipgo.ServerTx, visit *visit) error {
	// The function must not hold the call: sipgo keeps it for 32 s.
	noted := tx.OnCancel(func(cancel *sipgo.Request) {
		u.onCancel(inviteKey(cancel))
		u.answered(tx) // by sipgo, as soon as this returns
	})
	if !noted {
		u.answered(tx)
		if !errors.Is(tx.Err(), sipgo.ErrTransactionCanceled) && !call.restored {
			// The 100 could not be sent, and that has cost the transaction its life.
			u.abandon(call)
			return nil
		}
		call.cancelled.Store(call.cancelled.Load() || errors.Is(tx.Err(), sipgo.ErrTransactionCanceled))
	}
	if call.overtaken != nil {
		<-call.overtaken.answered
		call.cancelled.Store(true)
	}
	call.start()
	visit.leave()
	for {
		select {
		case ack := <-tx.Acks():
			// An ACK that carries the INVITE's own branch; a proper one has
			// its own and comes by inDialog.
			call.post(func() { call.acknowledged(ack) })
		case <-call.settled:
			return nil
		}
	}
}

// cancel answers a CANCEL for which sipgo knows no INVITE: it was handled
// before its INVITE, or there is none (RFC 3261 section 9.2).
func (u *UA) cancel(req *sipgo.Request, tx *sipgo.ServerTx, visit *visit) error {
	key := inviteKey(req)
	u.mu.Lock()
	if u.invites[key] != nil {
		u.mu.Unlock()
		u.answer(tx, u.response(req, sipgo.StatusOK, "OK"))
		u.onCancel(key)
		return nil
	}
	waiting := &overtaker{found: make(chan struct{}), answered: make(chan struct{})}
	defer close(waiting.answered)
	u.overtook[key] = waiting
	u.mu.Unlock()

	visit.leave()
	timer := time.NewTimer(overtakenFor)
	defer timer.Stop()
	select {
	case <-waiting.found:
		u.answer(tx, u.response(req, sipgo.StatusOK, "OK"))
		return nil
	case <-timer.C:
	case <-u.closed:
	}
	u.mu.Lock()
	if u.overtook[key] == waiting {
		delete(u.overtook, key)
	}
	u.mu.Unlock()
	return refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist")
}

// onCancel tells the call of an INVITE, unless that has its final answer, that
// it is cancelled.
func (u *UA) onCancel(key string) {
	u.mu.Lock()
	call := u.invites[key]
	u.mu.Unlock()
	if call != nil {
		call.onCancel()
	}
}

// options answers as an INVITE would be answered (RFC 3261 section 11.2):
// Asterisk's qualify and every monitoring asks this.
//
// Who asks the number of a room that is there learns that it is a focus (RFC
// 4579 section 5.2).
func (u *UA) options(e *endpoint, req *sipgo.Request, tx *sipgo.ServerTx) error {
	if u.closing() {
		return refuse(sipgo.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "10")
	}
	res := u.abilities(req)
	if number := dialled(req); number != "" {
		d := Dialog{Focus: number, Host: e.hostFor(req.Source()).String(), Port: int(e.local.Port()), Transport: e.network}
		contact := d.contact()
		if !u.conferenceAt(req, number) {
			contact.Params = contact.Params.Remove("isfocus")
		}
		res.AppendHeader(contact)
	}
	u.answer(tx, res)
	return nil
}

// conferenceAt tells whether there is a conference at a number, as somebody who
// asks would be told who is in it.
func (u *UA) conferenceAt(req *sipgo.Request, number string) bool {
	at := slices.IndexFunc(u.config.Packages, func(p Package) bool { return p.Event == "conference" })
	if at < 0 {
		return false
	}
	_, exists := u.config.Packages[at].Find(Subscriber{Number: number, Caller: identityOf(req), Source: req.Source()})
	return exists
}

// strayResponse acknowledges again a 2xx whose transaction is gone: its ACK
// was lost (RFC 3261 section 13.2.2.4).
func (u *UA) strayResponse(e *endpoint, res *sipgo.Response) {
	if invited(res) {
		return // UA.responded has it
	}
	if !res.IsSuccess() || res.CSeq() == nil || res.CSeq().MethodName != sipgo.INVITE ||
		res.CallID() == nil || res.From() == nil || res.To() == nil {
		return
	}
	localTag, _ := res.From().Params.Get("tag")
	remoteTag, _ := res.To().Params.Get("tag")
	if call := u.find(dialogID{res.CallID().Value(), localTag, remoteTag}); call != nil {
		cseq := res.CSeq().SeqNo
		call.post(func() { call.acknowledge(cseq) })
	}
}
