package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// relayedKeys is the type of a body that says which key is pressed, and for how
// long: "Signal=5\r\nDuration=160\r\n". No RFC has it; Cisco's phones began it.
const relayedKeys = "application/dtmf-relay"

// TakesInfo tells whether the peer has said, in its INVITE or in its answer to
// ours, that it reads keys in INFO: by application/dtmf-relay in Accept, or dtmf
// in Recv-Info (RFC 6086). That Allow lists INFO says nothing: Asterisk's always
// does.
func (c *Call) TakesInfo() bool { return c.infoKeys.Load() }

// readsKeys looks for that in the message.
func readsKeys(msg sipgo.Message) bool {
	return namesType(msg, "accept", relayedKeys) || namesType(msg, "recv-info", "dtmf")
}

// namesType tells whether a list has the type, with whatever parameters.
func namesType(msg sipgo.Message, header, want string) bool {
	for _, h := range msg.GetHeaders(header) {
		for part := range strings.SplitSeq(h.Value(), ",") {
			name, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(name), want) {
				return true
			}
		}
	}
	return false
}

// SendInfo presses a key at the peer by INFO: '0' to '9', '*', '#' or 'A' to
// 'D', for that long. It returns when the peer has taken it. One goes after the
// other: those of others are waited for.
//
// The error says that the call is over (ErrEnded) or not answered yet, that the
// peer has refused it, or that ctx is done before it has answered.
func (c *Call) SendInfo(ctx context.Context, key byte, length time.Duration) error {
	if strings.IndexByte("0123456789*#ABCD", key) < 0 {
		return fmt.Errorf("%q is not a key", key)
	}
	result := make(chan error, 1)
	if !c.post(func() { c.press(ctx, KeyImage{key, length}, result) }) {
		return ErrEnded
	}
	return c.await(ctx, result)
}

// press is an INFO of SendInfo.
type press struct {
	KeyImage
	send   func()
	result chan<- error // gets what has become of it; room for one
}

// press has an INFO be sent when those before it are answered.
func (c *Call) press(ctx context.Context, key KeyImage, result chan<- error) {
	c.infos = append(c.infos, press{key, func() { c.sendKey(ctx, key.Key, key.Length) }, result})
	if len(c.infos) == 1 {
		c.infos[0].send()
	}
}

// said tells who waits for the first one what has become of it, and sends the next.
func (c *Call) said(err error) {
	c.infos[0].result <- err
	if c.infos = c.infos[1:]; len(c.infos) == 0 {
		c.infos = nil
		return
	}
	c.infos[0].send()
}

// sendKey sends one INFO.
func (c *Call) sendKey(ctx context.Context, key byte, length time.Duration) {
	switch {
	case c.Phase == leaving:
		c.said(ErrEnded)
		return
	case c.Phase != confirmed:
		c.said(errors.New("the call is not answered yet"))
		return
	case ctx.Err() != nil:
		c.said(ctx.Err())
		return
	}
	req, err := c.Dialog.request(sipgo.INFO)
	if err != nil {
		c.said(err)
		return
	}
	contentType := sipgo.ContentTypeHeader(relayedKeys)
	req.AppendHeader(&contentType)
	req.SetBody(fmt.Appendf(nil, "Signal=%c\r\nDuration=%d\r\n", key, length.Milliseconds()))
	c.askWithin(ctx, toPress, req, nil)
}

// pressed: an INFO has its answer.
func (c *Call) pressed(res *sipgo.Response, err error) {
	switch {
	case err != nil:
		err = fmt.Errorf("INFO was not answered: %w", err)
	case !res.IsSuccess():
		err = fmt.Errorf("INFO was refused: %d %s", res.StatusCode, clean(res.Reason))
	}
	c.said(err)
}
