package sip

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media"
)

// wire is a PacketConn without a network: what peers send arrives, in order,
// and what is written goes to the peer that has the address.
type wire struct {
	local  net.Addr
	in     chan datagram
	closed chan struct{}
	trying atomic.Int64 // answers 100 that were written

	mu    sync.Mutex
	peers map[string]chan string
}

type datagram struct {
	data   string
	source net.Addr
}

func newWire(local string) *wire {
	return &wire{local: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(local)), in: make(chan datagram, 256), peers: map[string]chan string{}, closed: make(chan struct{})}
}

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-w.in:
		return copy(b, d.data), d.source, nil
	case <-w.closed:
		return 0, nil, net.ErrClosed
	}
}

func (w *wire) WriteTo(b []byte, to net.Addr) (int, error) {
	if strings.HasPrefix(string(b), "SIP/2.0 100 ") {
		w.trying.Add(1)
	}
	w.mu.Lock()
	inbox := w.peers[to.String()]
	w.mu.Unlock()
	if inbox != nil {
		inbox <- string(b)
	}
	return len(b), nil
}

// listen makes what is written to addr arrive in inbox.
func (w *wire) listen(addr string, inbox chan string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peers[addr] = inbox
}

func (w *wire) Close() error {
	select {
	case <-w.closed:
	default:
		close(w.closed)
	}
	return nil
}
func (w *wire) LocalAddr() net.Addr              { return w.local }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// noConn is a media socket on which nothing comes and nothing goes.
type noConn struct{ addr netip.AddrPort }

func (noConn) Recv([]byte) (int, netip.AddrPort, bool) { return 0, netip.AddrPort{}, false }
func (noConn) Send([]byte, netip.AddrPort) bool        { return true }
func (noConn) Connect(netip.AddrPort)                  {}
func (noConn) Arrived() int64                          { return 0 }
func (c noConn) LocalAddr() netip.AddrPort             { return c.addr }
func (noConn) Close() error                            { return nil }

type noMedia struct{}

func (noMedia) Open(local netip.Addr) (*media.Leg, error) {
	return media.NewLeg(media.LegConfig{}, noConn{netip.AddrPortFrom(local, 20000)}), nil
}

// world is a user agent under test with fake time and a fake network.
type world struct {
	t     *testing.T
	ua    *UA
	wire  *wire
	calls chan *Call // those that the default handler has taken

	config  Config
	handler Handler
	dead    []*UA // those that have handed over

	serves atomic.Pointer[Handler] // in the place of answerAll, in the real world; nil: that

	begins func(*UA) // has something done to each that takes over, before it starts; nil: nothing
}

const server = "127.0.0.1:5060"

// inWorld runs a story in a bubble of fake time. If all calls are over at its
// end, no transaction may be left once sipgo's have had their time. Then the user
// agent is closed, and the bubble fails the test if a goroutine is left.
func inWorld(t *testing.T, change func(*Config, *Handler), story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, wire: newWire(server), calls: make(chan *Call, 64)}
		config := Config{
			Listeners: []Listener{{Name: "udp://" + server, Packet: w.end()}},
			Media:     noMedia{},
			Trusted:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			UserAgent: "sipconf/test",
			Codecs:    []*codec.Codec{codec.PCMA, codec.PCMU},
		}
		handler := Handler(w.answerAll)
		if change != nil {
			change(&config, &handler)
		}
		ua, err := New(config, handler)
		if err != nil {
			t.Fatal(err)
		}
		w.ua, w.config, w.handler = ua, config, handler
		ua.Start()
		defer func() {
			ua := w.ua
			if ua.Calls() == 0 && len(ua.Subscriptions()) == 0 && !t.Failed() {
				time.Sleep(70 * time.Second) // fake: 64 T1 twice, a request that nobody answers and what it brings about
				if client, server := transactions(ua); client != 0 || server != 0 {
					t.Errorf("%d client and %d server transactions are left", client, server)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			ua.Close(ctx, "test over")
			w.buries()
			time.Sleep(time.Minute) // fake: sipgo's transactions of 32 s end
			if n := ua.Calls(); n != 0 {
				t.Errorf("%d calls left", n)
			}
			if n := ua.Counters.Panics.Load(); n != 0 {
				t.Errorf("%d panics", n)
			}
		}()
		story(w)
	})
}

// transactions is how many sipgo has at this moment, which tells nobody.
func transactions(ua *UA) (client, server int) {
	synctest.Wait()
	for _, e := range ua.endpoints {
		layer := reflect.ValueOf(e.txs).Elem()
		client += layer.FieldByName("clientTransactions").Elem().FieldByName("items").Len()
		server += layer.FieldByName("serverTransactions").Elem().FieldByName("items").Len()
	}
	return client, server
}

// answerAll is the handler of most stories.
func (w *world) answerAll(ctx context.Context, call *Call) {
	call.Ring()
	if call.Answer(ctx) == nil {
		w.calls <- call
		<-call.Done()
	}
}

// taken is the call that the handler has just got.
func (w *world) taken() *Call {
	w.t.Helper()
	select {
	case call := <-w.calls:
		return call
	case <-time.After(time.Second):
		w.t.Fatal("no call was taken")
		return nil
	}
}

// phone is a peer at an address, which writes its messages itself.
type phone struct {
	w                      *world
	conn                   net.Conn // nil: the world\'s wire
	addr                   string
	inbox                  chan string
	callID, fromTag, toTag string
	cseq                   int
	branch                 string // of the last INVITE
	target                 string
	contact                string
	inviteCSeq             int
	extra                  string // headers for each request
	to                     string
}

var phones int

func (w *world) phone() *phone {
	phones++
	p := &phone{w: w, addr: fmt.Sprintf("127.0.0.1:%d", 6000+phones%50000), inbox: make(chan string, 512),
		callID: fmt.Sprintf("call-%d@phone", phones), fromTag: fmt.Sprintf("from%d", phones), target: "sip:5234@" + server}
	p.contact = "sip:alice@" + p.addr
	p.to = "<sip:5234@127.0.0.1>"
	w.wire.listen(p.addr, p.inbox)
	return p
}

const pcmaSDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

func (p *phone) raw(text string) {
	if p.conn != nil {
		p.conn.Write([]byte(text))
		return
	}
	p.w.wire.in <- datagram{text, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(p.addr))}
}

func (p *phone) transport() string {
	if p.conn != nil {
		return strings.ToUpper(p.conn.RemoteAddr().Network())
	}
	return "UDP"
}

// request writes one request; its CSeq is p.cseq.
func (p *phone) request(method, branch, body string, headers ...string) {
	p.raw(p.text(method, branch, body, headers...))
}

func (p *phone) text(method, branch, body string, headers ...string) string {
	to := p.to
	if p.toTag != "" {
		to += ";tag=" + p.toTag
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\n", method, p.target, p.transport(), p.addr, branch)
	fmt.Fprintf(&b, "From: \"Alice\" <sip:100@127.0.0.1>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", p.fromTag, to, p.callID, p.cseq, method)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nContact: <%s>\r\n%s", p.contact, p.extra)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	if body != "" && !strings.Contains(strings.Join(headers, "\n"), "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (p *phone) newBranch() string {
	return "z9hG4bK" + p.callID + strconv.Itoa(p.cseq) + sipgo.GenerateBranchN(6)
}

// invites sends a (re-)INVITE with the next CSeq.
func (p *phone) invites(body string, headers ...string) {
	p.cseq++
	p.inviteCSeq = p.cseq
	p.branch = p.newBranch()
	p.request("INVITE", p.branch, body, headers...)
}

// sends sends another request in the dialog with the next CSeq.
func (p *phone) sends(method, body string, headers ...string) {
	p.cseq++
	p.request(method, p.newBranch(), body, headers...)
}

func (p *phone) acks(body string) {
	cseq := p.cseq
	p.cseq = p.inviteCSeq
	p.request("ACK", p.newBranch(), body)
	p.cseq = cseq
}

// acksRefusal acknowledges a final answer other than 2xx: in the INVITE's own
// transaction (RFC 3261 section 17.1.1.3).
func (p *phone) acksRefusal() {
	cseq := p.cseq
	p.cseq = p.inviteCSeq
	p.request("ACK", p.branch, "")
	p.cseq = cseq
}

// refused sends an INVITE that gets this answer.
func (p *phone) refused(status int, body string, headers ...string) *sipgo.Response {
	p.w.t.Helper()
	p.invites(body, headers...)
	res := p.wants(status)
	p.acksRefusal()
	return res
}

// message is what a phone got.
type message struct {
	text string
	sipgo.Message
}

// gets waits for the next message, at most for a time.
func (p *phone) gets(within time.Duration) *message {
	select {
	case text := <-p.inbox:
		msg, err := sipgo.ParseMessage([]byte(text))
		if err != nil {
			p.w.t.Fatalf("got what is no SIP message: %v\n%s", err, text)
		}
		return &message{text, msg}
	case <-time.After(within):
		return nil
	}
}

// wants waits for a response with this status, letting provisional ones pass.
func (p *phone) wants(status int) *sipgo.Response {
	p.w.t.Helper()
	for {
		m := p.gets(5 * time.Second)
		if m == nil {
			p.w.t.Fatalf("want %d, got nothing", status)
		}
		res, ok := m.Message.(*sipgo.Response)
		if !ok {
			p.w.t.Fatalf("want %d, got a request:\n%s", status, m.text)
		}
		if res.StatusCode == status {
			if tag, ok := res.To().Params.Get("tag"); ok && p.toTag == "" && status >= 180 && status < 300 && res.CSeq().MethodName == sipgo.INVITE {
				p.toTag = tag
			}
			return res
		}
		if res.StatusCode >= 200 {
			p.w.t.Fatalf("want %d, got %s", status, m.text)
		}
	}
}

// wantsRequest waits for a request of the server and answers it, if status is not 0.
func (p *phone) wantsRequest(method string, within time.Duration, status int, headers ...string) *sipgo.Request {
	p.w.t.Helper()
	m := p.gets(within)
	if m == nil {
		p.w.t.Fatalf("want %s, got nothing within %v", method, within)
	}
	req, ok := m.Message.(*sipgo.Request)
	if !ok || string(req.Method) != method {
		p.w.t.Fatalf("want %s, got\n%s", method, m.text)
	}
	if status != 0 {
		p.answers(req, status, "", headers...)
	}
	return req
}

func (p *phone) answers(req *sipgo.Request, status int, body string, headers ...string) {
	res := sipgo.NewResponseFromRequest(req, status, "Whatever", nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		res.AppendHeader(sipgo.NewHeader(name, value))
	}
	if body != "" {
		res.AppendHeader(sipgo.NewHeader("Content-Type", "application/sdp"))
		res.SetBody([]byte(body))
	}
	p.raw(res.String())
}

func (p *phone) wantsNothing(within time.Duration) {
	p.w.t.Helper()
	if m := p.gets(within); m != nil {
		p.w.t.Fatalf("want nothing within %v, got\n%s", within, m.text)
	}
}

// calls makes a whole call: INVITE with an offer, 200, ACK.
func (p *phone) calls(headers ...string) *Call {
	p.w.t.Helper()
	p.invites(pcmaSDP, headers...)
	p.wants(200)
	p.acks("")
	return p.w.taken()
}

func (p *phone) hangsUp() {
	p.w.t.Helper()
	p.sends("BYE", "")
	p.wants(200)
}

func header(t *testing.T, msg sipgo.Message, name string) string {
	t.Helper()
	headers := msg.GetHeaders(name)
	if len(headers) == 0 {
		t.Fatalf("no %s in\n%s", name, msg.String())
	}
	return headers[0].Value()
}

func wantHeader(t *testing.T, msg sipgo.Message, name, want string) {
	t.Helper()
	if got := header(t, msg, name); got != want {
		t.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func wantEnded(t *testing.T, call *Call, byPeer bool, reason string) {
	t.Helper()
	select {
	case <-call.Done():
	case <-time.After(time.Minute):
		t.Fatal("the call has not ended")
	}
	e := call.Ended()
	if e.ByPeer != byPeer || !strings.Contains(e.Reason, reason) {
		t.Errorf("ended %+v, want by peer %v, reason with %q", e, byPeer, reason)
	}
	if said, want := call.Reason(), cmp.Or(e.Reason, map[bool]string{true: "hung up", false: "ended"}[byPeer]); said != want {
		t.Errorf("the log says %q, want %q", said, want)
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
