package sip

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sendInvite sends the INVITE, for the first time or again with what the peer
// has asked for: a new transaction in any case.
func (c *Call) sendInvite() {
	if c.Phase != calling {
		return // given up before it was sent for the first time
	}
	req, err := c.buildInvite()
	if err != nil {
		c.log.Error("no INVITE can be built: please report it", "err", err)
		c.fail(failedInside())
		return
	}
	o, now := c.outgoing, time.Now()
	c.invite, c.signed = req, signatureOf(req)
	o.Branch, _ = req.Via().Params.Get("branch")
	o.Text, o.Proceeding, o.RetryAt = req.String(), false, time.Time{}
	o.GiveUpAt = now.Add(64 * t1)
	c.ua.expect(c, o.Branch)
	if c.endpoint.network == "UDP" {
		o.Interval, o.ResendAt = t1, now.Add(t1)
		c.watchINVITE()
		c.undelivered(c.endpoint.send(&c.Dialog, req))
		return
	}
	c.connect(req)
}

// watchINVITE has the call be told what ICMP says of its INVITE.
func (c *Call) watchINVITE() {
	if c.unwatch == nil {
		c.unwatch = c.ua.watch(c.outgoing.Remote, func(err error) { c.post(func() { c.refusedByICMP(err) }) })
	}
}

// connect sends the INVITE over TCP. To connect may take long.
func (c *Call) connect(req *sipgo.Request) {
	ctx, cancel := context.WithTimeout(context.Background(), 64*t1)
	c.hangOn = cancel
	c.asked++
	branch, dialog := c.outgoing.Branch, c.Dialog
	go func() { // ends when it is sent
		err := c.endpoint.sendWithin(ctx, &dialog, req)
		cancel()
		c.post(func() {
			c.asked--
			if c.Phase != calling || c.outgoing.Branch != branch {
				return // it has its answer already
			}
			c.hangOn = nil
			c.outgoing.LookAt = time.Now().Add(lookEvery)
			switch {
			case err != nil:
				c.undelivered(fmt.Errorf("connecting to %s: %w", dialog.Source, err))
			case c.outgoing.Over:
				c.callOff() // it was given up just as it was sent
			}
		})
	}()
}

// buildInvite makes the INVITE with the next CSeq and our offer.
func (c *Call) buildInvite() (*sipgo.Request, error) {
	own, err := c.firstOffer()
	if err != nil {
		return nil, err
	}
	o := c.outgoing
	req, err := c.Dialog.request(sipgo.INVITE)
	if err != nil {
		return nil, err
	}
	req.Via().Params.Add("branch", newBranch(invitedBranch))
	req.SetDestination(o.Remote.String())
	req.AppendHeader(c.Dialog.contact())
	req.AppendHeader(sipgo.NewHeader("Allow", allowedMethods))
	req.AppendHeader(sipgo.NewHeader("Allow-Events", allowEvents))
	req.AppendHeader(sipgo.NewHeader("Accept", acceptedBodies))
	c.extensions(req)
	o.replacing(req)
	if c.ua.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.config.UserAgent))
	}
	for _, h := range o.Target.Headers {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}
	c.Login.sign(req)
	contentType := sipgo.ContentTypeHeader("application/sdp")
	req.AppendHeader(&contentType)
	req.SetBody(own)
	o.Offer = c.session
	return req, nil
}

// offered are the extensions that our INVITEs offer.
var offered = []string{"timer", "100rel", "replaces", "norefersub"}

// extensions says in the INVITE which of them we know, but for those that the
// peer does not want to hear of.
func (c *Call) extensions(req *sipgo.Request) {
	var tags []string
	for _, tag := range offered {
		if !slices.Contains(c.outgoing.Without, tag) {
			tags = append(tags, tag)
		}
	}
	if len(tags) > 0 {
		req.AppendHeader(sipgo.NewHeader("Supported", strings.Join(tags, ", ")))
	}
	if slices.Contains(tags, "timer") { // RFC 4028 section 7.1
		req.AppendHeader(sipgo.NewHeader("Session-Expires", seconds(max(c.Timer.Interval, c.Timer.MinSE))))
		req.AppendHeader(sipgo.NewHeader("Min-SE", seconds(c.Timer.MinSE)))
	}
}

// firstOffer is the offer of the INVITE, the same each time.
func (c *Call) firstOffer() ([]byte, error) {
	if c.Sent == nil {
		own, err := c.offer()
		if err != nil {
			return nil, err
		}
		c.Sent, c.Local.Version, c.Offered = own.body, own.version, true
	}
	return c.Sent, nil
}
