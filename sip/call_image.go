package sip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

// imageOf is a message as it goes to another process.
func imageOf(text, network, address string) MessageImage { return MessageImage{text, network, address} }

// requestOf is a request again that has been written down.
func requestOf(text, network, to string) (*sipgo.Request, error) {
	msg, err := messages.ParseSIP([]byte(text))
	if err != nil {
		return nil, err
	}
	req, ok := msg.(*sipgo.Request)
	if !ok {
		return nil, errors.New("a response where a request should be")
	}
	req.SetTransport(network)
	req.SetDestination(to)
	return req, nil
}

func (im *MessageImage) request() (*sipgo.Request, error) {
	return requestOf(im.Text, im.Network, im.Address)
}

func (im *MessageImage) response() (*sipgo.Response, error) {
	msg, err := messages.ParseSIP([]byte(im.Text))
	if err != nil {
		return nil, err
	}
	res, ok := msg.(*sipgo.Response)
	if !ok {
		return nil, errors.New("a request where a response should be")
	}
	res.SetTransport(im.Network)
	res.SetDestination(im.Address)
	return res, nil
}

// save writes the call down. Only while the user agent is still.
func (c *Call) save() CallImage {
	im := CallImage{
		ID: c.id, MergeTag: c.merge.RemoteTag, MergeCSeq: c.merge.CSeq, InviteKey: c.inviteKey, Number: c.number, Source: c.source,
		Incoming: c.Incoming(), Endpoint: c.endpoint.listener.Name,
		Identity: *c.identity.Load(), Renamed: len(c.renamed) > 0, InfoKeys: c.infoKeys.Load(), Cancelled: c.cancelled.Load(),
		Over: isClosed(c.over), Returned: isClosed(c.returned),
		Phase: c.Phase, Session: c.session.save(), Login: c.Login.copy(), Timer: c.Timer, Silence: c.Silence, Parts: c.Parts,
		Joined: c.joined, Signed: c.signed.save(), ByeSent: c.byeSent, Dismissing: c.dismissing, Parting: c.parting,
	}
	for name, value := range maps.All(c.extras) {
		im.Extras = append(im.Extras, Header{name, value})
	}
	slices.SortFunc(im.Extras, func(a, b Header) int { return cmp.Compare(a.Name, b.Name) })
	if replaced := c.replaces.Load(); replaced != nil {
		im.Replaces = replaced.id
	}
	if leg := c.leg.Load(); leg != nil {
		im.Leg = leg.LocalAddr()
	}
	if ending := c.ending.Load(); ending != nil {
		im.Ended, im.Ending = true, *ending
	}
	if in := c.invitation; in != nil && c.Phase == ringing {
		im.Invitation = &MessageImage{in.req.String(), in.req.Transport(), in.req.Source()}
	}
	if c.unacked != nil {
		im.Unacked = c.unacked.save(c.unacked.in == c.invitation)
	}
	if c.outgoing != nil {
		im.Outgoing = c.outgoing.save(c.hangOn != nil)
	}
	if c.attempt != nil {
		im.Attempt = c.attempt.save()
	}
	for _, q := range c.questions {
		if q.of != toTell { // its subscription tells again
			im.Questions = append(im.Questions, q.save())
		}
	}
	for _, p := range c.infos {
		im.Keys = append(im.Keys, p.KeyImage)
	}
	im.Orders, _ = c.mailbox.left()
	return im
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s signature) save() SignatureImage {
	im := SignatureImage{CSeq: s.cseq}
	for _, h := range s.headers {
		im.Headers = append(im.Headers, Header{h.Name(), h.Value()})
	}
	return im
}

func (im *SignatureImage) restore() signature {
	s := signature{cseq: im.CSeq}
	for _, h := range im.Headers {
		s.headers = append(s.headers, sipgo.NewHeader(h.Name, h.Value))
	}
	return s
}

func (u *unacked) save(first bool) *UnackedImage {
	return &UnackedImage{first, u.cseq, imageOf(u.res.String(), u.res.Transport(), u.res.Destination()), u.next, u.interval, u.deadline}
}

func (q *question) save() QuestionImage {
	return QuestionImage{q.of, imageOf(q.text, q.network, q.to), q.remoteTag, q.challenges, q.until}
}

func (o *outgoing) save(unsent bool) *OutgoingImage {
	im := &OutgoingImage{
		Target: o.Target, Remote: o.Remote, Text: o.Text, Branch: o.Branch, Offer: o.Offer.save(), Unsent: unsent,
		Proceeding: o.Proceeding, Over: o.Over, Why: o.Why, Cancelled: o.Cancelled,
		Challenges: o.Challenges, Without: o.Without, Glared: o.Glared, Raised: o.Raised,
		Interval: o.Interval, ResendAt: o.ResendAt, GiveUpAt: o.GiveUpAt, LookAt: o.LookAt, RetryAt: o.RetryAt, RingUntil: o.RingUntil,
	}
	for i := range o.Early {
		im.Early = append(im.Early, o.Early[i].save())
	}
	return im
}

func (im *OutgoingImage) restore() *outgoing {
	o := &outgoing{
		Target: im.Target, Remote: im.Remote, Text: im.Text, Branch: im.Branch, Offer: im.Offer.restore(),
		Proceeding: im.Proceeding, Over: im.Over, Why: im.Why, Cancelled: im.Cancelled,
		Challenges: im.Challenges, Without: im.Without, Glared: im.Glared, Raised: im.Raised,
		Interval: im.Interval, ResendAt: im.ResendAt, GiveUpAt: im.GiveUpAt, LookAt: im.LookAt, RetryAt: im.RetryAt, RingUntil: im.RingUntil,
	}
	for i := range im.Early {
		o.Early = append(o.Early, im.Early[i].restore())
	}
	return o
}

func (a *Attempt) save() *AttemptImage {
	im := &AttemptImage{Progress: a.Progress(), Moved: len(a.moved) > 0, Decided: a.over(), Settled: isClosed(a.settled)}
	if f := a.failure; im.Decided && f != nil {
		im.Failure = &FailureImage{f.Cause, f.Code, f.Reason, f.Reasons, f.RetryAfter, f.Contacts, ""}
		if f.Err != nil {
			im.Failure.Err = f.Err.Error()
		}
	}
	return im
}

func (im *AttemptImage) restore(c *Call) *Attempt {
	a := newAttempt(c)
	a.progress.Store(&im.Progress)
	if im.Moved {
		a.moved <- struct{}{}
	}
	if f := im.Failure; f != nil {
		a.failure = &Failure{f.Cause, f.Code, f.Reason, f.Reasons, f.RetryAfter, f.Contacts, nil}
		if f.Err != "" {
			a.failure.Err = errors.New(f.Err)
		}
	}
	if im.Decided {
		close(a.decided)
	}
	if im.Settled {
		a.settle()
	}
	return a
}

// restoreCall makes a call again. It does nothing before it is begun: takeUp
// waits in its mailbox.
func (u *UA) restoreCall(im *CallImage) (*Call, error) {
	e := u.endpointNamed(im.Endpoint)
	if e == nil {
		return nil, fmt.Errorf("sip: call %s is on %s, on which we do not listen any more", im.ID.CallID, im.Endpoint)
	}
	c := u.callOf(e, im)
	leg := u.legOf(im)
	if leg != nil {
		c.leg.Store(leg)
	}
	if err := c.restoreMessages(im); err != nil {
		return nil, fmt.Errorf("sip: call %s: %w", im.ID.CallID, err)
	}
	c.opened()
	if im.Over {
		c.end()
	}
	if im.Attempt != nil {
		c.attempt = im.Attempt.restore(c)
		c.released = leg == nil // it was closed, as it is when an attempt or its call is over
	} else {
		c.settle = sync.OnceFunc(func() {
			c.replaces.Store(nil)
			u.settle(c)
			close(c.settled)
		})
	}
	u.book(c, im)
	questions, keys := im.Questions, im.Keys
	c.post(func() { c.takeUp(questions, keys, im.Outgoing != nil && im.Outgoing.Unsent) })
	for _, order := range im.Orders {
		c.order(order)
	}
	if leg == nil {
		c.lacksMedia()
	}
	return c, nil
}

// callOf is a call with what of its image needs nothing else.
func (u *UA) callOf(e *endpoint, im *CallImage) *Call {
	c := &Call{
		ua: u, endpoint: e, restored: true,
		log:       u.log.With("call", im.ID.CallID),
		id:        im.ID,
		merge:     mergeKey{im.ID.CallID, im.MergeTag, im.MergeCSeq},
		inviteKey: im.InviteKey,
		number:    im.Number,
		source:    im.Source,
		settled:   make(chan struct{}),
		settle:    func() {},
		returned:  make(chan struct{}),
		gone:      make(chan struct{}),
		renamed:   make(chan struct{}, 1),
		state:     state{Phase: im.Phase, session: im.Session.restore(), Login: im.Login, Timer: im.Timer, Silence: im.Silence, Parts: im.Parts},
		signed:    im.Signed.restore(),
		byeSent:   im.ByeSent, dismissing: im.Dismissing, parting: im.Parting,
	}
	for _, h := range im.Extras {
		if c.extras == nil {
			c.extras = map[string]string{}
		}
		c.extras[h.Name] = h.Value
	}
	identity := im.Identity
	c.identity.Store(&identity)
	c.infoKeys.Store(im.InfoKeys)
	c.cancelled.Store(im.Cancelled)
	if im.Renamed {
		c.renamed <- struct{}{}
	}
	if im.Ended {
		ending := im.Ending
		c.ending.Store(&ending)
	}
	if im.Returned {
		close(c.returned)
	}
	return c
}

// legOf is the media end of a call; nil: there is none any more.
func (u *UA) legOf(im *CallImage) *media.Leg {
	if !im.Leg.IsValid() || u.config.Legs == nil {
		return nil
	}
	return u.config.Legs(im.Leg)
}

// restoreMessages makes what is to be sent again.
func (c *Call) restoreMessages(im *CallImage) error {
	if im.Unacked != nil {
		if err := c.restoreUnacked(im.Unacked); err != nil {
			return err
		}
	}
	if im.Outgoing != nil {
		return c.restoreOutgoing(im.Outgoing)
	}
	return nil
}

// lacksMedia ends a call that has lost its leg, if it needs one still.
func (c *Call) lacksMedia() {
	switch {
	case c.Phase == accepted, c.Phase == confirmed:
		c.log.Warn("the media of this call is lost: hanging up")
		c.Hangup("no media")
	case c.Phase == calling && !c.attempt.over():
		c.order(OrderImage{Kind: toCancelCall})
	}
}

func (c *Call) restoreUnacked(im *UnackedImage) error {
	res, err := im.Response.response()
	if err != nil {
		return fmt.Errorf("the answer that waits for its ACK: %w", err)
	}
	in := &inbound{done: make(chan struct{})}
	if im.First {
		c.invitation = in
	}
	c.unacked = &unacked{in: in, cseq: im.CSeq, res: res, next: im.Next, interval: im.Interval, deadline: im.Deadline}
	return nil
}

func (c *Call) restoreOutgoing(im *OutgoingImage) (err error) {
	c.outgoing = im.restore()
	if im.Text == "" {
		return nil // it was never sent
	}
	if c.invite, err = requestOf(im.Text, c.endpoint.network, im.Remote.String()); err != nil {
		return fmt.Errorf("its INVITE: %w", err)
	}
	return nil
}

// book takes a restored call on the books.
func (u *UA) book(c *Call, im *CallImage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all[c] = struct{}{}
	u.alive.Add(1)
	u.restored = append(u.restored, c)
	if !im.Incoming {
		for _, id := range im.Joined {
			u.join(c, id)
		}
		if o := im.Outgoing; o != nil && o.Branch != "" {
			u.outgoing[o.Branch] = c
		}
		return
	}
	u.calls[c.id] = c
	u.merges[c.merge] = seen{c.inviteKey, true, time.Time{}}
	if c.Phase == ringing || im.Unacked != nil && im.Unacked.First {
		u.invites[c.inviteKey] = c
	}
}

// endpointNamed is the one with a listener's name; nil without one.
func (u *UA) endpointNamed(name string) *endpoint {
	for _, e := range u.endpoints {
		if e.listener.Name == name {
			return e
		}
	}
	return nil
}

// takeUp goes on with what was under way in a restored call.
func (c *Call) takeUp(questions []QuestionImage, keys []KeyImage, unsent bool) {
	if c.Phase == calling {
		c.takeUpINVITE(unsent)
	}
	for _, k := range keys {
		key := k
		send := func() { c.sendKey(context.Background(), key.Key, key.Length) }
		c.infos = append(c.infos, press{key, send, make(chan error, 1)})
	}
	if c.dismissing && !c.byeSent {
		c.sendBye(c.parting) // its ACK was waiting for a connection; the aftermath sends that when the answer comes again
	}
	pressing := false
	for i := range questions {
		q := &questions[i]
		pressing = pressing || q.Of == toPress
		if err := c.askAgain(q); err != nil {
			c.log.Warn("what was asked of the peer cannot be asked again", "err", err)
		}
	}
	if len(keys) > 0 && !pressing {
		c.infos[0].send()
	}
}

// askAgain sends a request once more that another process has sent: the same
// message, so that it is a retransmission to who has got it.
func (c *Call) askAgain(im *QuestionImage) error {
	req, err := im.Request.request()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithDeadline(context.Background(), im.Until)
	c.put(ctx, req, question{of: im.Of, remoteTag: im.RemoteTag, challenges: im.Challenges}, func(res *sipgo.Response, err error) {
		cancel()
		c.replied(im.Of, req.Method, res, err)
	})
	return nil
}

// takeUpINVITE goes on waiting for the answer to our INVITE.
func (c *Call) takeUpINVITE(unsent bool) {
	o := c.outgoing
	if c.invite != nil {
		c.signed = signatureOf(c.invite)
	}
	switch {
	case o.Branch == "":
	case unsent:
		c.connect(c.invite)
	case c.endpoint.network == "UDP":
		c.watchINVITE()
	}
}

// begin has a restored call go on.
func (c *Call) begin() {
	if c.Incoming() && !isClosed(c.returned) {
		c.start()
		return
	}
	c.alarm = time.AfterFunc(time.Hour, c.mailbox.ring)
	c.mailbox.start(c.run)
}

// Restored tells whether another process has had this call before; see Config.Saved.
func (c *Call) Restored() bool { return c.restored }

// answeredBefore is Answer for a call that another process has answered.
func (c *Call) answeredBefore(result chan error) bool {
	switch c.Phase {
	case accepted:
		c.answering = result
	case confirmed:
		result <- nil
	default:
		return false
	}
	return true
}

// ringAgain has the INVITE of a restored call come once more, so that there is a
// transaction for it; false: it cannot.
func (u *UA) ringAgain(c *Call, im *MessageImage, lines []LineImage) bool {
	from, err := netip.ParseAddrPort(im.Address)
	if err != nil {
		return false
	}
	if c.endpoint.network == "UDP" {
		c.endpoint.guard.again = append(c.endpoint.guard.again, again{[]byte(im.Text), udpAddr(from)})
		return true
	}
	for i := range lines {
		if line := &lines[i]; line.Endpoint == c.endpoint.listener.Name && line.Remote == from {
			line.Rest = append([]byte(im.Text), line.Rest...)
			return true
		}
	}
	return false
}
