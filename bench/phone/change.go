package phone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Change is a new offer within a call. The zero value renews the session as it is, by re-INVITE.
type Change struct {
	Method      string    // "INVITE" (default) or "UPDATE"
	Direction   Direction // what we want from now on
	Keep        bool      // keep the direction and address form that are in force
	ZeroAddress bool      // c=0.0.0.0: hold in the old manner
	NewPort     bool      // another pair of RTP sockets
	NoSDP       bool      // INVITE: the peer offers, we answer in the ACK; UPDATE: a mere refresh
	Headers     []Header
}

// Hold is a way in which phones hold.
type Hold int

const (
	HoldSendOnly Hold = iota // we would play music, you need not send
	HoldInactive
	HoldRecvOnly
	HoldZeroAddress // c=0.0.0.0 of RFC 2543, with sendrecv
)

// Hold holds the call. The phone sends sound on only where the direction allows it.
func (c *Call) Hold(ctx context.Context, how Hold, newPort bool) error {
	change := Change{NewPort: newPort}
	switch how {
	case HoldSendOnly:
		change.Direction = SendOnly
	case HoldInactive:
		change.Direction = Inactive
	case HoldRecvOnly:
		change.Direction = RecvOnly
	case HoldZeroAddress:
		change.Direction, change.ZeroAddress = SendRecv, true
	}
	_, err := c.Change(ctx, change)
	return err
}

// Resume ends a hold.
func (c *Call) Resume(ctx context.Context, newPort bool) error {
	_, err := c.Change(ctx, Change{Direction: SendRecv, NewPort: newPort})
	return err
}

// Move changes the RTP port and nothing else.
func (c *Call) Move(ctx context.Context) error {
	_, err := c.Change(ctx, Change{Keep: true, NewPort: true})
	return err
}

// Reinvite renews the session as it is.
func (c *Call) Reinvite(ctx context.Context, headers ...Header) error {
	_, err := c.Change(ctx, Change{Keep: true, Headers: headers})
	return err
}

// Update sends an UPDATE without SDP: it refreshes target and session timer.
func (c *Call) Update(ctx context.Context, headers ...Header) error {
	_, err := c.Change(ctx, Change{Method: "UPDATE", Keep: true, NoSDP: true, Headers: headers})
	return err
}

// Change makes an offer within the call and returns the 2xx. A refusal is a *StatusError and leaves all as it was; after
// 408 and 481 the call is over (RFC 3261 12.2.1.2).
func (c *Call) Change(ctx context.Context, change Change) (*Message, error) {
	select {
	case c.turn <- struct{}{}:
	case <-c.done:
		return nil, errors.New("call has ended")
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-c.turn }()
	for try := 0; ; try++ {
		r, err := c.change(ctx, change)
		if Status(err) != 491 || c.phone.cfg.NoGlareRetry || try == 3 {
			if status := Status(err); status == 408 || status == 481 {
				c.end(Ending{Err: err})
			}
			return r, err
		}
		if err := c.wait(ctx, c.glarePause()); err != nil {
			return nil, err
		}
	}
}

// glarePause is how long RFC 3261 14.1 wants us to wait: the owner of the Call-ID longer than the other.
func (c *Call) glarePause() time.Duration {
	if c.dialog.caller {
		return 2100*time.Millisecond + rand.N(1900*time.Millisecond)
	}
	return rand.N(2 * time.Second)
}

func (c *Call) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.done:
		return errors.New("call has ended")
	}
}

func (c *Call) change(ctx context.Context, change Change) (*Message, error) {
	if change.Method == "" {
		change.Method = "INVITE"
	}
	c.mu.Lock()
	own := c.ours
	c.mu.Unlock()
	if !change.Keep {
		own.direction, own.zeroAddress = change.Direction, change.ZeroAddress
	}
	var rtp, rtcp socket
	if change.NewPort {
		var err error
		if rtp, rtcp, err = openPair(own.addr.Addr(), 0); err != nil {
			return nil, err
		}
		own.addr = rtp.local()
	}
	o, err := c.negotiate(ctx, change, &own)
	if err != nil {
		if rtp != nil {
			rtp.close()
			rtcp.close()
		}
		c.mu.Lock()
		c.ours.spend(own.version)
		c.mu.Unlock()
	} else {
		if rtp != nil {
			c.line.replace(rtp, rtcp)
		}
		if o.offered {
			c.settle(own, o.agreed)
		}
	}
	if o.invited != nil { // as in conclude: after what it confirms is in force
		err = errors.Join(err, c.acknowledge(ctx, o.invited, o.response, o.answer))
	}
	return o.response, err
}

// outcome is what came of an offer within the call.
type outcome struct {
	response *Message // nil: none came
	invited  *Message // the INVITE whose 2xx wants an ACK, even one that we cannot read; nil: there is none
	answer   []byte   // for that ACK, if the offer was theirs
	offered  bool     // there was SDP, and
	agreed   agreed   // this is what it came to
}

// negotiate sends the request and reads the outcome.
func (c *Call) negotiate(ctx context.Context, change Change, own *ours) (o outcome, err error) {
	c.mu.Lock()
	m := c.phone.inDialog(&c.dialog, change.Method)
	c.mu.Unlock()
	m.Headers = append(m.Headers, change.Headers...)
	if !change.NoSDP {
		m.set("Content-Type", "application/sdp")
		m.Body = own.offer()
	}
	m, r, err := c.perform(ctx, m, inviting{})
	if err != nil {
		return outcome{}, err
	}
	o.response = r
	if r.Status >= 300 {
		return o, &StatusError{change.Method, r}
	}
	c.mu.Lock()
	if uri := contactURI(r); uri != "" {
		c.dialog.target = uri // both are target refresh requests (RFC 3261 12.2.1.2, RFC 3311 5.1)
	}
	c.mu.Unlock()
	if change.Method == "INVITE" {
		o.invited = m
	}
	if !change.NoSDP || change.Method == "INVITE" {
		o.answer, o.agreed, err = c.read(r, change.NoSDP, own)
		o.offered = err == nil
	}
	return o, err
}

// read takes the SDP of a 2xx: the answer to our offer, or an offer that our answer in the ACK replies to.
func (c *Call) read(r *Message, late bool, own *ours) (answer []byte, a agreed, err error) {
	d, err := parseSDP(r.Body)
	if err != nil {
		return nil, agreed{}, fmt.Errorf("in %s: %w", r, err)
	}
	if late {
		return own.answer(d)
	}
	a, err = own.accept(d)
	return nil, a, err
}

// acknowledge sends the ACK of a 2xx and keeps it for retransmissions of that.
func (c *Call) acknowledge(ctx context.Context, invite, r *Message, body []byte) error {
	c.mu.Lock()
	n, _ := invite.cseq()
	ack := c.phone.build(&c.dialog, "ACK", n)
	d := c.dialog
	c.mu.Unlock()
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		if value := invite.Header(name); value != "" {
			ack.set(name, value) // RFC 3261 22.1: the ACK has its INVITE's credentials
		}
	}
	if body != nil {
		ack.set("Content-Type", "application/sdp")
		ack.Body = body
	}
	by, err := c.phone.next(ctx, &d)
	if err != nil {
		return err
	}
	b := ack.Bytes()
	c.phone.keepReply(ackKey(r), by, b)
	return c.phone.wires.send(by, b)
}

// Acknowledge sends the ACK that WithoutACK has kept back, now and for each 200 that comes again.
func (c *Call) Acknowledge(ctx context.Context) error {
	return c.acknowledge(ctx, c.Invite(), c.Response(), nil)
}
