package sip

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// purpose is what a request of ours in a dialog is for. By this it is known what
// its answer leads to, also in a process that has not sent it.
type purpose uint8

const (
	toEnd         purpose = 1 + iota // BYE
	toRefresh                        // UPDATE or re-INVITE: the session
	toProbe                          // UPDATE or OPTIONS: is somebody there?
	toWatch                          // likewise, in a call with a Target.Watch
	toAcknowledge                    // PRACK
	toCancel                         // CANCEL
	toPress                          // INFO: a key
	toTell                           // NOTIFY; a subscription waits for its answer
)

// question is a request of ours that has no final answer yet.
type question struct {
	of         purpose
	text       string // as it is on the wire
	network    string
	to         string // where it goes
	remoteTag  string // of its dialog
	challenges int    // how often it was challenged
	until      time.Time
}

// ask sends a request of ours in the dialog; its final answer goes to replied.
// A challenge is answered before that, if it can be.
func (c *Call) ask(of purpose, req *sipgo.Request) {
	c.askWithin(context.Background(), of, req, nil)
}

// askWithin is ask for who waits no longer than ctx allows, and then, instead
// of replied, for the answer; nil: replied.
func (c *Call) askWithin(ctx context.Context, of purpose, req *sipgo.Request, then func(*sipgo.Response, error)) {
	if c.ua.config.UserAgent != "" {
		req.AppendHeader(sipgo.NewHeader("User-Agent", c.ua.config.UserAgent))
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
	c.Login.sign(req)
	c.put(ctx, req, question{of: of}, then)
}

// replied takes the final answer to a request, or what there is instead of one.
func (c *Call) replied(of purpose, method sipgo.RequestMethod, res *sipgo.Response, err error) {
	switch of {
	case toEnd:
		c.byeAnswered(res, err)
	case toRefresh:
		c.refreshAnswered(method, res, err)
	case toProbe:
		c.probeAnswered(method, res, err)
	case toWatch:
		c.watchAnswered(method, res, err)
	case toPress:
		c.pressed(res, err)
	case toAcknowledge, toCancel:
		if err != nil || !res.IsSuccess() {
			c.log.Debug("a request was not accepted", "method", method, "err", err)
		}
	}
}

// put is askWithin for a request that is complete.
func (c *Call) put(ctx context.Context, req *sipgo.Request, q question, then func(*sipgo.Response, error)) {
	c.asked++
	var again func()
	if req.IsInvite() {
		cseq := req.CSeq().SeqNo
		c.inviting, c.signed = true, signatureOf(req)
		again = func() { c.post(func() { c.acknowledge(cseq) }) }
	}
	endpoint := c.ua.endpointFor(c.endpoint, req)
	dialog := c.Dialog // a copy: the goroutine must not touch the call's
	if q.remoteTag != "" {
		dialog.RemoteTag = q.remoteTag
	}
	heeds := c.heeds(req)
	before, sent := c.sending, make(chan struct{})
	if !req.IsCancel() {
		c.sending = sent
	}
	q.text, q.network, q.to, q.remoteTag = req.String(), req.Transport(), req.Destination(), dialog.RemoteTag
	q.until = time.Now().Add(64*t1 + time.Second)
	if deadline, ok := ctx.Deadline(); ok && deadline.Before(q.until) {
		q.until = deadline
	}
	asking := &q
	c.questions = append(c.questions, asking)
	go func() { // ends with its transaction
		within, cancel := context.WithDeadline(ctx, asking.until)
		defer cancel()
		if heeds {
			var stop func()
			within, stop = c.ua.heeding(within, req)
			defer stop()
		}
		isSent := sync.OnceFunc(func() { close(sent) })
		if before != nil && !req.IsCancel() {
			<-before // in the order of their numbers; it is closed when its own request is sent or has failed
		}
		var res *sipgo.Response
		err := within.Err()
		if err == nil {
			res, err = endpoint.request(within, &dialog, req, again, isSent)
		}
		if cause := context.Cause(within); err != nil && cause != nil {
			err = cause
		}
		isSent()
		c.post(func() {
			c.asked--
			c.questions = slices.DeleteFunc(c.questions, func(q *question) bool { return q == asking })
			if c.sending == sent {
				c.sending = nil
			}
			if req.IsInvite() {
				c.inviting = false
			}
			if err == nil && c.repeatable(req, dialog.RemoteTag) && c.Login.challenged(res, asking.challenges) {
				c.Dialog.LocalCSeq++
				c.put(ctx, c.Login.anew(req, c.Dialog.LocalCSeq), question{of: asking.of, challenges: asking.challenges + 1}, then)
				return
			}
			if then == nil {
				c.replied(asking.of, req.Method, res, err)
				return
			}
			then(res, err)
		})
	}()
}

// heeds tells whether a request is given up when ICMP says that nothing listens
// where it goes: a probe and a key are, and the BYE of a call whose peer is
// watched, so that it may soon be called again. Other BYEs are sent for as long
// as there may be somebody to hear them.
func (c *Call) heeds(req *sipgo.Request) bool {
	return req.Method == sipgo.OPTIONS || req.Method == sipgo.INFO || req.Method == sipgo.BYE && c.Silence.Watch > 0
}

// heeding is a context that ends with ctx, and when ICMP says that nothing
// listens where a request goes. Its other words may be of a fault that passes.
func (u *UA) heeding(ctx context.Context, req *sipgo.Request) (heeding context.Context, stop func()) {
	to, err := netip.ParseAddrPort(req.Destination())
	if err != nil || req.Transport() != "UDP" {
		return ctx, func() {}
	}
	ctx, give := context.WithCancelCause(ctx)
	unwatch := u.watch(to, func(err error) {
		if errors.Is(err, syscall.ECONNREFUSED) {
			give(err)
		}
	})
	return ctx, func() { unwatch(); give(nil) }
}

// repeatable tells whether a request that was challenged is to be sent again,
// and puts its dialog in force. A CANCEL cannot be: it has the INVITE's number.
func (c *Call) repeatable(req *sipgo.Request, remoteTag string) bool {
	if req.IsCancel() || c.Phase == leaving && req.Method != sipgo.BYE {
		return false
	}
	return c.Dialog.RemoteTag == remoteTag || c.turnTo(remoteTag)
}
