package sip

import (
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/sip/sdp"
)

// The timers of RFC 3261 section 17.1.1.1 that are the user agent's own.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// inTurn is how long a request waits for those with lower CSeq numbers, and a
// re-INVITE for the ACK before it. sipgo handles each message on a goroutine
// of its own: of a burst of INFOs more than half come in another order.
const inTurn = 50 * time.Millisecond

// state is what of a call must outlive the process: plain data.
type state struct {
	Phase   phase
	session       // the one in force
	Login   login // what outgoing calls answer challenges with
	Timer   sessionTimer
	Silence silence
	Parts   release
}

// session is a dialog and what has been negotiated in it: plain data.
type session struct {
	Dialog      Dialog
	Local       sdp.Local  // our side of it
	Sent        []byte     // the last description that we sent
	Agreed      sdp.Agreed // what was agreed last
	Offered     bool       // Sent is an offer and its answer is to come: in an ACK, or in the answer to our INVITE
	PeerUpdates bool       // the peer lists UPDATE in Allow
	PeerConfers bool       // and conference in Allow-Events
	RSeq        uint32     // of the last reliable provisional response (RFC 3262); 0: none yet
	Revised     bool       // an UPDATE in the early dialog has changed what the INVITE was answered with
}

// unacked is a 2xx to an INVITE that has not been acknowledged.
type unacked struct {
	in       *inbound
	cseq     uint32 // the INVITE's
	res      *sipgo.Response
	failed   bool      // it could not be sent at first
	next     time.Time // of its next retransmission
	interval time.Duration
	deadline time.Time
}

// run does what there is to do in the call. It is the mailbox's goroutine: the
// mailbox begins it again when there is more, until the call is gone.
func (c *Call) run() {
	c.ua.still.enter()
	defer c.ua.still.leave()
	if !c.goesOn() {
		c.close()
		c.ua.forget(c)
	}
}

// goesOn does all work, and says whether more may come: else the call is over,
// or has panicked.
func (c *Call) goesOn() (more bool) {
	defer c.recovered("signalling")
	for {
		c.obeyCancel()
		for f := c.mailbox.take(); f != nil; f = c.mailbox.take() {
			f()
			c.obeyCancel()
		}
		c.expire(time.Now())
		c.letGo()
		if c.finished() {
			return false
		}
		c.alarm.Reset(max(0, time.Until(c.nextDeadline())))
		if c.mailbox.rest() {
			return true
		}
	}
}

// close ends what is left of the call. After a panic that is a whole one, of
// which the peer should know.
func (c *Call) close() {
	c.alarm.Stop()
	switch c.Phase {
	case ringing:
		c.apologise()
	case calling:
		c.abandon()
	case accepted, confirmed:
		c.farewell()
	}
	c.end()
	c.ua.still.leave() // after a panic its handler may take its time
	<-c.returned
	c.ua.still.enter()
	c.Phase = leaving
	if c.attempt != nil {
		c.attempt.decide(failedInside()) // if nobody has said what has come of it
		c.dismissing = false
		c.letGo()
	}
	c.ua.subscriptions.leave(c)
	c.mailbox.close()
	close(c.gone)
	c.settle()
	c.refuseWaiting()
}

// apologise gives the INVITE its final answer.
func (c *Call) apologise() {
	defer c.recovered("apology")
	c.reject(refuse(sipgo.StatusInternalServerError, "Server Internal Error"))
}

// farewell sends a BYE whose answer nobody waits for.
func (c *Call) farewell() {
	defer c.recovered("farewell")
	if bye := c.ua.newParting(c.endpoint, c.Dialog, c.Login.copy()); bye != nil {
		go bye.await() // ends with its transaction
	}
}

// obeyCancel ends a call whose CANCEL has come before it was answered.
func (c *Call) obeyCancel() {
	if c.cancelled.Load() && c.Phase == ringing {
		c.refuseCancelled()
		c.leave(Ending{ByPeer: true, Reason: "cancelled"})
	}
}

// finished: the handler has returned and no transaction of ours is left.
func (c *Call) finished() bool {
	if c.Phase != leaving || c.asked > 0 || c.unacked != nil {
		return false
	}
	select {
	case <-c.returned:
		return true
	default:
		return false
	}
}

// nextDeadline is the earliest time at which expire has something to do.
func (c *Call) nextDeadline() time.Time {
	next := time.Now().Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(c.turnAt)
	if c.unacked != nil {
		sooner(c.unacked.next)
		sooner(c.unacked.deadline)
	}
	if c.Phase == calling {
		sooner(c.outgoing.next())
	}
	if c.Phase == confirmed {
		sooner(c.Timer.RefreshAt)
		sooner(c.Timer.ExpireAt)
		sooner(c.Silence.CheckAt)
		sooner(c.Parts.At)
	}
	return next
}

// expire does what is due.
func (c *Call) expire(now time.Time) {
	if !c.turnAt.IsZero() && !now.Before(c.turnAt) {
		c.serveWaiting(true)
	}
	c.retransmit(now)
	if c.Phase == calling {
		c.expireCalling(now)
	}
	if c.Phase == confirmed {
		c.expireRelease(now)
	}
	if c.Phase == confirmed {
		c.expireSession(now)
	}
	if c.Phase == confirmed {
		c.listenForSilence(now)
	}
}

// receive takes a request in the dialog and serves it in its turn.
func (c *Call) receive(in *inbound) {
	if in.req.IsAck() {
		c.acknowledged(in.req)
		close(in.done)
		return
	}
	at := len(c.waiting)
	for at > 0 && c.waiting[at-1].req.CSeq().SeqNo > in.req.CSeq().SeqNo {
		at--
	}
	c.waiting = append(c.waiting, nil)
	copy(c.waiting[at+1:], c.waiting[at:])
	c.waiting[at] = in
	c.serveWaiting(false)
}

// serveWaiting serves the requests whose turn it is; all of them when those
// before them have been waited for long enough.
func (c *Call) serveWaiting(late bool) {
	for len(c.waiting) > 0 {
		in := c.waiting[0]
		if tag, _ := in.req.From().Params.Get("tag"); tag != c.Dialog.RemoteTag && !c.turnTo(tag) {
			// Its early dialog has ended meanwhile, perhaps because another phone has answered.
			c.waiting = c.waiting[1:]
			c.refuse(in, refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist"))
			continue
		}
		if !late && !c.turnOf(in.req) {
			if c.turnAt.IsZero() {
				c.turnAt = time.Now().Add(inTurn)
			}
			return
		}
		c.waiting = c.waiting[1:]
		c.serve(in)
	}
	c.waiting, c.turnAt = nil, time.Time{}
}

// turnOf tells whether nothing that the peer sent before req is missing.
func (c *Call) turnOf(req *sipgo.Request) bool {
	if req.CSeq().SeqNo > c.Dialog.RemoteCSeq+1 {
		return false // also the first one, whose number may be any: one before it may have been overtaken
	}
	// A re-INVITE or UPDATE that has overtaken the ACK before it.
	changes := req.IsInvite() || req.Method == sipgo.UPDATE
	return !changes || c.unacked == nil
}

// serve answers one request (RFC 3261 section 12.2.2).
func (c *Call) serve(in *inbound) {
	req := in.req
	if req.CSeq().SeqNo <= c.Dialog.RemoteCSeq && !c.Dialog.PeerSilent {
		c.refuse(in, refuse(sipgo.StatusInternalServerError, "CSeq Out Of Order"))
		return
	}
	c.Dialog.RemoteCSeq, c.Dialog.PeerSilent = req.CSeq().SeqNo, false
	if c.Dialog.Transport == "TCP" && req.Transport() == "TCP" {
		c.Dialog.Source = req.Source() // the phone may have connected anew
	}
	if c.Phase == leaving && req.Method != sipgo.BYE {
		c.refuse(in, refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist"))
		return
	}
	switch req.Method {
	case sipgo.BYE:
		c.bye(in)
	case sipgo.INVITE:
		c.reinvite(in)
	case sipgo.UPDATE:
		c.update(in)
	case sipgo.INFO:
		c.info(in)
	case sipgo.SUBSCRIBE:
		c.subscribe(in)
	case sipgo.REFER:
		c.refer(in)
	case sipgo.NOTIFY: // we have subscribed to nothing; 481 would be said of the whole dialog (RFC 5057 section 5.1)
		c.refuse(in, refuse(statusBadEvent, "Bad Event", "Allow-Events", allowEvents))
	case sipgo.OPTIONS:
		c.reply(in, c.ua.abilities(req))
	default:
		c.refuse(in, refuse(sipgo.StatusMethodNotAllowed, "Method Not Allowed", "Allow", allowedMethods))
	}
}

func (c *Call) reply(in *inbound, res *sipgo.Response) {
	if err := c.respond(in, res); err != nil {
		c.log.Debug("answering a request", "method", in.req.Method, "err", err)
	}
	close(in.done)
}

func (c *Call) refuse(in *inbound, r *refusal) {
	c.log.Debug("request in a call refused", "method", in.req.Method, "status", r.Code, "err", r.Reason)
	c.reply(in, c.ua.refusal(in.req, r))
}

// refuseWaiting answers what came too late for a call that is gone.
func (c *Call) refuseWaiting() {
	for _, in := range c.waiting {
		c.refuse(in, refuse(sipgo.StatusCallTransactionDoesNotExists, "Call/Transaction Does Not Exist"))
	}
	c.waiting = nil
}
