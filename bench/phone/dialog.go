package phone

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// dialog is RFC 3261 12's state. Guarded by its call's lock.
type dialog struct {
	callID        string
	local, remote string // From and To values as they stand in our requests, with tags
	localTag      string
	remoteTag     string
	target        string // the peer's Contact URI
	routes        []string
	cseq          uint32 // of our last request
	remoteCSeq    uint32
	caller        bool // we began it: matters for glare (RFC 3261 14.1)
}

// Allowed is what the phone says it can do.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY, MESSAGE, PRACK"

// contactURI of an address header value, "" if there is none.
func contactURI(m *Message) string {
	values := m.Values("Contact")
	if len(values) == 0 {
		return ""
	}
	uri, _ := address(values[0])
	return uri
}

// request begins a request of the dialog.
func (p *Phone) inDialog(d *dialog, method string) *Message {
	d.cseq++
	return p.build(d, method, d.cseq)
}

// build makes a request with a given CSeq: the ACK has its INVITE's.
func (p *Phone) build(d *dialog, method string, cseq uint32) *Message {
	m := &Message{Method: method, URI: d.target}
	p.stamp(m)
	m.add("Max-Forwards", "70")
	for _, r := range d.routes {
		m.add("Route", r)
	}
	m.add("From", d.local)
	m.add("To", d.remote)
	m.add("Call-ID", d.callID)
	m.add("CSeq", fmt.Sprintf("%d %s", cseq, method))
	if method == "INVITE" || method == "UPDATE" || method == "REFER" || method == "SUBSCRIBE" {
		m.add("Contact", "<"+p.URI()+">")
	}
	if method != "ACK" && method != "BYE" {
		m.add("Allow", allowed)
	}
	m.add("User-Agent", "sipconf-phone")
	return m
}

// next is where a dialog's requests go: the first route if there is one, else the target (RFC 3261 12.2.1.1; routes are
// taken to be loose, strict routers are extinct).
func (p *Phone) next(ctx context.Context, d *dialog) (path, error) {
	hop := d.target
	if len(d.routes) > 0 {
		hop, _ = address(d.routes[0])
	}
	to, _, err := destination(hop)
	if err != nil {
		return path{}, err
	}
	return p.wires.path(ctx, to)
}

// learn takes the peer's tag, target and route set from the response that makes the dialog (RFC 3261 12.1.2).
func (d *dialog) learn(r *Message) {
	d.remote, d.remoteTag = r.Header("To"), tag(r.Header("To"))
	if uri := contactURI(r); uri != "" {
		d.target = uri
	}
	d.routes = r.Values("Record-Route")
	slices.Reverse(d.routes)
}

// perform sends a request, answers one challenge, and returns the final response, of whatever status. The dialog's
// lock is not held; lock guards the CSeq.
func (c *Call) perform(ctx context.Context, m *Message, want inviting) (*Message, *Message, error) {
	for challenged := false; ; challenged = true {
		c.mu.Lock()
		d := c.dialog
		c.mu.Unlock()
		by, err := c.phone.next(ctx, &d)
		if err != nil {
			return m, nil, err
		}
		var r *Message
		if m.Method == "INVITE" {
			r, err = c.phone.invite(ctx, by, m, want)
		} else {
			r, err = c.phone.transact(ctx, by, m)
		}
		if err != nil || challenged || r.Status != 401 && r.Status != 407 || c.phone.cfg.Password == "" {
			return m, r, err
		}
		name, value := authorize(r, m.Method, m.URI, c.phone.cfg.User, c.phone.cfg.Password)
		if name == "" {
			return m, r, nil
		}
		m = c.again(m)
		m.set(name, value)
	}
}

// again is the same request as a new transaction: the next CSeq, another branch.
func (c *Call) again(m *Message) *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialog.cseq++
	fresh := &Message{Method: m.Method, URI: m.URI, Headers: slices.Clone(m.Headers), Body: m.Body}
	fresh.set("CSeq", fmt.Sprintf("%d %s", c.dialog.cseq, m.Method))
	c.phone.stamp(fresh)
	return fresh
}

// respond makes a response to a request (RFC 3261 8.2.6).
func respond(m *Message, status int, phrase, toTag string) *Message {
	if phrase == "" {
		phrase = phrases[status]
	}
	r := &Message{Status: status, Phrase: phrase}
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, h := range m.Headers {
			if !strings.EqualFold(h.Name, name) {
				continue
			}
			if name == "To" && status > 100 && tag(h.Value) == "" {
				h.Value += ";tag=" + toTag
			}
			r.Headers = append(r.Headers, h)
		}
	}
	return r
}

var phrases = map[int]string{100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 400: "Bad Request",
	401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout",
	480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 486: "Busy Here", 487: "Request Terminated",
	488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline"}

// answerTo sends a response and keeps it for retransmissions of the request.
func (p *Phone) answerTo(m *Message, by path, r *Message) {
	// RFC 3581: the source address is where we answer; received and rport tell the peer.
	if vias := r.Header("Via"); vias != "" {
		r.set("Via", withSource(vias, by))
	}
	b := r.Bytes()
	p.keepReply(serverKey(m), by, b)
	_ = p.wires.send(by, b)
}

func withSource(via string, by path) string {
	first := splitList(via)[0]
	rest := via[len(first):]
	first = strings.Replace(first, ";rport;", fmt.Sprintf(";rport=%d;", by.to.Port()), 1)
	if strings.HasSuffix(first, ";rport") {
		first = fmt.Sprintf("%s=%d", first, by.to.Port())
	}
	return first + ";received=" + by.to.Addr().String() + rest
}

// serverKey names a server transaction (RFC 3261 17.2.3).
func serverKey(m *Message) string { return "request " + m.branch() + m.Method }
