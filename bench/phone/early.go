package phone

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// What a phone may say before it picks up.

// Provisional sends a provisional response without SDP, which begins no media.
func (in *Incoming) Provisional(status int, headers ...Header) {
	in.provisional(in.early(status, headers))
}

func (in *Incoming) early(status int, headers []Header) *Message {
	r := respond(in.Invite, status, "", in.tag)
	r.add("Contact", "<"+in.phone.URI()+">")
	r.Headers = append(r.Headers, headers...)
	return r
}

// provisional sends it, unless the final response has gone.
func (in *Incoming) provisional(r *Message) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.answered {
		in.send(r)
	}
	return !in.answered
}

// begin makes the call, its dialog and its media, which Accept will say that it is answered. It ends when it is refused.
func (in *Incoming) begin() (*Call, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.answered:
		return nil, ErrCancelled
	case in.call != nil:
		return in.call, nil
	}
	p, m := in.phone, in.Invite
	c, err := p.newCall(nil)
	if err != nil {
		return nil, err
	}
	from := m.Header("From")
	c.dialog = dialog{callID: m.Header("Call-ID"), localTag: in.tag, local: m.Header("To") + ";tag=" + in.tag,
		remote: from, remoteTag: tag(from), target: contactURI(m), routes: m.Values("Record-Route")}
	c.dialog.remoteCSeq, _ = m.cseq()
	c.invite = m
	if !p.keepCall(c) {
		c.line.close()
		return nil, errClosed
	}
	in.call = c
	return c, nil
}

// begun is the call that was begun; nil without one.
func (in *Incoming) begun() *Call {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.call
}

// Early sends a provisional response, usually 183, that answers the caller's offer: from now on the call speaks and hears.
// Accept goes on with the same SDP.
func (in *Incoming) Early(status int, headers ...Header) (*Call, error) {
	r := in.early(status, headers)
	c, err := in.speakEarly(r)
	if err == nil && !in.provisional(r) {
		err = ErrCancelled
	}
	return c, err
}

// speakEarly puts the answer to the caller's offer into a provisional response.
func (in *Incoming) speakEarly(r *Message) (*Call, error) {
	if len(in.Invite.Body) == 0 {
		return nil, errors.New("early media without an offer")
	}
	c, err := in.begin()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	own := c.ours
	c.mu.Unlock()
	r.Headers = withoutHeader(r.Headers, "Contact") // reply adds it
	a, err := c.reply(&own, in.Invite, r)
	if err != nil {
		return nil, err
	}
	c.take(in.Invite, own, a)
	return c, nil
}

// Reliably is Provisional, or with speaks Early, by RFC 3262: it is sent again until its PRACK comes, and then returns.
func (in *Incoming) Reliably(ctx context.Context, status int, speaks bool, headers ...Header) (*Call, error) {
	c, err := in.begin()
	if err != nil {
		return nil, err
	}
	r := in.early(status, headers)
	if speaks {
		if _, err := in.speakEarly(r); err != nil {
			return nil, err
		}
	}
	in.mu.Lock()
	if in.rseq == 0 {
		in.rseq = 1000
	}
	in.rseq++
	number := in.rseq
	in.mu.Unlock()
	r.add("Require", "100rel")
	r.add("RSeq", fmt.Sprint(number))
	invite, _ := in.Invite.cseq()
	rack := fmt.Sprintf("%d %d INVITE", number, invite)
	came := make(chan struct{})
	c.mu.Lock()
	c.pracked[rack] = came
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pracked, rack)
	}()
	for interval := t1; ; interval *= 2 {
		if !in.provisional(r) {
			return c, ErrCancelled
		}
		resend := time.NewTimer(interval)
		select {
		case <-came:
			resend.Stop()
			return c, nil
		case <-resend.C:
			if interval > lifetime/2 {
				return c, fmt.Errorf("PRACK: %w", ErrTimeout)
			}
		case <-ctx.Done():
			resend.Stop()
			return c, context.Cause(ctx)
		case <-c.phone.stop:
			resend.Stop()
			return c, errClosed
		}
	}
}

// acknowledgedEarly takes a PRACK and returns the status of its answer: 481 if it acknowledges nothing (RFC 3262 3).
func (c *Call) acknowledgedEarly(m *Message) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	rack := strings.Join(strings.Fields(m.Header("RAck")), " ")
	came := c.pracked[rack]
	if came == nil {
		return 481
	}
	delete(c.pracked, rack)
	close(came)
	return 200
}

// Fork is another phone with the same INVITE, as if a proxy had called both: it has a tag of its own, and may answer
// as well. A CANCEL that refuses the first one tells it.
func (in *Incoming) Fork() *Incoming {
	fork := newIncoming(in.phone, in.Invite, in.by)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.forks = append(in.forks, fork)
	return fork
}

func withoutHeader(headers []Header, name string) []Header {
	var rest []Header
	for _, h := range headers {
		if !strings.EqualFold(h.Name, name) {
			rest = append(rest, h)
		}
	}
	return rest
}
