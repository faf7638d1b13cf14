package sip

import (
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// aftermath is what is left of an INVITE of ours after its final answer, for
// 32 s: that answer may come again because our ACK was lost, a 200 may come
// behind a 487, and a proxy that has called several phones may bring the 200s
// of more than one of them (RFC 3261 section 13.2.2.4). It waits without a
// goroutine.
type aftermath struct {
	ua       *UA
	endpoint *endpoint
	dialog   Dialog         // what the INVITE had of it
	invite   *sipgo.Request // nobody changes it any more
	until    time.Time

	mu    sync.Mutex
	login login
	acks  map[string]*sipgo.Request // the ACKs to 2xx, by the tag of who has sent them
}

// mostForks is how many phones one INVITE may reach that all answer.
const mostForks = 16

// concluded closes the INVITE's transaction: what still comes is for the
// aftermath. ack is the one to the 2xx of whoever has that tag; nil: it has had
// none.
func (c *Call) concluded(tag string, ack *sipgo.Request) {
	o := c.outgoing
	if o.Branch == "" {
		return // none is open
	}
	late := &aftermath{
		ua: c.ua, endpoint: c.endpoint, dialog: o.Offer.Dialog, invite: c.invite, login: c.Login.copy(),
		acks: map[string]*sipgo.Request{},
	}
	late.dialog.LocalCSeq = c.lastCSeq()
	if ack != nil {
		late.acks[tag] = ack.Clone()
	}
	c.ua.remember(o.Branch, late)
	if c.unwatch != nil {
		c.unwatch()
		c.unwatch = nil
	}
	o.Branch, o.ResendAt, o.GiveUpAt, o.LookAt = "", time.Time{}, time.Time{}, time.Time{}
}

// receive serves a late response, on a goroutine of its own.
func (a *aftermath) receive(res *sipgo.Response) {
	if bye := a.answer(res); bye != nil {
		bye.await()
	}
}

// answer sends the ACK, and makes the BYE that has to follow it; nil: none has to.
func (a *aftermath) answer(res *sipgo.Response) *parting {
	defer a.endpoint.recovered()
	received := sync.OnceFunc(func() { a.ua.receiving.Add(-1) })
	defer received()
	if a.endpoint.network == "TCP" {
		received() // a pause does not wait for a connection: the answer comes again until it is acknowledged (13.3.1.4)
	}
	if res.IsProvisional() {
		return nil
	}
	if !res.IsSuccess() {
		a.send(ackRefusal(a.invite, res)) // 17.1.1.2
		return nil
	}
	ack, bye := a.acknowledge(res)
	if ack != nil {
		a.send(ack)
	}
	return bye
}

// acknowledge makes the ACK to a late 2xx, and the BYE that has to follow it;
// nil: none can be, or has to.
func (a *aftermath) acknowledge(res *sipgo.Response) (ack *sipgo.Request, bye *parting) {
	a.ua.still.enter()
	defer a.ua.still.leave()
	d := a.dialog.answered(res)
	ack, first := a.ackFor(&d, res)
	if ack == nil || !first {
		return ack, nil
	}
	a.mu.Lock()
	login := a.login.copy()
	a.mu.Unlock()
	return ack, a.ua.newParting(a.endpoint, d, login)
}

// ackFor is the ACK to a 2xx; nil when there can be none. first tells whether
// this 2xx is one that nobody has waited for.
func (a *aftermath) ackFor(d *Dialog, res *sipgo.Response) (ack *sipgo.Request, first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ack := a.acks[d.RemoteTag]; ack != nil {
		return ack.Clone(), false
	}
	if len(a.acks) >= mostForks {
		return nil, false
	}
	ack, err := d.ack(res.CSeq().SeqNo)
	if err != nil {
		return nil, false
	}
	signatureOf(a.invite).copyTo(ack)
	ack.SetBody(nil)
	a.acks[d.RemoteTag] = ack
	return ack.Clone(), true
}

func (a *aftermath) send(req *sipgo.Request) {
	d := a.dialog
	if err := a.ua.endpointFor(a.endpoint, req).send(&d, req); err != nil {
		a.ua.log.Debug("late ACK could not be sent", "err", err)
	}
}

// invited tells whether a response is one to an INVITE of ours that begins a call.
func invited(res *sipgo.Response) bool {
	if res.CSeq() == nil || res.CSeq().MethodName != sipgo.INVITE || res.Via() == nil || res.To() == nil {
		return false
	}
	branch, _ := res.Via().Params.Get("branch")
	return strings.HasPrefix(branch, sipgo.RFC3261BranchMagicCookie+invitedBranch)
}

// responded gives a response to the attempt that waits for it. It is called by
// who reads the socket and so keeps the order; it never blocks.
func (u *UA) responded(res *sipgo.Response) {
	if !invited(res) || len(res.GetHeaders("via")) > 1 {
		return // with more than one Via it is somebody else's (8.1.3.3)
	}
	branch, _ := res.Via().Params.Get("branch")
	u.mu.Lock()
	call := u.outgoing[branch]
	if tag := toTag(res); call != nil && tag != "" && res.StatusCode > sipgo.StatusTrying {
		// At once: a request in that dialog may come right behind.
		u.join(call, dialogID{call.id.CallID, call.id.LocalTag, tag})
	}
	u.mu.Unlock()
	if call == nil {
		u.respondedLate(branch, res)
		return
	}
	if res.IsProvisional() && call.mailbox.full() {
		return
	}
	if !call.post(func() { call.responded(res) }) {
		u.respondedLate(branch, res) // it has ended meanwhile
	}
}

// respondedLate gives a response to what is left of its INVITE.
func (u *UA) respondedLate(branch string, res *sipgo.Response) {
	u.mu.Lock()
	late := u.late[branch]
	u.mu.Unlock()
	if late != nil {
		u.receiving.Add(1)
		go late.receive(res) // ends when its ACK is sent and its BYE answered, after 32 s at most
	}
}
