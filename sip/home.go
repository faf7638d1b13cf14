package sip

import (
	"context"
	"net/netip"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// home is a dialog that has subscriptions and no call: a SUBSCRIBE or a REFER
// has made it, or its call has ended and they have not. Safe for concurrent use.
type home struct {
	endpoint *endpoint

	mu     sync.Mutex
	login  login
	dialog Dialog
}

// takes judges a request in the dialog (RFC 3261 section 12.2.2), and follows
// the peer if it has moved.
func (h *home) takes(req *sipgo.Request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := &h.dialog
	if req.CSeq().SeqNo <= d.RemoteCSeq && !d.PeerSilent {
		return refuse(sipgo.StatusInternalServerError, "CSeq Out Of Order")
	}
	d.RemoteCSeq, d.PeerSilent = req.CSeq().SeqNo, false
	d.refreshTarget(req.Contact())
	if req.Transport() == d.Transport {
		d.Source = req.Source()
	}
	return nil
}

// notify sends a NOTIFY and returns its final answer.
func (h *home) notify(u *UA, fill func(*sipgo.Request)) (*sipgo.Response, error) {
	u.still.enter()
	h.mu.Lock()
	req, err := h.dialog.request(sipgo.NOTIFY)
	dialog := h.dialog
	h.mu.Unlock()
	u.still.leave()
	if err != nil {
		return nil, err
	}
	fill(req)
	if u.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", u.config.UserAgent))
	}
	h.mu.Lock()
	h.login.sign(req)
	h.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), 64*t1+time.Second)
	defer cancel()
	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	if remote, err := netip.ParseAddrPort(req.Destination()); err == nil {
		defer u.watch(remote, give)() // nothing listens there: that need not take 32 s
	}
	for challenges := 0; ; challenges++ {
		res, err := u.endpointFor(h.endpoint, req).request(ctx, &dialog, req, nil, nil)
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return nil, err
		}
		u.still.enter()
		h.mu.Lock()
		again := h.login.challenged(res, challenges)
		if again {
			h.dialog.LocalCSeq++
			req = h.login.anew(req, h.dialog.LocalCSeq)
		}
		h.mu.Unlock()
		u.still.leave()
		if !again {
			return res, nil
		}
	}
}

// notify sends a NOTIFY in the dialog of the call and returns its final answer.
// Not sent: the call is gone, and its dialog is somebody else's.
func (c *Call) notify(fill func(*sipgo.Request)) (res *sipgo.Response, err error, sent bool) {
	type answer struct {
		res *sipgo.Response
		err error
	}
	answers := make(chan answer, 1)
	if !c.post(func() {
		req, err := c.Dialog.request(sipgo.NOTIFY)
		if err != nil {
			answers <- answer{nil, err}
			return
		}
		fill(req)
		c.askWithin(context.Background(), toTell, req, func(res *sipgo.Response, err error) { answers <- answer{res, err} })
	}) {
		return nil, nil, false
	}
	select {
	case a := <-answers:
		return a.res, a.err, true
	case <-c.gone:
	}
	select {
	case a := <-answers:
		return a.res, a.err, true
	default:
		return nil, nil, false
	}
}
