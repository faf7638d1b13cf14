package sip

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Watch gives a call that is answered a Target.Watch, also one that the peer has made: it is lost when for so long nothing is heard of the peer, and no probe
// is answered.
func (c *Call) Watch(within time.Duration) {
	c.order(OrderImage{Kind: toBeWatched, Within: within})
}

// keepWatch ends a call with a Target.Watch whose peer is not there any more.
// Silence alone proves nothing: a far conference may have nothing to say for
// hours, and hold. So it is asked in time for an answer.
func (c *Call) keepWatch(now time.Time) {
	s := &c.Silence
	c.heardOf(c.leg.Load().LastHeard())
	ask, end := s.Since.Add(s.Watch/2), s.Since.Add(s.Watch)
	switch {
	case now.Before(ask):
		s.CheckAt = ask
	case !now.Before(end):
		c.endSilent(fmt.Sprintf("no RTP, no RTCP and no answer to a probe for %s", s.Watch))
	case s.Probing:
		s.CheckAt = end
	default:
		s.CheckAt, s.Probing = end, true
		c.probeUntil(end)
	}
}

// heardOf takes a sign of life of the peer.
func (c *Call) heardOf(at time.Time) {
	if at.After(c.Silence.Since) {
		c.Silence.Since = at
	}
}

// probeUntil asks the peer for a sign of life and waits no longer for it than
// the watch lasts.
func (c *Call) probeUntil(end time.Time) {
	req := c.probing()
	if req == nil {
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	c.askWithin(ctx, toWatch, req, func(res *sipgo.Response, err error) {
		cancel()
		c.watchAnswered(req.Method, res, err)
	})
}

// watchAnswered: the probe is over.
func (c *Call) watchAnswered(method sipgo.RequestMethod, res *sipgo.Response, err error) {
	c.Silence.Probing = false
	if c.Phase == confirmed {
		c.probed(method, res, err)
	}
}

// probed takes the answer to a probe, or what there is instead of one.
func (c *Call) probed(method sipgo.RequestMethod, res *sipgo.Response, err error) {
	s, now := &c.Silence, time.Now()
	switch {
	case err == nil && (res.StatusCode == 481 || res.StatusCode == 408):
		c.endSilent(fmt.Sprintf("no RTP and no RTCP, and a probe was answered by %d %s", res.StatusCode, clean(res.Reason)))
	case err == nil:
		c.alive(method, res)
		c.heardOf(now)
		s.CheckAt = now.Add(s.Watch / 2)
	case errors.Is(err, syscall.ECONNREFUSED):
		c.heardOf(c.leg.Load().LastHeard())
		if now.Sub(s.Since) >= s.Watch/2 { // else it has spoken meanwhile
			c.endSilent("no RTP and no RTCP, and nothing listens where a probe was sent")
		}
	default: // the watch is over, or the network has a fault that may pass
		if again := now.Add(time.Second); again.Before(s.CheckAt) {
			s.CheckAt = again
		}
	}
}
