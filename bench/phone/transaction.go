package phone

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Timers of RFC 3261 17 table 4.
const (
	t1       = 500 * time.Millisecond
	t2       = 4 * time.Second
	lifetime = 64 * t1
)

// ErrTimeout is the end of a request that nobody answered within 32 s.
var ErrTimeout = errors.New("no answer")

// StatusError is a final response that is no success, as an error.
type StatusError struct {
	Method   string
	Response *Message
}

// Code is the status, 486 for instance.
func (e *StatusError) Code() int { return e.Response.Status }

func (e *StatusError) Error() string { return e.Method + ": " + e.Response.String() }

// Status is the SIP status in an error of this package, or 0.
func Status(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code()
	}
	return 0
}

func newBranch() string { return "z9hG4bK" + rand.Text()[:16] }

func newTag() string { return rand.Text()[:10] }

// stamp gives a request a new branch: a transaction of its own.
func (p *Phone) stamp(m *Message) {
	m.set("Via", p.via(newBranch()))
}

func (p *Phone) via(branch string) string {
	transport := "UDP"
	if p.cfg.Transport == "tcp" {
		transport = "TCP"
	}
	return fmt.Sprintf("SIP/2.0/%s %s;rport;branch=%s", transport, p.Addr(), branch)
}

// await registers a client transaction; responses come on the channel until forget is called.
func (p *Phone) await(key string) (responses chan *Message, forget func()) {
	responses = make(chan *Message, 16)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[key] = responses
	return responses, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, key)
	}
}

// transact sends a request that is no INVITE and returns its final response, of whatever status.
func (p *Phone) transact(ctx context.Context, by path, m *Message) (*Message, error) {
	responses, forget := p.await(m.branch() + m.Method)
	defer forget()
	b := m.Bytes()
	if err := p.wires.send(by, b); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Method, err)
	}
	resend, interval := time.NewTimer(t1), t1
	defer resend.Stop()
	if by.reliable() {
		resend.Stop()
	}
	end := time.NewTimer(lifetime)
	defer end.Stop()
	for {
		select {
		case r := <-responses:
			if r.Status >= 200 {
				return r, nil
			}
			interval = t2 // RFC 3261 17.1.2.2: in Proceeding only every T2
		case <-resend.C:
			_ = p.wires.send(by, b)
			interval = min(2*interval, t2)
			resend.Reset(interval)
		case <-end.C:
			return nil, fmt.Errorf("%s: %w", m.Method, ErrTimeout)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", m.Method, context.Cause(ctx))
		case <-p.stop:
			return nil, fmt.Errorf("%s: %w", m.Method, errClosed)
		}
	}
}

// inviting is what a caller wants of an INVITE besides its final response.
type inviting struct {
	provisional func(*Message)
	cancelEarly bool // send CANCEL on the heels of the INVITE, against RFC 3261 9.1: networks reorder
}

// patience is how long a cancelled INVITE waits for its final response.
const patience = 10 * time.Second

// invite sends an INVITE and returns its final response, of whatever status. When ctx ends it sends CANCEL and waits
// on for the response: it may be a 200 that crossed the CANCEL, which the caller must ACK.
func (p *Phone) invite(ctx context.Context, by path, m *Message, want inviting) (*Message, error) {
	responses, forget := p.await(m.branch() + m.Method)
	defer forget()
	b := m.Bytes()
	if err := p.wires.send(by, b); err != nil {
		return nil, fmt.Errorf("INVITE: %w", err)
	}
	resend, interval := time.NewTimer(t1), t1
	defer resend.Stop()
	if by.reliable() {
		resend.Stop()
	}
	end := time.NewTimer(lifetime)
	defer end.Stop()
	cancelled, provisional := ctx.Done(), false
	if want.cancelEarly {
		p.cancel(by, m)
		cancelled = nil
	}
	for {
		select {
		case r := <-responses:
			if r.Status >= 200 {
				if r.Status >= 300 {
					p.acknowledgeFailure(by, m, r)
				}
				return r, nil
			}
			resend.Stop()
			end.Stop() // RFC 3261 17.1.1.2: in Proceeding no timer runs; ctx bounds it
			provisional = true
			if want.provisional != nil {
				want.provisional(r)
			}
			if ctx.Err() != nil && cancelled == nil && !want.cancelEarly {
				p.cancel(by, m)
			}
			if cancelled == nil {
				end.Reset(patience)
			}
		case <-cancelled:
			// RFC 3261 9.1: no CANCEL before a provisional response has come.
			if cancelled = nil; provisional {
				p.cancel(by, m)
			}
			end.Reset(patience)
		case <-resend.C:
			_ = p.wires.send(by, b)
			interval *= 2
			resend.Reset(interval)
		case <-end.C:
			if ctx.Err() != nil {
				return nil, fmt.Errorf("INVITE: %w", context.Cause(ctx))
			}
			return nil, fmt.Errorf("INVITE: %w", ErrTimeout)
		case <-p.stop:
			return nil, fmt.Errorf("INVITE: %w", errClosed)
		}
	}
}

// cancel sends CANCEL for an INVITE and does not wait for its 200: what matters is the INVITE's own response.
func (p *Phone) cancel(by path, invite *Message) {
	m := follower(invite, "CANCEL")
	p.background(func() { _, _ = p.transact(context.Background(), by, m) })
}

// follower is a CANCEL or the ACK to a failure: the INVITE's URI, top Via, Route and names (RFC 3261 9.1, 17.1.1.3).
func follower(invite *Message, method string) *Message {
	m := &Message{Method: method, URI: invite.URI}
	for _, name := range []string{"Via", "Route", "Max-Forwards", "From", "To", "Call-ID"} {
		for _, h := range invite.Headers {
			if h.Name == name {
				m.Headers = append(m.Headers, h)
			}
		}
	}
	n, _ := invite.cseq()
	m.add("CSeq", strconv.FormatUint(uint64(n), 10)+" "+method)
	return m
}

func (p *Phone) acknowledgeFailure(by path, invite, response *Message) {
	m := follower(invite, "ACK")
	m.set("To", response.Header("To"))
	b := m.Bytes()
	p.keepReply("ack"+invite.branch(), by, b)
	_ = p.wires.send(by, b)
}

// keepReply remembers what to send when the same message comes again. b nil: nothing yet.
func (p *Phone) keepReply(key string, by path, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.replies) >= 64 {
		for k, r := range p.replies {
			if time.Since(r.at) > lifetime {
				delete(p.replies, k)
			}
		}
	}
	p.replies[key] = reply{by, b, time.Now()}
}

// repeat sends again what was kept; false if nothing was.
func (p *Phone) repeat(key string) bool {
	p.mu.Lock()
	r, ok := p.replies[key]
	p.mu.Unlock()
	if ok && r.b != nil {
		_ = p.wires.send(r.by, r.b)
	}
	return ok
}

// receive takes each SIP message, in the order in which the socket gave them.
func (p *Phone) receive(m *Message, by path) {
	p.mu.Lock()
	ready := p.wires != nil && !p.closing // see New
	p.mu.Unlock()
	if !ready {
		return
	}
	if m.Method == "" {
		p.response(m)
		return
	}
	p.request(m, by)
}

func (p *Phone) response(m *Message) {
	_, method := m.cseq()
	p.mu.Lock()
	responses := p.waiting[m.branch()+method]
	p.mu.Unlock()
	if responses != nil {
		select {
		case responses <- m:
		default: // sixteen unread ones: the peer retransmits what matters
		}
		return
	}
	if method != "INVITE" || m.Status < 200 {
		return
	}
	// The final response again: our ACK was lost.
	if m.Status >= 300 {
		p.repeat("ack" + m.branch())
		return
	}
	p.repeat(ackKey(m))
}

// ackKey names the ACK of a 2xx: by dialog and CSeq, since each ACK is a transaction of its own.
func ackKey(response *Message) string {
	n, _ := response.cseq()
	return fmt.Sprintf("ack %s %s %d", response.Header("Call-ID"), tag(response.Header("To")), n)
}
