package sip

import (
	"context"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// parting is the BYE of a dialog that no call has any more.
type parting struct {
	ua       *UA
	endpoint *endpoint

	dialog Dialog // guarded by UA.mu
	login  login  // guarded by UA.mu
	question
}

// newParting makes it; nil when there can be none.
func (u *UA) newParting(e *endpoint, d Dialog, login login) *parting {
	defer e.recovered()
	req, err := d.request(sipgo.BYE)
	if err != nil {
		return nil
	}
	if u.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", u.config.UserAgent))
	}
	req.SetBody(nil)
	login.sign(req)
	p := &parting{ua: u, endpoint: e, dialog: d, login: login}
	p.until = time.Now().Add(64 * t1)
	u.mu.Lock()
	defer u.mu.Unlock()
	p.says(req)
	u.partings[p] = struct{}{}
	return p
}

// says notes what it is now. The lock is held.
func (p *parting) says(req *sipgo.Request) {
	p.text, p.network, p.to = req.String(), req.Transport(), req.Destination()
}

// await sends it, and returns when it is answered, or never will be.
func (p *parting) await() {
	u := p.ua
	defer p.endpoint.recovered()
	defer func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.partings, p)
	}()
	req, err := p.request()
	if err != nil {
		return
	}
	ctx, cancel := context.WithDeadline(context.Background(), p.until)
	defer cancel()
	for {
		dialog := p.dialog // nobody else changes it
		res, err := u.endpointFor(p.endpoint, req).request(ctx, &dialog, req, nil, nil)
		if err != nil {
			return
		}
		if req = p.again(req, res); req == nil {
			return
		}
	}
}

// again is the next try after a challenge; nil: there is none.
func (p *parting) again(req *sipgo.Request, res *sipgo.Response) *sipgo.Request {
	p.ua.mu.Lock()
	defer p.ua.mu.Unlock()
	if !p.login.challenged(res, p.challenges) {
		return nil
	}
	p.challenges++
	p.dialog.LocalCSeq++
	req = p.login.anew(req, p.dialog.LocalCSeq)
	p.says(req)
	return req
}

// request is it as a message again.
func (q *question) request() (*sipgo.Request, error) { return requestOf(q.text, q.network, q.to) }
