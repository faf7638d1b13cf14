package sip

import (
	"fmt"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// mostProbes is how many answered probes a call without any media survives: a
// phone that is muted may send nothing for a while, but not for ever.
const mostProbes = 3

// silence is the watch over a leg that sends neither RTP nor RTCP. Plain data.
type silence struct {
	Watch   time.Duration // Target.Watch; 0: what follows is as Config.SilenceTimeout has it
	Since   time.Time     // the last sign of life that is not in the leg: start, resume, answered probe
	CheckAt time.Time
	Probes  int  // answered since media was last heard
	Probing bool // a probe is under way; of a watched call
}

func (s *silence) start(now time.Time, limit time.Duration) {
	*s = silence{Watch: s.Watch, Since: now}
	if s.Watch > 0 {
		s.CheckAt = now.Add(s.Watch / 2)
		return
	}
	if limit > 0 {
		s.CheckAt = now.Add(limit)
	}
}

// listenForSilence probes a call that has sent nothing for sip's
// SilenceTimeout and ends it when the probe fails, or when nothing has come
// after several. A held call, and one
// that only listens, is meant to be silent.
func (c *Call) listenForSilence(now time.Time) {
	s, limit := &c.Silence, c.ua.config.SilenceTimeout
	if s.CheckAt.IsZero() || now.Before(s.CheckAt) {
		return
	}
	if s.Watch > 0 {
		c.keepWatch(now)
		return
	}
	if c.Agreed.Held || c.Agreed.Listens {
		s.start(now, limit)
		return
	}
	if heard := c.leg.Load().LastHeard(); heard.After(s.Since) {
		s.Since, s.Probes = heard, 0
	}
	due := s.Since.Add(limit)
	switch {
	case now.Before(due):
		s.CheckAt = due
	case c.asked > 0:
		s.CheckAt = now.Add(time.Second)
	case s.Probes >= mostProbes:
		c.endSilent(fmt.Sprintf("no RTP and no RTCP for %s", time.Duration(mostProbes+1)*limit))
	default:
		s.CheckAt = now.Add(limit)
		c.probe()
	}
}

// probe asks the peer whether it still knows the call.
func (c *Call) probe() {
	req := c.probing()
	if req == nil {
		return
	}
	c.ask(toProbe, req)
}

// probeAnswered takes the answer to it, or what there is instead of one.
func (c *Call) probeAnswered(method sipgo.RequestMethod, res *sipgo.Response, err error) {
	if c.Phase != confirmed {
		return
	}
	if err != nil || res.StatusCode == 481 || res.StatusCode == 408 {
		c.endSilent("no RTP and no RTCP, and no answer to a probe")
		return
	}
	c.alive(method, res)
	c.Silence.Probes++
	c.Silence.Since = time.Now()
}

// probing is the request that a probe is; nil when there can be none: then the
// call is over. A session refresh (RFC 3311, RFC 4028) where the peer takes one
// without a description: Asterisk's PJSIP channel (22.10 tried) leaves an OPTIONS
// in a dialog without any answer, whatever the call is doing. Else OPTIONS.
func (c *Call) probing() (req *sipgo.Request) {
	var err error
	if c.PeerUpdates {
		req, err = c.refreshing(sipgo.UPDATE)
	} else if req, err = c.Dialog.request(sipgo.OPTIONS); err == nil {
		req.AppendHeader(c.Dialog.contact())
		req.AppendHeader(sipgo.NewHeader("Accept", acceptedBodies))
	}
	if err != nil {
		c.endSilent("no RTP and no RTCP")
		return nil
	}
	return req
}

// alive takes the answer to a probe. Any one shows that the peer is there, a
// refusal too.
func (c *Call) alive(method sipgo.RequestMethod, res *sipgo.Response) {
	switch {
	case method != sipgo.UPDATE:
	case res.IsSuccess():
		c.Dialog.refreshTarget(res.Contact())
		c.refreshTaken(method, res, time.Now())
	case res.StatusCode == 405 || res.StatusCode == 501:
		c.PeerUpdates = false // whatever its Allow says
	}
}

func (c *Call) endSilent(why string) {
	c.log.Info("call without media: hanging up", "err", why)
	c.leave(Ending{Reason: why})
	c.sendBye(fmt.Sprintf("Q.850;cause=102;text=%q", why)) // recovery on timer expiry
}
