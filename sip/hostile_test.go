package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Stories of peers and networks that do not do what they should.

// TestE2EPeerThatDoesNotRead: a full TCP connection stops neither the hangup
// nor the closing of the server.
func TestE2EPeerThatDoesNotRead(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		p := w.realPhone("tcp", addrs["tcp4"])
		call := p.calls()
		deaf, err := net.Dial("tcp", addrs["tcp4"]) // a second connection, in the same call
		if err != nil {
			t.Fatal(err)
		}
		defer deaf.Close()
		deaf.(*net.TCPConn).SetReadBuffer(2048)
		deaf.SetWriteDeadline(time.Now().Add(10 * time.Second))
		pad := strings.Repeat("Via: SIP/2.0/TCP proxy.example.com;branch=z9hG4bK"+strings.Repeat("x", 900)+"\r\n", 20)
		for range 20000 {
			p.cseq++
			text := strings.Replace(p.text("OPTIONS", p.newBranch(), ""), "Max-Forwards", pad+"Max-Forwards", 1)
			if _, err := deaf.Write([]byte(text)); err != nil {
				break // the server has hung up
			}
		}
		within(t, "Hangup", func() { call.Hangup("kick") })
		within(t, "the end of the call", func() { <-call.Done() })
		within(t, "Close", func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			w.ua.Close(ctx, "over")
		})
	})
}

// within fails when f takes longer than anything that is not stuck.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatalf("%s is stuck", what)
	}
}

func TestE2EPhoneThatConnectsAnew(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		p := w.realPhone("tcp", addrs["tcp4"])
		p.contact = "sip:alice@127.0.0.1:1;transport=tcp" // cannot be dialled
		call := p.calls()
		p.conn.Close()
		again := w.realPhone("tcp", addrs["tcp4"])
		again.callID, again.fromTag, again.toTag, again.cseq, again.contact = p.callID, p.fromTag, p.toTag, p.cseq, p.contact
		again.invites(pcmaSDP)
		again.wants(200)
		again.acks("")
		again.sends("OPTIONS", "")
		again.wants(200)
		call.Hangup("")
		again.wantsRequest("BYE", 3*time.Second, 200)
	})
}

func TestE2EConnectionClosedInMidCall(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		p := w.realPhone("tcp", addrs["tcp4"])
		p.contact = "sip:alice@" + l.Addr().String() + ";transport=tcp"
		call := p.calls()
		source := p.conn.LocalAddr().String()
		p.conn.Close()
		within(t, "noticing that the connection is closed", func() {
			for w.knowsConnection(source) {
				time.Sleep(time.Millisecond)
			}
		})
		call.Hangup("")
		l.(*net.TCPListener).SetDeadline(time.Now().Add(5 * time.Second))
		conn, err := l.Accept() // the BYE comes on a connection of its own
		if err != nil {
			t.Fatal(err)
		}
		w.phoneOn(conn).wantsRequest("BYE", 3*time.Second, 200)
	})
}

// knowsConnection tells whether an endpoint has a TCP connection to addr.
func (w *world) knowsConnection(addr string) bool {
	for _, e := range w.ua.endpoints {
		if conn := e.transport.Pool("tcp").Get(addr); conn != nil {
			conn.TryClose()
			return true
		}
	}
	return false
}

func TestE2ESeveralMessagesInOneSegment(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		p := w.realPhone("tcp", addrs["tcp4"])
		var all strings.Builder
		for range 3 {
			p.cseq++
			all.WriteString(p.text("OPTIONS", p.newBranch(), "") + "\r\n\r\n")
		}
		p.raw(all.String())
		for range 3 {
			p.wants(200)
		}
	})
}

func TestE2EConnectionsAreLimited(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		var open []net.Conn
		defer func() {
			for _, conn := range open {
				conn.Close()
			}
		}()
		refused := 0
		for range mostConnections + 20 {
			conn, err := net.Dial("tcp", addrs["tcp4"])
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, conn)
		}
		time.Sleep(200 * time.Millisecond)
		for _, conn := range open {
			conn.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := conn.Read(make([]byte, 1)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() {
					refused++
				}
			}
		}
		if refused != 20 {
			t.Errorf("%d connections refused, want 20", refused)
		}
	})
}

func TestEmptyLinesBeforeAMessage(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.cseq = 1
		p.raw("\r\n\r\n")
		p.raw("\r\n\r\n" + p.text("OPTIONS", p.newBranch(), ""))
		p.wants(200)
	})
}

// flaky is a wire that fails to send the first message with some beginning.
type flaky struct {
	*end
	beginning string
	failed    atomic.Bool
}

func (f *flaky) WriteTo(b []byte, to net.Addr) (int, error) {
	if strings.HasPrefix(string(b), f.beginning) && f.failed.CompareAndSwap(false, true) {
		return 0, errors.New("sendto: no buffer space available")
	}
	return f.end.WriteTo(b, to)
}

// onceUnsent makes the wire fail to send the first response with a status.
func onceUnsent(c *Config, status string) *flaky {
	f := &flaky{end: c.Listeners[0].Packet.(*end), beginning: "SIP/2.0 " + status}
	c.Listeners[0].Packet = f
	return f
}

func TestAnswerThatCouldNotBeSentIsSentAgain(t *testing.T) {
	var line *flaky
	inWorld(t, func(c *Config, _ *Handler) { line = onceUnsent(c, "200") }, func(w *world) {
		p := w.phone()
		p.calls()
		p.hangsUp()
	})
	if !line.failed.Load() {
		t.Error("the test has not failed to send anything")
	}
}

func TestContactThatCannotBeReached(t *testing.T) {
	for _, contact := range []string{"*", "<tel:+49200>", "<mailto:a@b>", "<sip:>", "<sip:a@127.0.0.1>, <sip:b@127.0.0.1>"} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.cseq, p.inviteCSeq = 1, 1
			p.branch = p.newBranch()
			p.raw(strings.Replace(p.text("INVITE", p.branch, pcmaSDP), "<"+p.contact+">", contact, 1))
			p.wants(400)
			p.acksRefusal()
		})
	}
}

func TestContactOfOursIsEscaped(t *testing.T) {
	for number, want := range map[string]string{
		"%235": "<sip:%235@127.0.0.1:5060>;isfocus", "52%3E": "<sip:52%3E@127.0.0.1:5060>;isfocus", "*15234": "<sip:*15234@127.0.0.1:5060>;isfocus",
	} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			p.target = "sip:" + number + "@" + server
			p.invites(pcmaSDP)
			wantHeader(t, p.wants(200), "Contact", want)
			p.acks("")
			w.taken()
			p.hangsUp()
		})
	}
}

func TestChallengeWithinACallIsLoggedAndEndsIt(t *testing.T) {
	log := &strings.Builder{}
	inWorld(t, func(c *Config, _ *Handler) { c.Log = logTo(log) }, func(w *world) {
		p := w.phone()
		call := p.calls()
		call.Hangup("")
		p.wantsRequest("BYE", time.Second, 401)
		time.Sleep(time.Second)
	})
	if !strings.Contains(log.String(), "without auth") {
		t.Errorf("log: %s", log)
	}
}

func TestManySourcesAreForgotten(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		call := w.phone()
		call.calls()
		p := w.phone()
		own := p.addr
		for i := range mostSources + 2000 {
			p.addr = fmt.Sprintf("127.%d.%d.%d:5060", i>>16, i>>8&255, i&255)
			p.cseq++
			w.wire.in <- datagram{p.text("ACK", "z9hG4bK"+fmt.Sprint(i), ""), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(p.addr))}
		}
		time.Sleep(time.Second)
		if n := w.ua.endpoints[0].transport.Pool("udp").Size(); n > 5000 {
			t.Errorf("sipgo remembers %d addresses", n)
		}
		p.addr = own
		p.sends("OPTIONS", "")
		p.wants(200)
		call.hangsUp()
	})
}

func TestAdvertisedAddress(t *testing.T) {
	inWorld(t, func(c *Config, _ *Handler) { c.Advertise = netip.MustParseAddr("203.0.113.5") }, func(w *world) {
		p := w.phone()
		p.invites(pcmaSDP)
		res := p.wants(200)
		wantHeader(t, res, "Contact", "<sip:5234@203.0.113.5:5060>;isfocus")
		if !strings.Contains(string(res.Body()), "c=IN IP4 203.0.113.5\r\n") {
			t.Errorf("SDP\n%s", res.Body())
		}
		p.acks("")
		w.taken().Hangup("")
		if via := p.wantsRequest("BYE", time.Second, 200).Via(); via.Host != "203.0.113.5" {
			t.Errorf("Via %s", via.Value())
		}
	})
	if got := (&endpoint{advertise: netip.MustParseAddr("203.0.113.5")}).advertised(netip.IPv6Loopback()); got != netip.IPv6Loopback() {
		t.Errorf("an IPv6 peer is told %v", got)
	}
}

func TestRportIsFilledIn(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.cseq = 1
		p.raw(strings.Replace(p.text("OPTIONS", p.newBranch(), ""), p.addr+";branch", "192.168.7.7:5060;branch", 1))
		via := p.wants(200).Via()
		rport, _ := via.Params.Get("rport")
		received, _ := via.Params.Get("received")
		if net.JoinHostPort(received, rport) != p.addr {
			t.Errorf("Via %s, want the source %s", via.Value(), p.addr)
		}
	})
}

func TestStrangersAreLoggedNowAndThen(t *testing.T) {
	log := &strings.Builder{}
	inWorld(t, func(c *Config, _ *Handler) { c.Log = logTo(log) }, func(w *world) {
		p := w.phone()
		for i := range 1000 {
			p.addr = fmt.Sprintf("192.0.2.%d:5060", i%250)
			p.sends("OPTIONS", "")
		}
		time.Sleep(time.Second)
	})
	if n := strings.Count(log.String(), "untrusted"); n < 1 || n > 5 {
		t.Errorf("%d lines about 1,000 strangers", n)
	}
}

func FuzzReadable(f *testing.F) {
	f.Add([]byte("OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\n\r\n"))
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK-invite-x\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n" +
		"Contact: <sip:x@y>\r\nRecord-Route: <sip:p;lr>, <sip:q>\r\n\r\n"))
	e := &endpoint{counters: &Counters{}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if readable(data) != nil {
			return
		}
		msg, _ := sipgo.ParseMessage(data)
		if res, ok := msg.(*sipgo.Response); ok {
			invited(res)
			refusedBy(res)
			challengesIn(res)
			asserted(res)
			d := Dialog{LocalURI: "sip:a@b", RemoteURI: "sip:c@d", RemoteTarget: "sip:c@d", Transport: "UDP"}.answered(res)
			if _, err := d.request(sipgo.BYE); err == nil {
				d.ack(1)
			}
		}
		if req, ok := msg.(*sipgo.Request); ok {
			e.arrived(req)
			if validate(req, func(string) bool { return true }) == nil {
				sipgo.NewResponseFromRequest(req, 200, "OK", nil)
				identityOf(req)
				newUASDialog(req)
				new(UA).wantedTimer(req)
			}
		}
		if n := e.counters.Panics.Load(); n != 0 {
			t.Error("a panic while reading")
		}
	})
}

func TestProvisionalAnswerThatCouldNotBeSent(t *testing.T) {
	t.Run("180", func(t *testing.T) {
		inWorld(t, func(c *Config, _ *Handler) { onceUnsent(c, "180") }, func(w *world) {
			p := w.phone()
			p.calls()
			p.hangsUp()
		})
	})
	t.Run("100", func(t *testing.T) {
		inWorld(t, func(c *Config, _ *Handler) { onceUnsent(c, "100") }, func(w *world) {
			p := w.phone()
			p.invites(pcmaSDP)
			again := p.text("INVITE", p.branch, pcmaSDP)
			p.wantsNothing(500 * time.Millisecond)
			p.raw(again) // what any phone does then
			p.wants(200)
			p.acks("")
			w.taken()
			p.hangsUp()
		})
	})
}

func TestE2ERequestOverUDPWithinATCPCall(t *testing.T) {
	inRealWorld(t, func(w *world, addrs map[string]string) {
		p := w.realPhone("tcp", addrs["tcp4"])
		p.contact = "sip:alice@127.0.0.1:1" // cannot be dialled
		call := p.calls()
		other := w.realPhone("udp", addrs["udp4"])
		other.callID, other.fromTag, other.toTag, other.cseq, other.contact = p.callID, p.fromTag, p.toTag, p.cseq, p.contact
		other.sends("OPTIONS", "")
		other.wants(200)
		call.Hangup("")
		p.wantsRequest("BYE", 3*time.Second, 200)
	})
}
