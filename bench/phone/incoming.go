package phone

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// Incoming is a call that rings. Safe for concurrent use.
type Incoming struct {
	Invite *Message
	phone  *Phone
	by     path
	tag    string

	mu        sync.Mutex
	answered  bool
	call      *Call // what Early or Reliably has begun; nil: nothing yet
	rseq      uint32
	forks     []*Incoming
	cancelled chan struct{}
	once      sync.Once
}

// ErrCancelled is the end of an incoming call whose caller gave up.
var ErrCancelled = errors.New("cancelled by the caller")

// request serves one request, on the reader's goroutine: so the order of the socket is the order of the dialog.
func (p *Phone) request(m *Message, by path) {
	if m.Method != "ACK" && p.repeat(serverKey(m)) {
		return
	}
	if p.challenged(m, by) {
		return
	}
	toTag := tag(m.Header("To"))
	switch {
	case m.Method == "ACK":
		if c := p.call(m); c != nil {
			c.acknowledged(m)
		}
	case m.Method == "CANCEL":
		p.cancelled(m, by)
	case toTag != "":
		if w := p.watched(m); w != nil {
			w.serve(m, by)
			return
		}
		c := p.call(m)
		if c == nil || !c.matches(m) {
			p.answerTo(m, by, respond(m, 481, "", ""))
			return
		}
		c.serve(m, by)
	case m.Method == "INVITE":
		p.ring(m, by)
	case m.Method == "OPTIONS" || m.Method == "NOTIFY" || m.Method == "MESSAGE":
		r := respond(m, 200, "", newTag())
		r.add("Allow", allowed)
		r.add("Accept", "application/sdp")
		p.answerTo(m, by, r)
	default:
		r := respond(m, 405, "", newTag())
		r.add("Allow", allowed)
		p.answerTo(m, by, r)
	}
}

// ring begins an incoming call.
func (p *Phone) ring(m *Message, by path) {
	in := newIncoming(p, m, by)
	if p.cfg.Answer == nil {
		in.send(respond(m, 480, "", in.tag))
		return
	}
	p.mu.Lock()
	p.incoming[m.branch()] = in
	p.mu.Unlock()
	p.keepReply(serverKey(m), by, nil)
	in.send(respond(m, 100, "", ""))
	p.background(func() {
		p.cfg.Answer(in)
		in.Reject(480) // a handler that does nothing is a phone that nobody picks up
	})
}

func newIncoming(p *Phone, m *Message, by path) *Incoming {
	return &Incoming{Invite: m, phone: p, by: by, tag: newTag(), cancelled: make(chan struct{})}
}

func (in *Incoming) send(r *Message) { in.phone.answerTo(in.Invite, in.by, r) }

// Place is Call.Place of a call that rings; it counts from the first provisional response on.
func (in *Incoming) Place() string {
	return in.Invite.Header("Call-ID") + ";to-tag=" + tag(in.Invite.Header("From")) + ";from-tag=" + in.tag + ";early-only"
}

// Caller is the name and number of the caller: P-Asserted-Identity if there is one, else From.
func (in *Incoming) Caller() (name, number string) {
	value := in.Invite.Header("P-Asserted-Identity")
	if value == "" {
		value = in.Invite.Header("From")
	}
	name, _, _ = strings.Cut(value, "<")
	uri, _ := address(value)
	_, number, _ = strings.Cut(uri, ":")
	number, _, _ = strings.Cut(number, "@")
	return strings.Trim(strings.TrimSpace(name), `"`), number
}

// Cancelled is closed when the caller gives up.
func (in *Incoming) Cancelled() <-chan struct{} { return in.cancelled }

func (in *Incoming) cancel() { in.once.Do(func() { close(in.cancelled) }) }

// finish claims the right to send the final response; false if it has been sent.
func (in *Incoming) finish() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.answered {
		return false
	}
	in.answered = true
	in.phone.mu.Lock()
	defer in.phone.mu.Unlock()
	if in.phone.incoming[in.Invite.branch()] == in {
		delete(in.phone.incoming, in.Invite.branch())
	}
	return true
}

// Ring sends 180.
func (in *Incoming) Ring() { in.Provisional(180) }

// Reject refuses with a status; after another final response it does nothing.
func (in *Incoming) Reject(status int, headers ...Header) {
	if !in.finish() {
		return
	}
	r := respond(in.Invite, status, "", in.tag)
	r.Headers = append(r.Headers, headers...)
	in.send(r)
	if c := in.begun(); c != nil {
		c.end(Ending{Err: &StatusError{"INVITE", r}})
	}
}

// cancelled serves CANCEL (RFC 3261 9.2).
func (p *Phone) cancelled(m *Message, by path) {
	p.mu.Lock()
	in := p.incoming[m.branch()]
	p.mu.Unlock()
	if in == nil {
		p.answerTo(m, by, respond(m, 481, "", newTag()))
		return
	}
	p.answerTo(m, by, respond(m, 200, "", in.tag))
	in.Reject(487)
	in.cancel()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, fork := range in.forks {
		fork.cancel()
	}
}

// Accept answers the call. It returns at once; the 200 is sent again until the ACK comes, and without one within 32 s
// the call ends.
func (in *Incoming) Accept(headers ...Header) (*Call, error) {
	m := in.Invite
	c, err := in.begin()
	if err != nil {
		in.Reject(500)
		return nil, err
	}
	r := respond(m, 200, "", in.tag)
	for _, h := range headers {
		r.add(h.Name, h.Value)
	}
	c.mu.Lock()
	own := c.ours
	c.mu.Unlock()
	a, err := c.reply(&own, m, r)
	if err != nil {
		in.Reject(488)
		return nil, err
	}
	if !in.finish() {
		c.end(Ending{Err: ErrCancelled})
		return nil, ErrCancelled
	}
	c.mu.Lock()
	c.response = r
	c.mu.Unlock()
	c.take(m, own, a)
	c.confirm(m, in.by, r)
	return c, nil
}

// reply writes our SDP into the 2xx of a request: an answer, or an offer when the request has none.
func (c *Call) reply(own *ours, m, r *Message) (a agreed, err error) {
	r.add("Contact", "<"+c.phone.URI()+">")
	r.add("Allow", allowed)
	r.set("Content-Type", "application/sdp")
	if len(m.Body) == 0 {
		r.Body = own.offer()
		return agreed{}, nil
	}
	d, err := parseSDP(m.Body)
	if err != nil {
		return agreed{}, err
	}
	r.Body, a, err = own.answer(d)
	return a, err
}

// take puts into force what reply agreed on; an offer of ours waits for its answer in the ACK.
func (c *Call) take(m *Message, own ours, a agreed) {
	if len(m.Body) > 0 {
		c.settle(own, a)
		return
	}
	c.mu.Lock()
	c.ours = own
	c.mu.Unlock()
}

// acknowledgement is a 2xx of ours that waits for its ACK.
type acknowledgement struct {
	late bool // the ACK brings the answer
	came chan struct{}
	once sync.Once
}

func (a *acknowledgement) stop() { a.once.Do(func() { close(a.came) }) }

// confirm sends a 2xx to an INVITE again and again until the ACK comes (RFC 3261 13.3.1.4).
func (c *Call) confirm(m *Message, by path, r *Message) {
	n, _ := m.cseq()
	a := &acknowledgement{late: len(m.Body) == 0, came: make(chan struct{})}
	c.mu.Lock()
	c.unacked[n] = a
	c.mu.Unlock()
	c.phone.answerTo(m, by, r)
	b := r.Bytes()
	c.phone.background(func() {
		end := time.NewTimer(lifetime)
		defer end.Stop()
		for interval := t1; ; interval = min(2*interval, t2) {
			resend := time.NewTimer(interval)
			select {
			case <-a.came:
			case <-c.phone.stop:
			case <-end.C:
				resend.Stop()
				_ = c.abandon()
				c.end(Ending{Err: ErrTimeout})
				return
			case <-resend.C:
				_ = c.phone.wires.send(by, b)
				continue
			}
			resend.Stop()
			return
		}
	})
}

// acknowledged takes an ACK. What it brings is in force before Acknowledged says that it has come.
func (c *Call) acknowledged(m *Message) {
	n, _ := m.cseq()
	c.mu.Lock()
	a, own := c.unacked[n], c.ours
	c.mu.Unlock()
	if a == nil {
		return
	}
	a.stop()
	if a.late {
		c.answered(m, own)
	}
	c.mu.Lock()
	delete(c.unacked, n)
	c.mu.Unlock()
}

// answered takes the answer in an ACK; a late offer without one makes no session.
func (c *Call) answered(m *Message, own ours) {
	d, err := parseSDP(m.Body)
	if err == nil {
		var a agreed
		if a, err = own.accept(d); err == nil {
			c.settle(own, a)
			return
		}
	}
	c.phone.background(func() {
		_ = c.abandon()
		c.end(Ending{Err: err})
	})
}

// Acknowledged says whether every INVITE that this phone accepted has had its ACK.
func (c *Call) Acknowledged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.unacked) == 0
}

// matches says whether a request belongs to this call's dialog.
func (c *Call) matches(m *Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tag(m.Header("To")) == c.dialog.localTag && tag(m.Header("From")) == c.dialog.remoteTag
}

// serve answers a request within the call.
func (c *Call) serve(m *Message, by path) {
	n, _ := m.cseq()
	c.mu.Lock()
	stale := n < c.dialog.remoteCSeq
	c.dialog.remoteCSeq = max(n, c.dialog.remoteCSeq)
	c.mu.Unlock()
	status := 0
	if stale {
		status = 500 // RFC 3261 12.2.2
	} else if c.phone.cfg.Request != nil {
		status = c.phone.cfg.Request(c, m)
	}
	if status != 0 {
		c.phone.answerTo(m, by, respond(m, status, "", ""))
		return
	}
	switch m.Method {
	case "BYE":
		c.phone.answerTo(m, by, respond(m, 200, "", ""))
		c.end(Ending{ByPeer: true, Request: m, Reasons: m.Values("Reason")})
	case "INVITE", "UPDATE":
		c.offered(m, by)
	case "NOTIFY":
		c.phone.answerTo(m, by, respond(m, c.notices.take(m), "", ""))
	case "INFO", "OPTIONS", "MESSAGE":
		r := respond(m, 200, "", "")
		r.add("Allow", allowed)
		c.phone.answerTo(m, by, r)
	case "PRACK":
		c.phone.answerTo(m, by, respond(m, c.acknowledgedEarly(m), "", ""))
	case "REFER":
		c.phone.answerTo(m, by, respond(m, 603, "", ""))
	default:
		r := respond(m, 405, "", "")
		r.add("Allow", allowed)
		c.phone.answerTo(m, by, r)
	}
}

// offered serves the peer's re-INVITE or UPDATE: hold, another address (direct media), another target, a refresh.
func (c *Call) offered(m *Message, by path) {
	bare := m.Method == "UPDATE" && len(m.Body) == 0
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	default:
		if !bare {
			c.phone.answerTo(m, by, respond(m, 491, "", "")) // our own offer is under way (RFC 3261 14.2)
			return
		}
	}
	c.mu.Lock()
	if uri := contactURI(m); uri != "" {
		c.dialog.target = uri
	}
	own := c.ours
	c.mu.Unlock()
	r := respond(m, 200, "", "")
	if expires := m.Header("Session-Expires"); expires != "" && param(expires, "refresher") != "uas" {
		// RFC 4028 9: the peer refreshes if it says so, and if nobody says.
		r.add("Require", "timer")
		seconds, _, _ := strings.Cut(expires, ";")
		r.add("Session-Expires", seconds+";refresher=uac")
	}
	if bare {
		r.add("Contact", "<"+c.phone.URI()+">")
		c.phone.answerTo(m, by, r)
		return
	}
	a, err := c.reply(&own, m, r)
	if err != nil {
		c.phone.answerTo(m, by, respond(m, 488, "", ""))
		return
	}
	c.take(m, own, a)
	if m.Method == "INVITE" {
		c.confirm(m, by, r)
		return
	}
	c.phone.answerTo(m, by, r)
}

// Await waits until cond holds; it is asked once per packet length, after the phone has read what came.
// The error says that the call or ctx ended first.
func (c *Call) Await(ctx context.Context, cond func(*Call) bool) error {
	for {
		beat := c.line.nextBeat()
		if cond(c) {
			return nil
		}
		select {
		case <-beat:
		case <-c.done:
			if cond(c) {
				return nil
			}
			return errors.New("call has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
