package phone

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"

	crand "crypto/rand"
)

// Call is one call of a phone. Safe for concurrent use.
type Call struct {
	phone *Phone
	line  *line
	turn  chan struct{} // holds a token while we have an offer of our own under way
	done  chan struct{}
	plain bool // has no dialog, see Connect

	notices notices

	mu       sync.Mutex
	dialog   dialog
	ours     ours
	agreed   agreed
	invite   *Message // the INVITE that began it
	response *Message // and its 2xx
	unacked  map[uint32]*acknowledgement
	pracked  map[string]chan struct{} // reliable provisional responses of ours that wait for their PRACK, by its RAck
	ending   Ending
	ended    bool
}

// Ending says how a call ended.
type Ending struct {
	ByPeer  bool
	Request *Message // the peer's BYE, if it was one
	Reasons []string // values of the BYE's Reason headers (RFC 3326)
	Err     error    // what went wrong, if it was neither side's BYE
}

// Option changes how a call is made.
type Option func(*setup)

type setup struct {
	late        bool
	noACK       bool
	cancelEarly bool
	headers     []Header
	body        []byte
	provisional func(*Message)
	codecs      []Codec
}

// LateOffer makes the INVITE carry no SDP: the peer offers in its 200, the phone answers in the ACK.
func LateOffer() Option { return func(s *setup) { s.late = true } }

// WithoutACK makes the phone not acknowledge the 200, unless it is told to: see Call.Acknowledge.
func WithoutACK() Option { return func(s *setup) { s.noACK = true } }

// CancelEarly sends a CANCEL right behind the INVITE, before any response.
func CancelEarly() Option { return func(s *setup) { s.cancelEarly = true } }

// WithHeader adds a header to the INVITE.
func WithHeader(name, value string) Option {
	return func(s *setup) { s.headers = append(s.headers, Header{name, value}) }
}

// WithSDP sends this body instead of the phone's own offer.
func WithSDP(body []byte) Option { return func(s *setup) { s.body = body } }

// WithCodecs offers these instead of the phone's.
func WithCodecs(codecs ...Codec) Option { return func(s *setup) { s.codecs = codecs } }

// OnProvisional sees each 1xx. It must not block.
func OnProvisional(f func(*Message)) Option { return func(s *setup) { s.provisional = f } }

// Call dials a SIP URI such as "sip:5234@127.0.0.1:5060" and returns when it is answered. A refusal is a *StatusError
// (see Status). When ctx ends first, the phone sends CANCEL; a 200 that crosses it is acknowledged and hung up.
func (p *Phone) Call(ctx context.Context, uri string, options ...Option) (*Call, error) {
	var s setup
	for _, o := range options {
		o(&s)
	}
	c, err := p.newCall(s.codecs)
	if err != nil {
		return nil, err
	}
	c.dialog.caller = true
	c.dialog.callID = strings.ToLower(crand.Text()) + "@" + p.Addr().Addr().String()
	c.dialog.localTag = newTag()
	c.dialog.local = p.nameAddr() + ";tag=" + c.dialog.localTag
	c.dialog.remote, c.dialog.target = "<"+uri+">", uri
	if err := c.place(ctx, &s); err != nil {
		c.line.close()
		return nil, fmt.Errorf("call %s: %w", uri, err)
	}
	return c, nil
}

func (p *Phone) nameAddr() string {
	own := "<sip:" + p.cfg.Number + "@" + p.Addr().String() + ">"
	if p.cfg.Name != "" {
		return `"` + strings.ReplaceAll(p.cfg.Name, `"`, `\"`) + `" ` + own
	}
	return own
}

// newCall opens the media sockets of a call.
func (p *Phone) newCall(codecs []Codec) (*Call, error) {
	cfg := p.cfg
	if len(codecs) > 0 {
		cfg.Codecs = codecs
	}
	rtp, rtcp, err := openPair(p.Addr().Addr(), cfg.RTPPort)
	if err != nil && cfg.RTPPort != 0 {
		rtp, rtcp, err = openPair(p.Addr().Addr(), 0) // the wanted port belongs to the call before
	}
	if err != nil {
		return nil, err
	}
	c := &Call{phone: p, notices: newNotices(), line: newLine(cfg.Pump, rtp, rtcp, &cfg), turn: make(chan struct{}, 1), done: make(chan struct{}),
		unacked: map[uint32]*acknowledgement{}, pracked: map[string]chan struct{}{}}
	c.ours = ours{addr: rtp.local(), session: rand.Uint64() >> 2, direction: SendRecv, codecs: cfg.Codecs, ptime: cfg.Ptime}
	cfg.Pump.add(c.line)
	return c, nil
}

// place sends the INVITE and takes the outcome.
func (c *Call) place(ctx context.Context, s *setup) error {
	m := c.phone.inDialog(&c.dialog, "INVITE")
	m.add("Accept", "application/sdp")
	m.Headers = append(m.Headers, s.headers...)
	switch {
	case s.body != nil:
		m.set("Content-Type", "application/sdp")
		m.Body = s.body
	case !s.late:
		m.set("Content-Type", "application/sdp")
		m.Body = c.ours.offer()
	}
	early := func(r *Message) {
		c.early(r, s)
		if s.provisional != nil {
			s.provisional(r)
		}
	}
	m, r, err := c.perform(ctx, m, inviting{provisional: early, cancelEarly: s.cancelEarly})
	if err != nil {
		return err
	}
	if r.Status >= 300 {
		err := error(&StatusError{"INVITE", r})
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return err
	}
	c.mu.Lock()
	c.dialog.learn(r)
	c.invite, c.response = m, r
	c.mu.Unlock()
	if !c.phone.keepCall(c) {
		return errClosed
	}
	if s.noACK {
		return c.takeUnacknowledged(r, s)
	}
	if err := c.conclude(ctx, m, r, s.late); err != nil {
		return errors.Join(err, c.abandon())
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(context.Cause(ctx), c.abandon())
	}
	return nil
}

// early connects the sound of a 183 with SDP: announcements before the answer.
func (c *Call) early(r *Message, s *setup) {
	if len(r.Body) == 0 || s.late || s.body != nil {
		return
	}
	if d, err := parseSDP(r.Body); err == nil {
		if a, err := c.ours.accept(d); err == nil {
			c.line.connect(a)
		}
	}
}

func (c *Call) takeUnacknowledged(r *Message, s *setup) error {
	d, err := parseSDP(r.Body)
	if err != nil || s.late {
		return err
	}
	a, err := c.ours.accept(d)
	if err == nil {
		c.settle(c.ours, a)
	}
	return err
}

// conclude ends an INVITE of ours that was accepted: it reads the SDP and sends the ACK, with our answer in it if the
// offer was theirs. The ACK goes out in any case (RFC 3261 13.2.2.4), but only when what was agreed is in force: it lets
// the peer send the next offer, which Asterisk does within a millisecond to set up direct media.
func (c *Call) conclude(ctx context.Context, invite, r *Message, late bool) error {
	c.mu.Lock()
	own := c.ours
	c.mu.Unlock()
	answer, a, err := c.read(r, late, &own)
	if err == nil {
		c.settle(own, a)
	}
	return errors.Join(err, c.acknowledge(ctx, invite, r, answer))
}

// settle puts what was agreed into force.
func (c *Call) settle(own ours, a agreed) {
	c.mu.Lock()
	c.ours, c.agreed = own, a
	c.mu.Unlock()
	c.line.connect(a)
}

// abandon hangs up a call that its caller will never see.
func (c *Call) abandon() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.Hangup(ctx)
}

// Hangup sends BYE and ends the call, whatever the peer answers. Idempotent. Reasons are values of a Reason header.
func (c *Call) Hangup(ctx context.Context, reasons ...string) error {
	c.mu.Lock()
	if c.ended || c.ending.Request != nil {
		c.mu.Unlock()
		return nil
	}
	if c.plain {
		c.mu.Unlock()
		c.end(Ending{})
		return nil
	}
	m := c.phone.inDialog(&c.dialog, "BYE")
	c.mu.Unlock()
	for _, r := range reasons {
		m.add("Reason", r)
	}
	_, r, err := c.perform(ctx, m, inviting{})
	c.end(Ending{})
	if err != nil {
		return err
	}
	// 481: the peer's own BYE crossed ours.
	if r.Status >= 300 && r.Status != 481 {
		return &StatusError{"BYE", r}
	}
	return nil
}

// end closes the media and tells all who wait. The first ending counts.
func (c *Call) end(how Ending) {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended, c.ending = true, how
	for _, a := range c.unacked {
		a.stop()
	}
	c.mu.Unlock()
	c.phone.forgetCall(c)
	c.line.close()
	close(c.done)
}

// Done is closed when the call has ended, by whomever.
func (c *Call) Done() <-chan struct{} { return c.done }

// Ending says how the call ended; the zero value until it has.
func (c *Call) Ending() Ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending
}

// Request sends any request within the call and returns its final response, of whatever status.
func (c *Call) Request(ctx context.Context, method string, body []byte, headers ...Header) (*Message, error) {
	c.mu.Lock()
	m := c.phone.inDialog(&c.dialog, method)
	c.mu.Unlock()
	for _, h := range headers {
		m.set(h.Name, h.Value)
	}
	m.Body = body
	_, r, err := c.perform(ctx, m, inviting{})
	return r, err
}

// ID is the Call-ID.
func (c *Call) ID() string { return c.dialog.callID }

// Place is the value of a Replaces header (RFC 3891) by which another phone takes the place of this call at the peer: the to-tag is the peer's.
func (c *Call) Place() string {
	return c.dialog.callID + ";to-tag=" + c.dialog.remoteTag + ";from-tag=" + c.dialog.localTag
}

// Invite and Response are the two messages that made the call.
func (c *Call) Invite() *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.invite
}

// Response is the 2xx: the peer's to our INVITE, or ours to the peer's.
func (c *Call) Response() *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.response
}

// LocalRTP is where the phone listens now.
func (c *Call) LocalRTP() netip.AddrPort { return c.line.local() }

// RemoteRTP is where the peer's SDP says that it listens; invalid while it holds by the address 0.0.0.0.
func (c *Call) RemoteRTP() netip.AddrPort {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agreed.remote
}

// Codec is the one agreed on.
func (c *Call) Codec() Codec {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agreed.codec
}

// Direction is the one agreed on, seen from this phone.
func (c *Call) Direction() Direction {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.agreed.direction
}
