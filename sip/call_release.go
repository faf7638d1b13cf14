package sip

import "time"

// release is a hang-up that leaves the peer time to do it itself. Plain data.
type release struct {
	At     time.Time // when we do; zero: none is on
	Reason string
}

// Release ends the call as Hangup does, but for a peer that knows why, and has so long to send the BYE itself: ours might overtake what the peer makes of the
// news. Whoever sends it, the call ends for that reason.
func (c *Call) Release(reason string, within time.Duration) {
	c.order(OrderImage{Kind: toRelease, Reason: reason, Within: within})
}

// awaitBye begins to wait for the peer's BYE; the first wait counts.
func (c *Call) awaitBye(reason string, within time.Duration) {
	if c.Phase != confirmed {
		c.hangup(reason)
	} else if c.Parts.At.IsZero() {
		c.Parts = release{time.Now().Add(within), reason}
	}
}

// expireRelease hangs up where the peer has not.
func (c *Call) expireRelease(now time.Time) {
	if !c.Parts.At.IsZero() && !now.Before(c.Parts.At) {
		c.hangup(c.Parts.Reason)
	}
}
