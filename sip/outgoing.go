package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// outgoing is an INVITE of ours without a final answer, as plain data: its
// client transaction (RFC 3261 section 17.1.1) and its early dialogs. Its zero
// value: there is none.
//
// The transaction is our own, and not sipgo's, for four reasons: a call that
// rings can be written down; responses are served in the order in which they
// came; a 200 after a 487 (13.2.2.4, 9.1) is seen; and it needs no goroutine.
type outgoing struct {
	Target Target
	Remote netip.AddrPort // where the INVITE goes
	Text   string         // the INVITE as it is on the wire
	Branch string         // names its transaction; empty: none is open
	Offer  session        // what each early dialog begins with
	Early  []session      // early dialogs besides the one in force

	Proceeding bool   // a provisional response has come: CANCEL may be sent (9.1)
	Over       bool   // nobody wants the call any more
	Why        string // Reason of the CANCEL, or of the BYE when an answer has crossed it
	Cancelled  bool   // the CANCEL is sent

	Challenges int      // how often this INVITE was challenged
	Without    []string // option tags that a 420 has us leave out
	Glared     bool     // it was sent again after a 491
	Raised     bool     // it was sent again after a 422

	Interval  time.Duration // timer A; zero: nothing is sent again
	ResendAt  time.Time     // timer A
	GiveUpAt  time.Time     // timer B, or the end of the wait for what a CANCEL leads to
	LookAt    time.Time     // when to see whether the connection is still there
	RetryAt   time.Time     // when to send it again after a 491
	RingUntil time.Time
}

// invitedBranch marks the branches of INVITEs that begin a call.
const invitedBranch = "-invite-"

// mostEarly is how many early dialogs one INVITE may have.
const mostEarly = 16

// lookEvery is how often a TCP connection is looked at on which an answer is
// awaited: sipgo does not tell when it is closed.
const lookEvery = time.Second

// next is when expireCalling has something to do; zero: never.
func (o *outgoing) next() (next time.Time) {
	for _, t := range []time.Time{o.ResendAt, o.GiveUpAt, o.LookAt, o.RetryAt, o.RingUntil} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// expireCalling does what is due while an INVITE of ours is open.
func (c *Call) expireCalling(now time.Time) {
	o := c.outgoing
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	if due(o.RingUntil) {
		o.RingUntil = time.Time{}
		c.giveUp(c.noAnswer(), "")
	}
	switch {
	case c.Phase != calling:
	case due(o.GiveUpAt):
		c.concluded("", nil)
		c.fail(&Failure{Cause: Unreachable, Code: sipgo.StatusRequestTimeout, Reason: "Request Timeout"})
	case due(o.RetryAt):
		c.sendInvite()
	case due(o.LookAt):
		o.LookAt = now.Add(lookEvery)
		if o.Branch != "" && !c.endpoint.connected(o.Remote.String()) {
			c.undelivered(fmt.Errorf("the connection to %s was closed: %w", o.Remote, syscall.ECONNRESET))
		}
	case due(o.ResendAt):
		if err := c.endpoint.send(&c.Dialog, c.invite); err != nil {
			c.log.Debug("the INVITE could not be sent again", "err", err)
		}
		o.Interval *= 2
		o.ResendAt = now.Add(o.Interval)
	}
}

// noAnswer is the failure when it has rung for long enough: but a peer that has
// said nothing at all was not there.
func (c *Call) noAnswer() *Failure {
	f := &Failure{Cause: NoAnswer, Code: sipgo.StatusRequestTimeout, Reason: "Request Timeout"}
	if c.attempt.Progress() == (Progress{}) {
		f.Cause = Unreachable
	}
	return f
}

// undelivered takes what the system says of the INVITE; nil and what may pass
// are no reason to give up (17.1.4).
func (c *Call) undelivered(err error) {
	if err == nil || c.Phase != calling || c.outgoing.Branch == "" {
		return
	}
	var number syscall.Errno
	if c.endpoint.network == "UDP" && (!errors.As(err, &number) || number == syscall.ENOBUFS || number == syscall.EAGAIN) {
		c.log.Debug("the INVITE could not be sent, and will be sent again", "err", err)
		return
	}
	c.concluded("", nil)
	c.fail(&Failure{Cause: Unreachable, Code: sipgo.StatusServiceUnavailable, Reason: "Service Unavailable", Err: err})
}

// refusedByICMP: nothing listens where the INVITE went, or there is no way.
func (c *Call) refusedByICMP(err error) {
	if c.Phase == calling && !c.outgoing.Proceeding {
		c.undelivered(err)
	}
}

// responded takes a response to our INVITE.
func (c *Call) responded(res *sipgo.Response) {
	branch, _ := res.Via().Params.Get("branch")
	if c.Phase != calling || branch != c.outgoing.Branch {
		c.ua.respondedLate(branch, res) // it was in the mailbox when the final one was served
		return
	}
	c.outgoing.ResendAt, c.outgoing.Interval = time.Time{}, 0
	switch {
	case res.IsProvisional():
		c.provisional(res)
	case res.IsSuccess():
		c.answered(res)
	default:
		c.refused(res)
	}
}

// fail ends an attempt whose INVITE is done.
func (c *Call) fail(f *Failure) {
	c.attempt.decide(f)
	c.leave(Ending{Reason: f.Error()})
}

// abandon ends an attempt after a panic.
func (c *Call) abandon() {
	defer c.recovered("abandoning")
	c.fail(failedInside())
	if c.hangOn != nil {
		c.hangOn()
	}
	open := c.outgoing.Branch != ""
	c.concluded("", nil) // first: nobody is here to take the answer to the CANCEL
	if open && c.outgoing.Proceeding {
		c.sendCancel()
	}
}
