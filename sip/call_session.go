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
// offer with what that agrees on, or an offer of ours when it has none. The leg
// is opened with the first. Nothing is changed yet: the 2xx may never be sent.
func (c *Call) describe(req *sipgo.Request) (description, *sdp.Agreed, error) {
	offer, err := offerIn(req)
	if err != nil {
		return description{}, nil, err
	}
	if err := c.openLeg(offer); err != nil {
		return description{}, nil, err
	}
	if offer == nil {
		own, err := c.offer()
		return own, nil, err
	}
	return c.answerOffer(offer)
}

// description is one of ours, ready to be sent.
type description struct {
	body    []byte
	version uint64
	offer   bool
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
		refused := refuse(sipgo.StatusServiceUnavailable, "No Media", "Retry-After", "10")
		refused.Cause = err
		return refused
	}
	c.leg.Store(leg)
	addr := leg.LocalAddr()
	c.Local = sdp.Local{Addr: c.endpoint.advertised(addr.Addr()), Port: addr.Port(), SessionID: uint64(rand.Uint32()), Version: 1, Codecs: c.ua.config.Codecs}
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

// answerOffer answers an offer and says what that agrees on (RFC 3264 section 6).
func (c *Call) answerOffer(offer *sdp.Description) (description, *sdp.Agreed, error) {
	if c.Sent != nil && !offer.HasAudio() { // the peer takes the audio away for a while
		answer, agreed := sdp.Decline(offer, c.Local, c.Agreed)
		return c.versioned(answer), &agreed, nil
	}
	answer, agreed, err := sdp.Answer(offer, c.Local)
	if err != nil {
		var unusable *sdp.Refusal
		if errors.As(err, &unusable) {
			refused := refuse(sipgo.StatusNotAcceptableHere, "Not Acceptable Here", "Warning", unusable.Warning(c.Dialog.Host))
			refused.Cause = err
			return description{}, nil, refused
		}
		return description{}, nil, err
	}
	return c.versioned(answer), &agreed, nil
}

// offer describes all that we can do (RFC 3264 section 5; within a session,
// section 8: the lines and numbers that are in use stay).
func (c *Call) offer() (description, error) {
	offer := sdp.Offer(c.Local, sdp.SendRecv)
	if c.Sent != nil {
		sent, err := sdp.Parse(c.Sent)
		if err != nil {
			return description{}, err
		}
		offer = sdp.Reoffer(sent, c.Local, sdp.SendRecv)
	}
	d := c.versioned(offer)
	d.offer = true
	return d, nil
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
func (c *Call) versioned(d *sdp.Description) description {
	body, version := d.Bytes(), c.Local.Version
	if c.Sent != nil && !bytes.Equal(body, c.Sent) {
		version++
		d.Origin.Version = strconv.FormatUint(version, 10)
		body = d.Bytes()
	}
	return description{body: body, version: version}
}

// sent: the description is on its way, and agreed, if it was an answer, is in force.
func (c *Call) sent(d description, agreed *sdp.Agreed) {
	c.Sent, c.Local.Version, c.Offered = d.body, d.version, d.offer
	c.Revised = c.Phase == calling
	if agreed != nil {
		c.agree(*agreed)
	}
}

// agree tells the leg.
func (c *Call) agree(a sdp.Agreed) {
	c.Agreed = a
	// An announcement before the answer may be sendonly, and is meant to be heard.
	held := a.Held && (c.Phase != calling || !a.Direction.Receives())
	signalling, _ := netip.ParseAddrPort(c.Dialog.Source)
	c.leg.Load().Update(media.Session{
		Remote: a.Remote, RemoteRTCP: a.RemoteRTCP, Mux: a.Mux, Signalling: signalling.Addr().Unmap(),
		Codec: a.Codec, PayloadType: a.PayloadType,
		EventType: a.EventType, EventRate: a.EventRate,
		Ptime: a.Ptime, Held: held, Listens: a.Listens,
	})
}

// reinvite answers a re-INVITE (RFC 3261 section 14.2): hold, resume, a moved
// address, a session refresh.
func (c *Call) reinvite(in *inbound) {
	if r := c.glare(); r != nil {
		c.refuse(in, r)
		return
	}
	if c.Phase == calling {
		// Section 14.2 too: an INVITE of ours is in progress.
		c.refuse(in, refuse(sipgo.StatusRequestPending, "Request Pending"))
		return
	}
	if c.Phase == ringing {
		// Section 14.2: the first INVITE has not got its final answer yet.
		c.refuse(in, refuse(sipgo.StatusInternalServerError, "First INVITE Pending", "Retry-After", "3"))
		return
	}
	if in.req.GetHeader("replaces") != nil { // this dialog is there already
		c.refuse(in, refuse(sipgo.StatusBadRequest, "Replaces Within A Call"))
		return
	}
	timer, err := c.ua.wantedTimer(in.req)
	if err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	own, agreed, err := c.describe(in.req)
	if err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	former := c.Timer
	c.changeTimer(timer) // the 2xx carries it
	if !c.accept(in, own.body) {
		c.Timer = former // cancelled: the session is what it was (14.2)
		// sipgo has sent the 487, but would repeat our 200 now.
		c.refuse(in, refuse(sipgo.StatusRequestTerminated, "Request Terminated"))
		return
	}
	c.refreshed(in.req)
	c.sent(own, agreed)
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
	timer, err := c.ua.wantedTimer(in.req)
	if err != nil {
		c.refuse(in, refusalOf(err))
		return
	}
	var (
		own    description
		agreed *sdp.Agreed
	)
	if offer != nil {
		if own, agreed, err = c.answerOffer(offer); err != nil {
			c.refuse(in, refusalOf(err))
			return
		}
	}
	c.refreshed(in.req)
	if offer != nil {
		c.sent(own, agreed)
	}
	if c.Phase != ringing && c.Phase != calling { // else the INVITE's own timer is still to be agreed on
		c.changeTimer(timer)
	}
	res := c.ua.response(in.req, sipgo.StatusOK, "OK", c.Dialog.contact())
	for _, h := range capabilities() {
		res.AppendHeader(h)
	}
	c.Timer.answer(res)
	if offer != nil {
		withSDP(res, own.body)
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
	if req.Transport() == c.Dialog.Transport {
		c.Dialog.Source = req.Source()
	}
	if req.GetHeader("allow") != nil {
		c.PeerUpdates = listed(req, "UPDATE", "allow")
	}
	if asserts(req) {
		c.rename(identityOf(req))
	}
}

// rename says that somebody else is there now.
func (c *Call) rename(identity Identity) {
	c.identity.Store(&identity)
	select {
	case c.renamed <- struct{}{}:
	default: // the handler has not looked yet and will see this too
	}
}
