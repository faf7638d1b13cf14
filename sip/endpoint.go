package sip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"golang.org/x/time/rate"
)

// Listener is one open socket to serve: exactly one of Packet and Stream.
// It is ours and stays ours: closing the UA closes it.
type Listener struct {
	Name   string // as configured, e.g. "udp://0.0.0.0:5060"
	Packet net.PacketConn
	Stream net.Listener
}

// endpoint is one listener with sipgo's transport and transaction layers on
// it. There is one per listener because sipgo finds the socket for an answer
// by the peer's address alone: with two sockets in one layer an answer may
// leave from the wrong one.
type endpoint struct {
	listener    Listener
	transport   *sipgo.TransportLayer
	txs         *sipgo.TransactionLayer
	local       netip.AddrPort // of the socket; may be unspecified
	network     string         // "UDP" or "TCP"
	advertise   netip.Addr
	secret      [16]byte // seeds our tags; see arrived
	guard       *gate
	door        *doorman // nil over UDP
	connections connections
	coming      coming
	still       *stillness            // the user agent's
	asking      *atomic.Int64         // likewise
	responses   func(*sipgo.Response) // gets each response, in the order of their coming; must not block
	closed      atomic.Bool
	counters    *Counters
	log         *slog.Logger
}

// library sets what sipgo keeps in globals, once: responses over 1,300 bytes
// would vanish silently, and its log prints whole messages.
var library = sync.OnceFunc(func() {
	sipgo.UDPMTUSize = 65535
	sipgo.SetDefaultLogger(slog.New(slog.DiscardHandler))
})

// parser is sipgo's, but for Refer-To and Referred-By: of those it forgets what
// it does not understand, and splits them at commas. They are left as text.
func parser() *sipgo.Parser {
	known := maps.Clone(sipgo.DefaultHeadersParser())
	delete(known, "refer-to")
	delete(known, "referred-by")
	return sipgo.NewParser(sipgo.WithHeadersParsers(known))
}

// messages is the parser of those who have no transport layer.
var messages = parser()

func newEndpoint(u *UA, listener Listener) (*endpoint, error) {
	library()
	e := &endpoint{listener: listener, advertise: u.config.Advertise, secret: u.secret, counters: &u.Counters, log: u.log, responses: u.responded, still: &u.still, asking: &u.asking}
	guard := &gate{
		PacketConn: listener.Packet, trusted: u.config.Trusted, log: u.log, counters: &u.Counters,
		strange: &rate.Sometimes{First: 3, Interval: 10 * time.Second},
		failed:  u.undeliverable,
	}
	e.guard = guard
	e.coming.lost = func(n int) {
		guard.strange.Do(func() {
			u.log.Warn("requests were read, but never came to be served", "listener", listener.Name, "requests", n)
		})
	}
	var address net.Addr
	if listener.Packet != nil {
		e.network = "UDP"
		classify(listener.Packet)
		keepReturned(listener.Packet)
		address = listener.Packet.LocalAddr()
		e.listener.Packet = guard
	} else {
		e.network = "TCP"
		classify(listener.Stream)
		address = listener.Stream.Addr()
		e.door = newDoorman(listener.Stream, guard)
		e.listener.Stream = e.door
	}
	local, err := netip.ParseAddrPort(address.String())
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", listener.Name, err)
	}
	e.local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())

	quiet := slog.New(slog.DiscardHandler)
	e.transport = sipgo.NewTransportLayer(net.DefaultResolver, parser(), nil,
		sipgo.WithTransportLayerLogger(quiet),
		sipgo.WithTransportLayerTransports(sipgo.TransportsConfig{TCP: &sipgo.TransportTCP{WriteTimeout: writeTime, DialerCreate: leadOnly}}))
	guard.sources = func() int { return e.transport.Pool("udp").Size() }
	// Our hook is registered before the transaction layer's, and both run on
	// the reading goroutine: a message is still ours alone here.
	e.transport.OnMessage(e.arrived)
	e.txs = sipgo.NewTransactionLayer(e.transport,
		sipgo.WithTransactionLayerLogger(quiet),
		sipgo.WithTransactionLayerTerminateOnConnClose(),
		sipgo.WithTransactionLayerUnhandledResponseHandler(func(res *sipgo.Response) { u.strayResponse(e, res) }))
	e.txs.OnRequest(func(req *sipgo.Request, tx *sipgo.ServerTx) { u.serve(e, req, tx) })
	return e, nil
}

// serve reads the socket until closed is. sipgo's listener may end before that,
// see gate.crowded; the socket lives on and is served again.
func (e *endpoint) serve(closed <-chan struct{}) {
	defer e.guard.parking.gone()
	for {
		if e.listener.Packet != nil {
			e.transport.ServeUDP(e.listener.Packet)
		} else {
			e.transport.ServeTCP(e.listener.Stream)
		}
		select {
		case <-closed:
			return
		default:
		}
		if !e.guard.renewing.Swap(false) {
			time.Sleep(10 * time.Millisecond) // it should not end; if it does so again and again, not in a hurry
		}
	}
}

// ready waits until sipgo knows the socket under its own address. A request
// that leaves before would open a socket of its own (sipgo issue 367).
func (e *endpoint) ready() {
	if e.network != "UDP" {
		return
	}
	for e.transport.Pool("udp").Size() == 0 {
		time.Sleep(time.Millisecond)
	}
}

// closeSocket ends serve.
func (e *endpoint) closeSocket() {
	e.closed.Store(true)
	if e.listener.Packet != nil {
		e.listener.Packet.Close()
		return
	}
	e.listener.Stream.Close()
}

// closeLayers ends all connections and transactions, in this order: to end a
// transaction is to wait for what it is just writing.
func (e *endpoint) closeLayers() {
	e.transport.Close()
	e.txs.Close()
}

// arrived completes a request before anybody else sees it.
//
// received: RFC 3261 section 18.2.1 wants it when the sent-by host is not the
// source; sipgo adds it only together with rport.
//
// To tag: all answers to one INVITE must carry the same tag (8.2.6.2), but
// sipgo makes a fresh one for each, its own 487 to a CANCEL included. The tag
// is put into the request itself, computed from what identifies the INVITE, so
// that a retransmission gets the same one and no table is needed.
func (e *endpoint) arrived(msg sipgo.Message) {
	defer e.recovered()
	req, ok := msg.(*sipgo.Request)
	if !ok {
		if res, ok := msg.(*sipgo.Response); ok {
			e.responses(res)
		}
		return
	}
	if via := req.Via(); via != nil && !via.Params.Has("rport") {
		if host, _ := splitHostPort(req.Source()); host != via.Host {
			via.Params.Add("received", host)
		}
	}
	// CANCEL too: its answer carries the tag of the INVITE's (9.2).
	if to := req.To(); (makesDialogs(req) || req.IsCancel()) && to != nil && !to.Params.Has("tag") {
		to.Params.Add("tag", e.tag(req))
	}
	e.coming.read(req) // as sipgo will see it
}

// recovered keeps a panic from ending the reading of the socket. To be deferred.
func (e *endpoint) recovered() {
	if r := recover(); r != nil {
		e.counters.Panics.Add(1)
		e.log.Error("panic while reading a message: please report it", "err", r, "stack", string(debug.Stack()))
	}
}

// makesDialogs tells whether a request without a To tag may make a dialog (RFC
// 3261 section 12.1, RFC 6665 section 4.4.1, RFC 3515 section 2.4.4).
func makesDialogs(req *sipgo.Request) bool {
	return req.IsInvite() || req.Method == sipgo.SUBSCRIBE || req.Method == sipgo.REFER
}

// tag is the To tag that such a request gets from us.
func (e *endpoint) tag(req *sipgo.Request) string {
	h := sha256.New()
	h.Write(e.secret[:])
	h.Write([]byte(inviteKey(req)))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// fresh tells whether such a request came without a To tag: outside any dialog.
func (e *endpoint) fresh(req *sipgo.Request) bool {
	tag, _ := req.To().Params.Get("tag")
	return tag == e.tag(req)
}

// inviteKey identifies an INVITE and the CANCEL that goes with it (RFC 3261
// sections 9.2 and 17.2.3): both carry the same Call-ID, From tag, CSeq number
// and topmost branch.
func inviteKey(req *sipgo.Request) string {
	var callID, from, branch, sentBy string
	var cseq uint32
	if h := req.CallID(); h != nil {
		callID = h.Value()
	}
	if h := req.From(); h != nil {
		from, _ = h.Params.Get("tag")
	}
	if h := req.CSeq(); h != nil {
		cseq = h.SeqNo
	}
	if h := req.Via(); h != nil {
		branch, _ = h.Params.Get("branch")
		sentBy = h.SentBy()
	}
	return callID + "\n" + from + "\n" + strconv.FormatUint(uint64(cseq), 10) + "\n" + branch + "\n" + sentBy
}

// send transmits a request that has no transaction: an ACK to a 2xx. Over TCP a
// connection may have to be made first.
func (e *endpoint) send(d *Dialog, req *sipgo.Request) error {
	ctx, cancel := context.WithTimeout(context.Background(), 64*t1)
	defer cancel()
	return e.sendWithin(ctx, d, req)
}

// sendWithin is send for as long as ctx allows. Over TCP it is for a goroutine
// that is not in the middle of something else; see stillness.
func (e *endpoint) sendWithin(ctx context.Context, d *Dialog, req *sipgo.Request) error {
	if e.closed.Load() {
		return net.ErrClosed
	}
	e.address(d, req)
	if e.network == "TCP" {
		if err := e.connect(ctx, req); err != nil {
			return err
		}
		e.still.enter()
		defer e.still.leave()
	}
	return e.transport.WriteMsg(req)
}

// put sends a response that has no transaction, or none any more.
func (e *endpoint) put(res *sipgo.Response) error {
	if e.closed.Load() {
		return net.ErrClosed
	}
	to, err := netip.ParseAddrPort(res.Destination())
	if e.network != "UDP" || err != nil {
		return e.transport.WriteMsg(res)
	}
	// sipgo knows only those that it has heard of.
	_, err = e.guard.WriteTo([]byte(res.String()), net.UDPAddrFromAddrPort(to))
	return err
}

// connected tells whether there is a TCP connection to an address.
func (e *endpoint) connected(addr string) bool {
	conn := e.transport.Pool("tcp").Get(addr)
	if conn == nil {
		return false
	}
	conn.TryClose() // Get took a reference
	return true
}

// request runs one client transaction and returns its final response. The
// error is sipgo.ErrTransactionTimeout (to be treated as 408) or a transport error.
// again is called with each further 2xx to an INVITE; nil otherwise. sent is
// called when it has been sent for the first time; nil: nobody wants to know.
func (e *endpoint) request(ctx context.Context, d *Dialog, req *sipgo.Request, again, sent func()) (*sipgo.Response, error) {
	if e.closed.Load() {
		return nil, net.ErrClosed // sipgo would open a socket of its own
	}
	e.asking.Add(1)
	defer e.asking.Add(-1)
	e.address(d, req)
	if e.network == "TCP" {
		if err := e.connect(ctx, req); err != nil {
			return nil, err
		}
	}
	e.still.enter()
	tx, err := e.txs.Request(ctx, req)
	e.still.leave()
	if err != nil {
		return nil, err
	}
	if sent != nil {
		sent()
	}
	if again != nil {
		tx.OnRetransmission(func(*sipgo.Response) { again() })
	} else {
		defer tx.Terminate()
	}
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			if err := tx.Err(); err != nil {
				return nil, err
			}
			return nil, sipgo.ErrTransactionTerminated
		case <-ctx.Done():
			tx.Terminate()
			return nil, ctx.Err()
		}
	}
}

// address says where a request leaves from and goes to. Over UDP it leaves
// from the listening socket, as peers identify us by its port. Over TCP the
// connection that the call came in on is used as long as it lives (RFC 5923's
// idea), because a phone cannot always be dialled back.
func (e *endpoint) address(d *Dialog, req *sipgo.Request) {
	if e.network == "UDP" {
		req.Laddr = sipgo.Addr{IP: net.IP(e.local.Addr().AsSlice()), Port: int(e.local.Port())}
		return
	}
	if conn := e.transport.Pool("tcp").Get(d.Source); conn != nil {
		conn.TryClose() // Get took a reference
		req.SetDestination(d.Source)
	}
}

// hostFor is our own address as the peer reaches it: sip.advertise if set,
// else the listener's, else the one that the route to the peer leaves from.
func (e *endpoint) hostFor(peer string) netip.Addr {
	return e.advertised(e.localFor(peer))
}

// advertised is what a peer is told of a local address: sip.advertise, if that
// is of the same family.
func (e *endpoint) advertised(local netip.Addr) netip.Addr {
	if e.advertise.IsValid() && e.advertise.Is4() == local.Is4() {
		return e.advertise
	}
	return local
}

// localFor is the local address that packets to the peer leave from.
func (e *endpoint) localFor(peer string) netip.Addr {
	if !e.local.Addr().IsUnspecified() {
		return e.local.Addr()
	}
	return routeTo(peer, e.local.Addr())
}

// routeTo asks the kernel for the source address of a route; nothing is sent.
func routeTo(peer string, otherwise netip.Addr) netip.Addr {
	conn, err := net.Dial("udp", peer)
	if err != nil {
		return otherwise
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return otherwise
	}
	return local.Addr().Unmap()
}

// ours tells whether the host of a Request-URI is this server: an address of
// this machine, the advertised one, or the machine's name.
func (e *endpoint) ours(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		name, _ := hostname()
		return host == name || host == "localhost"
	}
	if addr == e.advertise || addr == e.local.Addr() || addr.IsLoopback() {
		return true
	}
	interfaces, _ := net.InterfaceAddrs()
	for _, i := range interfaces {
		if n, ok := i.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == addr.Unmap() {
				return true
			}
		}
	}
	return false
}
