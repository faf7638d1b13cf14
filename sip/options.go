package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Options asks whether somebody is there (RFC 3261 section 11): any final
// answer says so, a challenge too, which is not answered. rtt is the time from
// the sending to the answer, a connection that had to be made for it included.
//
// The error is a *Failure (Unreachable) when nothing was heard, within 32 s or
// as long as ctx allows. Any other one is of our own side, as with Invite.
func (u *UA) Options(ctx context.Context, target Target) (code int, rtt time.Duration, err error) {
	uri, network, err := target.uri()
	if err != nil {
		return 0, 0, err
	}
	way, err := u.wayTo(ctx, &uri, network)
	if err != nil {
		return 0, 0, err
	}
	d := newDialog(&target, &uri, way)
	req, err := d.request(sipgo.OPTIONS)
	if err != nil {
		return 0, 0, err
	}
	req.SetDestination(way.remote.String())
	req.AppendHeader(d.contact())
	req.AppendHeader(sipgo.NewHeader("Accept", acceptedBodies))
	if u.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", u.config.UserAgent))
	}
	for _, h := range target.Headers {
		req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
	}
	req.SetBody(nil)

	ctx, give := context.WithCancelCause(ctx)
	defer give(nil)
	stop := u.watch(way.remote, give)
	defer stop()
	start := time.Now()
	res, err := way.endpoint.request(ctx, &d, req, nil, nil)
	if err != nil {
		return 0, 0, notThere(ctx, err)
	}
	return res.StatusCode, time.Since(start), nil
}

// notThere is the failure of a request that nobody has answered.
func notThere(ctx context.Context, err error) *Failure {
	f := &Failure{Cause: Unreachable, Code: sipgo.StatusServiceUnavailable, Reason: "Service Unavailable", Err: err}
	if cause := context.Cause(ctx); cause != nil {
		f.Err = cause
	}
	if errors.Is(f.Err, sipgo.ErrTransactionTimeout) || errors.Is(f.Err, context.DeadlineExceeded) {
		f.Code, f.Reason = sipgo.StatusRequestTimeout, "Request Timeout"
	}
	return f
}

// newDialog is what a request to a target outside of any dialog, and all
// dialogs that it makes, have in common.
func newDialog(target *Target, uri *sipgo.Uri, w way) Dialog {
	host := w.endpoint.hostFor(w.remote.String())
	t := *target
	if t.FromHost == "" {
		t.FromHost = uriHost(host)
	}
	d := t.dialog(uri)
	d.CallID = strings.ToLower(rand.Text()) + "@" + host.String()
	d.LocalTag = strings.ToLower(rand.Text()[:16])
	d.Transport, d.Source, d.Endpoint = w.endpoint.network, w.remote.String(), w.endpoint.listener.Name
	d.Host, d.Port = host.String(), int(w.endpoint.local.Port())
	return d
}
