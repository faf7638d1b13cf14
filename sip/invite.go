package sip

import (
	"context"
	"errors"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// ErrDraining says that no new calls are made any more.
var ErrDraining = errors.New("the user agent is being closed")

// Invite begins a call and returns at once; only where the target has a name
// instead of an address, that is looked up first, as long as ctx allows.
//
// The error is a *Failure when the name cannot be found. Any other one is of
// our own side: an unusable target, no listener of that kind, a peer that is
// not in sip.trusted, no free port for media (media.ErrNoPorts), ErrDraining.
func (u *UA) Invite(ctx context.Context, target Target) (*Attempt, error) {
	uri, network, err := target.uri()
	if err != nil {
		return nil, err
	}
	way, err := u.wayTo(ctx, &uri, network)
	if err != nil {
		return nil, err
	}
	u.still.enter()
	defer u.still.leave()
	c := newOutgoing(u, way, target, &uri)
	if err := c.openLeg(nil); err != nil {
		return nil, errors.Unwrap(err)
	}
	if err := u.enrol(c); err != nil {
		c.leg.Load().Close()
		return nil, err
	}
	c.dial()
	return c.attempt, nil
}

// dial begins the call's goroutine, which comes and goes with the work.
func (c *Call) dial() {
	c.post(c.sendInvite)
	c.alarm = time.AfterFunc(time.Hour, c.mailbox.ring)
	c.mailbox.start(c.run)
}

// newOutgoing makes the call that an INVITE of ours begins.
func newOutgoing(u *UA, w way, target Target, uri *sipgo.Uri) *Call {
	d := newDialog(&target, uri, w)
	if target.Timeout == 0 {
		target.Timeout = ringTime
	}
	c := &Call{
		ua: u, endpoint: w.endpoint,
		log:      u.log.With("call", d.CallID),
		id:       d.id(),
		number:   numberIn(uri.User),
		source:   d.Source,
		settled:  make(chan struct{}),
		settle:   func() {},
		returned: make(chan struct{}),
		gone:     make(chan struct{}),
		renamed:  make(chan struct{}, 1),
		outgoing: &outgoing{Target: target, Remote: w.remote, RingUntil: time.Now().Add(target.Timeout)},
		state: state{
			Phase:   calling,
			session: session{Dialog: d},
			Login:   login{User: target.User, Password: target.Password},
			Timer:   sessionTimer{Interval: u.config.SessionExpires, MinSE: u.config.MinSE},
			Silence: silence{Watch: target.Watch},
		},
	}
	over, end := context.WithCancel(context.Background())
	c.over, c.end = over.Done(), end
	close(c.returned) // there is no handler
	c.identity.Store(&Identity{Number: c.number})
	c.attempt = newAttempt(c)
	return c
}
