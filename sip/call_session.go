package sip

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/sip/sdp"
)

// describe gives the description for the 2xx to an INVITE: the answer to its
// offer, or an offer of ours when it has none. The leg is opened with the first.
func (c *Call) describe(req *sipgo.Request) ([]byte, error) {
	offer, err := offerIn(req)
	if err != nil {
		return nil, err
	}
	if err := c.openLeg(offer); err != nil {
		return nil, err
	}
	if offer == nil {
		return c.offer()
	}
	return c.answerOffer(offer)
}

// offerIn is the description in a request; nil without a body.
func offerIn(req *sipgo.Request) (*sdp.Description, error) {
	body := req.Body()
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if h := req.ContentType(); h != nil {
		part, err := sdp.Extract(h.Value(), body)
		if err != nil {
			return nil, refuse(sipgo.StatusUnsupportedMediaType, "Unsupported Media Type", "Accept", acceptedBodies)
		}
		body = part
	}
	description, err := sdp.Parse(body)
	if err != nil {
		return nil, refuse(sipgo.StatusBadRequest, "Unreadable SDP")
	}
	return description, nil
}

// openLeg opens the media end on the local address that leads to where the
// peer wants its media, or, when that is unknown, to the peer itself.
func (c *Call) openLeg(offer *sdp.Description) error {
	if c.leg.Load() != nil {
		return nil
	}
	local := c.endpoint.localFor(c.source)
	if offer != nil {
		local = c.endpoint.mediaFor(offer, local)
	}
	leg, err := c.ua.config.Media.Open(local)
	if err != nil {
		c.log.Error("no media for a call", "err", err)
		return refuse(sipgo.StatusServiceUnavailable, "No Media Ports", "Retry-After", "10")
	}
	c.leg.Store(leg)
	addr := leg.LocalAddr()
	c.Local = sdp.Local{Addr: addr.Addr(), Port: addr.Port(), SessionID: uint64(rand.Uint32()), Version: 1, Codecs: c.ua.config.Codecs}
	if c.ua.config.Advertise.IsValid() {
		c.Local.Addr = c.ua.config.Advertise
	}
	return nil
}

// mediaFor is the local address that leads to where an offer wants its media;
// otherwise when it does not say, or is on hold from the start.
func (e *endpoint) mediaFor(offer *sdp.Description, otherwise netip.Addr) netip.Addr {
	for _, m := range offer.Media {
		if m.Kind != "audio" || m.Port == 0 {
			continue
		}
		remote, ok := m.Connection.IP()
		if !ok || remote.IsUnspecified() || remote.IsMulticast() {
			break
		}
		if !e.local.Addr().IsUnspecified() && e.local.Addr().Is4() == remote.Is4() {
			return otherwise // the operator has bound us to one address
		}
		return routeTo(netip.AddrPortFrom(remote, m.Port).String(), otherwise)
	}
	return otherwise
}

// answerOffer answers an offer and tells the leg what was agreed. An error
// leaves the session as it was (RFC 3261 section 14.2).
func (c *Call) answerOffer(offer *sdp.Description) ([]byte, error) {
	if c.Sent != nil && !offer.HasAudio() { // the peer takes the audio away for a while
		answer, agreed := sdp.Decline(offer, c.Local, c.Agreed)
		c.agree(agreed)
		return c.versioned(answer), nil
	}
	answer, agreed, err := sdp.Answer(offer, c.Local)
	if err != nil {
		var unusable *sdp.Refusal
		if errors.As(err, &unusable) {
			return nil, refuse(sipgo.StatusNotAcceptableHere, "Not Acceptable Here", "Warning", unusable.Warning(c.Dialog.Host))
		}
		return nil, err
	}
	body := c.versioned(answer)
	c.Offered = false
	c.agree(agreed)
	return body, nil
}

// offer describes all that we can do (RFC 3264 section 5; within a session,
// section 8: the lines and numbers that are in use stay).
func (c *Call) offer() ([]byte, error) {
	offer := sdp.Offer(c.Local, sdp.SendRecv)
	if c.Sent != nil {
		sent, err := sdp.Parse(c.Sent)
		if err != nil {
			return nil, err
		}
		offer = sdp.Reoffer(sent, c.Local, sdp.SendRecv)
	}
	c.Offered = true
	return c.versioned(offer), nil
}

// acceptAnswer reads the answer to our offer, in an ACK or a 2xx.
func (c *Call) acceptAnswer(msg interface {
	Body() []byte
	ContentType() *sipgo.ContentTypeHeader
}) error {
	c.Offered = false
	body := msg.Body()
	if len(bytes.TrimSpace(body)) == 0 {
		return errors.New("no SDP")
	}
	if h := msg.ContentType(); h != nil {
		part, err := sdp.Extract(h.Value(), body)
		if err != nil {
			return err
		}
		body = part
	}
	answer, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	offer, err := sdp.Parse(c.Sent)
	if err != nil {
		return err
	}
	agreed, err := sdp.Accept(offer, answer)
	if err != nil {
		return err
	}
	c.agree(agreed)
	return nil
}

// versioned writes a description with the version that RFC 3264 section 8
// asks for: the same as before when nothing has changed, one more otherwise.
func (c *Call) versioned(d *sdp.Description) []byte {
	body := d.Bytes()
	if c.Sent != nil && !bytes.Equal(body, c.Sent) {
		c.Local.Version++
		d.Origin.Version = strconv.FormatUint(c.Local.Version, 10)
		body = d.Bytes()
	}
	c.Sent = body
	return body
}

// agree tells the leg.
func (c *Call) agree(a sdp.Agreed) {
	c.Agreed = a
	c.leg.Load().Update(media.Session{
		Remote: a.Remote, RemoteRTCP: a.RemoteRTCP,
		Codec: a.Codec, PayloadType: a.PayloadType,
		EventType: a.EventType, EventRate: a.EventRate,
		Ptime: a.Ptime, Held: a.Held, Listens: a.Listens,
	})
}

// reinvite answers a re-INVITE (RFC 3261 section 14.2): hold, resume, a moved
// address, a session refresh.
func (c *Call) reinvite(in *inbound) {
	if r := c.glare(); r != nil {
		c.refuse(in, r)
		return
	}
	if err := c.changeTimer(in.req); err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	if c.unacked != nil { // its ACK is lost; the peer goes on, so does the call
		c.dropUnacked()
	}
	body, err := c.describe(in.req)
	if err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	c.refreshed(in.req)
	c.accept(in, body)
}

// update answers an UPDATE (RFC 3311), with an offer or without.
func (c *Call) update(in *inbound) {
	offer, err := offerIn(in.req)
	if err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	if offer != nil {
		if r := c.glare(); r != nil {
			c.refuse(in, r)
			return
		}
		if c.Phase == ringing {
			// Section 5.2: the offer of the INVITE has not been answered yet.
			c.refuse(in, refuse(sipgo.StatusInternalServerError, "Offer Pending", "Retry-After", "5"))
			return
		}
	}
	if err := c.changeTimer(in.req); err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	var body []byte
	if offer != nil {
		if body, err = c.answerOffer(offer); err != nil {
			c.refuse(in, refusalOf(err))
			return
		}
	}
	c.refreshed(in.req)
	res := c.ua.response(in.req, sipgo.StatusOK, "OK", c.Dialog.contact())
	for _, h := range capabilities() {
		res.AppendHeader(h)
	}
	c.Timer.answer(res)
	if body != nil {
		withSDP(res, body)
	}
	c.reply(in, res)
}

// glare: an offer of ours is not answered yet, so no other can be taken (RFC
// 3261 section 14.2, RFC 3311 section 5.2).
func (c *Call) glare() *refusal {
	if c.inviting || c.Offered {
		return refuse(sipgo.StatusRequestPending, "Request Pending")
	}
	return nil
}

// refreshed takes over what a target refresh request brings besides its offer.
func (c *Call) refreshed(req *sipgo.Request) {
	c.Dialog.refreshTarget(req.Contact())
	if req.GetHeader("allow") != nil {
		c.PeerUpdates = listed(req, "UPDATE", "allow")
	}
	if asserts(req) {
		identity := identityOf(req)
		c.identity.Store(&identity)
		select {
		case c.renamed <- struct{}{}:
		default: // the handler has not looked yet and will see this too
		}
	}
}
