package sip

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// How long the answers to what we have asked are waited for before a pause: what
// is not answered then is asked again by the other process.
const soonAnswered = 300 * time.Millisecond

// How long nothing is read when something has to be waited for; then callers are
// served for a while, before the next try, which takes longer: on a machine that
// is so busy that a request takes its time to where it is served, something would
// always be on its way.
const (
	firstHush   = 500 * time.Millisecond
	longestHush = 2 * time.Second
	breath      = 200 * time.Millisecond
	glance      = time.Millisecond // from one look at what is left to the next
)

// Pause brings the user agent to rest: no socket is read any more, and what
// comes waits in the kernel; no call, subscription or request moves. Then Save
// may be called, and another user agent, perhaps in another process, goes on with
// the image on the same sockets; or Resume has this one go on as if nothing had
// happened. Start has been called before.
//
// What of a call the program asks for meanwhile (Hangup, Reject, Cancel, Watch)
// is written down; other things are lost if this one does not go on, and so the
// program must be at rest before Save.
//
// An error says what would not come to rest before ctx ended; then everything
// goes on.
func (u *UA) Pause(ctx context.Context) error {
	u.awaitAnswers(ctx)
	for hush := firstHush; ; hush = min(2*hush, longestHush) {
		left, err := u.hush(ctx, hush)
		if left == "" && err == nil {
			return nil
		}
		u.readOn()
		if err := rest(ctx, breath); err != nil {
			return fmt.Errorf("sip: %s: %w", left, err)
		}
	}
}

// Resume has a paused user agent go on: with what was read, what the program
// wants and what has come meanwhile.
func (u *UA) Resume() {
	closeDescriptors(u.Descriptors())
	u.still.end()
	u.readOn()
}

// rest waits for a time, or until ctx ends.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitAnswers waits for a moment at which no request of ours is under way, but
// not for long.
func (u *UA) awaitAnswers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, soonAnswered)
	defer cancel()
	for u.asking.Load() > 0 && rest(ctx, glance) == nil {
		continue
	}
}

// hush stops reading, and then all that moves. What has to be waited for is left.
func (u *UA) hush(ctx context.Context, atMost time.Duration) (left string, err error) {
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for _, e := range u.endpoints {
		if err := e.stopReading(ctx); err != nil {
			return "reading " + e.listener.Name, err
		}
	}
	left = "a request is being served"
	for {
		if err := u.still.begin(ctx); err != nil {
			return left, err
		}
		if left = u.left(); left == "" {
			return "", nil
		}
		u.still.end()
		if err := rest(ctx, glance); err != nil {
			return left, err
		}
	}
}

// readOn has all sockets be read again.
func (u *UA) readOn() {
	for _, e := range u.endpoints {
		e.readOn()
	}
}

// stopReading returns when nothing is read any more from the sockets of the
// endpoint, and what was read is with the transaction layer.
func (e *endpoint) stopReading(ctx context.Context) error {
	if e.listener.Packet != nil {
		return e.guard.pause(ctx)
	}
	return e.pauseLines(ctx)
}

func (e *endpoint) readOn() {
	if e.listener.Packet != nil {
		e.guard.resume()
		return
	}
	e.resumeLines()
}

// left says what cannot be written down as it is; empty: nothing is left. Only
// while the user agent is still.
func (u *UA) left() string {
	var all []string
	count := func(n int, one, more string) {
		switch {
		case n == 1:
			all = append(all, "1 "+one)
		case n > 1:
			all = append(all, fmt.Sprintf("%d %s", n, more))
		}
	}
	on := int(u.receiving.Load())
	for _, e := range u.endpoints {
		on += e.coming.count()
	}
	requests, calls := 0, 0
	for _, c := range u.snapshot() {
		requests += len(c.waiting)
		if _, more := c.mailbox.left(); more {
			calls++
		}
	}
	undecided := 0
	for _, r := range u.referralsNow() {
		if r.undecided() {
			undecided++
		}
	}
	count(on, "message has not got to its call", "messages have not got to their calls")
	count(requests, "request is being answered", "requests are being answered")
	count(calls, "call has something to do", "calls have something to do")
	count(undecided, "REFER is being decided on", "REFERs are being decided on")
	return strings.Join(all, ", ")
}

func (u *UA) referralsNow() []*Referral {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.referrals))
}

// Save writes the user agent down. Only while it is paused. It changes nothing:
// this one goes on, or another one made of the image does, but not both.
func (u *UA) Save() *Image {
	im := &Image{Secret: u.secret}
	for _, c := range u.snapshot() {
		im.Calls = append(im.Calls, c.save())
	}
	u.saveSubscriptions(im)
	im.Referrals = u.saveReferrals()
	im.Answers = u.saveAnswers()
	im.Counters = CountersImage{u.Counters.Untrusted.Load(), u.Counters.Malformed.Load(), u.Counters.Panics.Load(), u.Counters.Refused.Load()}
	closeDescriptors(u.Descriptors())
	for _, e := range u.endpoints {
		lines, descriptors := e.saveLines()
		im.Lines = append(im.Lines, lines...)
		u.descriptors = append(u.descriptors, descriptors...)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for branch, a := range u.late {
		im.Late = append(im.Late, a.save(branch))
	}
	for p := range u.partings {
		im.Partings = append(im.Partings, PartingImage{p.endpoint.listener.Name, p.dialog, p.login.copy(), p.question.save()})
	}
	for merge, s := range u.merges {
		if !s.ongoing && !s.until.IsZero() {
			im.Seen = append(im.Seen, SeenImage{merge, s.inviteKey, s.until})
		}
	}
	return im
}

// Descriptors are those of the connections that Save has written down, in the
// order of Image.Lines: one more of each, that is the caller's to close. Once
// only; Resume closes those that nobody has asked for.
func (u *UA) Descriptors() []int {
	descriptors := u.descriptors
	u.descriptors = nil
	return descriptors
}

func closeDescriptors(descriptors []int) {
	for _, fd := range descriptors {
		syscall.Close(fd)
	}
}

func (a *aftermath) save(branch string) AftermathImage {
	a.mu.Lock()
	defer a.mu.Unlock()
	im := AftermathImage{
		Branch: branch, Endpoint: a.endpoint.listener.Name, Dialog: a.dialog, Login: a.login.copy(),
		Invite: imageOf(a.invite.String(), a.invite.Transport(), a.invite.Destination()), Until: a.until,
	}
	for tag, ack := range a.acks {
		im.ACKs = append(im.ACKs, ACKImage{tag, imageOf(ack.String(), ack.Transport(), ack.Destination())})
	}
	return im
}

// restore makes a new user agent the one that was written down. The error says
// which listener is missing.
func (u *UA) restore(im *Image) error {
	for i := range im.Calls {
		if _, err := u.restoreCall(&im.Calls[i]); err != nil {
			return err
		}
	}
	for i, c := range u.restored {
		call := &im.Calls[i]
		if at := slices.IndexFunc(u.restored, func(c *Call) bool { return c.id == call.Replaces }); at >= 0 {
			c.replaces.Store(u.restored[at])
		}
		if call.Invitation != nil {
			if err := u.restoreInvitation(c, call.Invitation, im.Lines); err != nil {
				return fmt.Errorf("sip: call %s: its INVITE: %w", c.ID(), err)
			}
		}
		if u.resuming[c.inviteKey] != c {
			u.beginning = append(u.beginning, c)
		}
	}
	u.restoreSubscriptions(im)
	for i := range im.Referrals {
		u.resumedReferrals = append(u.resumedReferrals, u.restoreReferral(&im.Referrals[i]))
	}
	for i := range im.Late {
		if err := u.restoreAftermath(&im.Late[i]); err != nil {
			u.log.Warn("what is left of an INVITE of ours is lost", "err", err)
		}
	}
	for i := range im.Partings {
		u.restoreParting(&im.Partings[i])
	}
	u.restoreAnswers(im.Answers)
	for _, s := range im.Seen {
		u.mu.Lock()
		u.overlook(s.Merge, seen{s.InviteKey, false, s.Until})
		u.mu.Unlock()
	}
	u.Counters.Untrusted.Store(im.Counters.Untrusted)
	u.Counters.Malformed.Store(im.Counters.Malformed)
	u.Counters.Panics.Store(im.Counters.Panics)
	u.Counters.Refused.Store(im.Counters.Refused)
	return nil
}

// restoreInvitation has the INVITE of a call that rings come once more, which
// begins the call; or, when its connection is gone, the call begin without.
func (u *UA) restoreInvitation(c *Call, im *MessageImage, lines []LineImage) error {
	req, err := im.request()
	if err != nil {
		return err
	}
	if u.ringAgain(c, im, lines) {
		u.resuming[c.inviteKey] = c
		return nil
	}
	req.SetSource(im.Address)
	c.invitation = &inbound{req: req, done: make(chan struct{})}
	return nil
}

// resumed is the restored call of an INVITE that has come once more.
func (u *UA) resumed(req *sipgo.Request) (*Call, bool) {
	if !req.IsInvite() {
		return nil, false
	}
	key := inviteKey(req)
	u.mu.Lock()
	defer u.mu.Unlock()
	c, ok := u.resuming[key]
	delete(u.resuming, key)
	return c, ok
}

// resume begins a restored call with the transaction of its INVITE.
func (u *UA) resume(c *Call, req *sipgo.Request, tx *sipgo.ServerTx, visit *visit) error {
	c.invitation = &inbound{req: req, tx: tx, done: make(chan struct{})}
	return u.attend(c, tx, visit)
}

// goOn begins what was restored.
func (u *UA) goOn() {
	for _, c := range u.beginning {
		c.begin()
	}
	u.beginning = nil
	for _, s := range u.resumedSubscriptions {
		s.begin()
	}
	u.resumedSubscriptions = nil
	for _, p := range u.resumedPartings {
		go p.await() // ends with its transaction
	}
	u.resumedPartings = nil
}

// Restored are the calls of Config.Saved that have come in or were answered, in
// whatever state they are. After New.
func (u *UA) Restored() (calls []*Call) {
	for _, c := range u.restored {
		if c.attempt == nil || c.attempt.over() && c.attempt.failure == nil {
			calls = append(calls, c)
		}
	}
	return calls
}

// RestoredAttempts are the calls of Config.Saved that we were making. Whoever
// takes one over sees it through, as if it had made it. After New.
func (u *UA) RestoredAttempts() (attempts []*Attempt) {
	for _, c := range u.restored {
		if c.attempt != nil && !c.attempt.over() {
			attempts = append(attempts, c.attempt)
		}
	}
	return attempts
}

// RestoredAttempt is the call of Config.Saved with that Call-ID if it was ours to
// make, whether that is decided or not; nil: there is none. After New.
func (u *UA) RestoredAttempt(id string) *Attempt {
	for _, c := range u.restored {
		if c.attempt != nil && c.ID() == id {
			return c.attempt
		}
	}
	return nil
}

func (u *UA) restoreAftermath(im *AftermathImage) error {
	e := u.endpointNamed(im.Endpoint)
	if e == nil {
		return fmt.Errorf("%s: we do not listen there any more", im.Endpoint)
	}
	invite, err := im.Invite.request()
	if err != nil {
		return err
	}
	a := &aftermath{ua: u, endpoint: e, dialog: im.Dialog, invite: invite, login: im.Login, acks: map[string]*sipgo.Request{}, until: im.Until}
	for i := range im.ACKs {
		if ack, err := im.ACKs[i].Request.request(); err == nil {
			a.acks[im.ACKs[i].Tag] = ack
		}
	}
	u.keepLate(im.Branch, a)
	return nil
}

func (u *UA) restoreParting(im *PartingImage) {
	e := u.endpointNamed(im.Endpoint)
	if e == nil {
		return
	}
	p := &parting{ua: u, endpoint: e, dialog: im.Dialog, login: im.Login}
	q := &im.Question
	p.question = question{q.Of, q.Request.Text, q.Request.Network, q.Request.Address, q.RemoteTag, q.Challenges, q.Until}
	u.partings[p] = struct{}{}
	u.resumedPartings = append(u.resumedPartings, p)
}

func udpAddr(a netip.AddrPort) net.Addr { return net.UDPAddrFromAddrPort(a) }
