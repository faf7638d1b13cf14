package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestWeCallAndThePeerHangsUp(t *testing.T) {
	legs := &watched{}
	inWorld(t, func(c *Config, _ *Handler) { c.Media = legs }, func(w *world) {
		p := w.phone()
		a := w.dials(p, func(t *Target) { t.Headers = []Header{{"X-Sipconf-Via", "abc"}} })
		if a.Leg() == nil || a.Progress() != (Progress{}) {
			t.Errorf("at the beginning: leg %v, progress %+v", a.Leg(), a.Progress())
		}
		c := p.rung()
		for name, want := range map[string]string{
			"Contact": "<sip:5234@127.0.0.1:5060>;isfocus", "Allow": allowedMethods, "Supported": "timer, 100rel, replaces, norefersub", "Accept": "application/sdp",
			"Session-Expires": "1800", "Min-SE": "90", "User-Agent": "sipconf/test", "X-Sipconf-Via": "abc", "Max-Forwards": "70",
			"Content-Type": "application/sdp", "To": "<sip:200@127.0.0.1>",
		} {
			wantHeader(t, c.invite, name, want)
		}
		from := c.invite.From()
		if from.DisplayName != "Room 5234" || from.Address.String() != "sip:5234@127.0.0.1" || a.ID() != c.invite.CallID().Value() {
			t.Errorf("From: %s, Call-ID %s", from.Value(), a.ID())
		}
		if uri := c.invite.Recipient.String(); uri != "sip:200@"+p.addr {
			t.Errorf("Request-URI %s", uri)
		}
		offer := string(c.invite.Body())
		for _, want := range []string{"m=audio 20000 RTP/AVP 8 0 101\r\n", "a=rtpmap:101 telephone-event/8000\r\n", "c=IN IP4 127.0.0.1\r\n", "a=sendrecv\r\n"} {
			if !strings.Contains(offer, want) {
				t.Errorf("the offer lacks %q:\n%s", want, offer)
			}
		}
		c.says(100, "")
		moved(t, a, 100, false)
		c.says(180, "")
		moved(t, a, 180, false)
		if !a.Progress().Ringing() {
			t.Error("it does not ring")
		}
		for len(a.Progressed()) > 0 {
			<-a.Progressed()
		}
		c.says(180, "")
		time.Sleep(time.Second)
		if len(a.Progressed()) > 0 {
			t.Error("the same again is no progress")
		}
		c.says(200, pcmaSDP)
		ack := c.wantsACK()
		if got := ack.Recipient.String(); got != c.contact || branchOf(ack) == branchOf(c.invite) {
			t.Errorf("ACK for %s in branch %s", got, branchOf(ack))
		}
		call := answered(t, a)
		if remote, held, _ := agreedOf(call); remote != "127.0.0.1:40000" || held {
			t.Errorf("media goes to %s, held %v", remote, held)
		}
		if call.Leg() != a.Leg() || call.Number() != "200" || call.Source() != p.addr || call.ID() != a.ID() {
			t.Errorf("the call: number %q, source %s, ID %s", call.Number(), call.Source(), call.ID())
		}
		if name, number := call.Caller(); name != "" || number != "200" {
			t.Errorf("the peer is %q %q", name, number)
		}
		if w.ua.Calls() != 1 {
			t.Errorf("%d calls", w.ua.Calls())
		}
		legs.wantClosed(t, false)
		c.sends("BYE", "", "Reason: Q.850;cause=16")
		c.wants(200)
		wantEnded(t, call, true, "cause=16")
		time.Sleep(time.Second)
		legs.wantClosed(t, true)
	})
}

func TestWeCallAndHangUp(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p, proxy := w.phone(), w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(200, pcmaSDP, "Record-Route: <sip:far.example.com;lr>, <sip:"+proxy.addr+";lr>")
		// 12.1.2: the last one in the list is next to us.
		ack := proxy.wantsRequest("ACK", time.Second, 0)
		call := answered(t, a)
		call.Hangup("the room has ended")
		bye := proxy.wantsRequest("BYE", time.Second, 200)
		for _, req := range []*sipgo.Request{ack, bye} {
			var routes []string
			for _, h := range req.GetHeaders("Route") {
				routes = append(routes, h.Value())
			}
			wantList(t, "route of "+string(req.Method), routes, "<sip:"+proxy.addr+";lr> <sip:far.example.com;lr>")
			if got := req.Recipient.String(); got != p.contact {
				t.Errorf("%s for %s", req.Method, got)
			}
		}
		wantHeader(t, bye, "Reason", `Q.850;cause=16;text="the room has ended"`)
		if to, _ := bye.To().Params.Get("tag"); to != c.tag || bye.CSeq().SeqNo != c.invite.CSeq().SeqNo+1 {
			t.Errorf("BYE:\n%s", bye)
		}
		wantEnded(t, call, false, "room has ended")
	})
}

func TestThe200AgainIsAcknowledgedAgain(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(200, pcmaSDP)
		first := c.wantsACK()
		call := answered(t, a)
		c.says(200, pcmaSDP)
		if again := c.wantsACK(); again.String() != first.String() {
			t.Errorf("another ACK:\n%s\n%s", again, first)
		}
		c.sends("BYE", "")
		c.wants(200)
		wantEnded(t, call, true, "")
		time.Sleep(5 * time.Second)
		c.says(200, pcmaSDP) // it has overtaken nothing: the call is gone, its ACK is not
		c.wantsACK()
		p.wantsNothing(40 * time.Second)
		c.says(200, pcmaSDP) // after 64*T1 nobody sends it any more
		p.wantsNothing(10 * time.Second)
	})
}

func TestTwoPhonesAnswer(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		one := p.rung()
		two, three := one.fork("two"), one.fork("three")
		one.says(180, "")
		two.says(180, "")
		two.says(200, pcmaSDP)
		one.says(200, pcmaSDP) // before anybody knows
		two.wantsACK()
		call := answered(t, a)
		one.wantsACK()
		one.wantsRequest("BYE", time.Second, 200)
		time.Sleep(time.Second)
		three.says(200, pcmaSDP)
		three.wantsACK()
		three.wantsRequest("BYE", time.Second, 200)
		for _, other := range []*callee{one, three} {
			other.says(200, pcmaSDP)
			other.wantsACK()
			other.sends("OPTIONS", "")
			other.wants(481) // that dialog is no more
		}
		two.sends("OPTIONS", "")
		two.wants(200)
		two.sends("BYE", "")
		two.wants(200)
		wantEnded(t, call, true, "")
	})
}

func TestRefusals(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		ring := func(status int, headers ...string) *Failure {
			p := w.phone()
			a := w.dials(p)
			c := p.rung()
			c.says(100, "")
			c.refuses(status, headers...)
			f := failed(t, a, Refused, status)
			c.says(status, "", headers...) // the ACK was lost
			c.wantsACK()
			p.wantsNothing(time.Second)
			return f
		}
		busy := ring(486, `Reason: Q.850;cause=17;text="The 5\" one, busy; sorry"`, "Reason: SIP;cause=486, X;cause=z")
		if fmt.Sprint(busy.Reasons) != `[{Q.850 17 The 5\" one, busy; sorry} {SIP 486 } {X 0 }]` || busy.Q850() != 17 {
			t.Errorf("reasons %v", busy.Reasons)
		}
		if got := busy.Error(); got != "486 Whatever (Q.850 cause 17)" {
			t.Errorf("%q", got)
		}
		for header, want := range map[string]time.Duration{"120": 2 * time.Minute, "18000;duration=3600": 5 * time.Hour, "10 (in a meeting)": 10 * time.Second, "soon": 0} {
			if f := ring(503, "Retry-After: "+header); f.RetryAfter != want {
				t.Errorf("Retry-After: %s: %v", header, f.RetryAfter)
			}
		}
		moved := ring(302, "Contact: <sip:3@h;transport=tcp>;q=0.3, \"Bob\" <sip:1@h>;q=1.0", "Contact: <sip:2@h>;q=0.7")
		// the harness adds the phone's own, which has no q, and that means 1
		if n := len(moved.Contacts); n != 4 || strings.Join(moved.Contacts[1:], " ") != "sip:1@h sip:2@h sip:3@h;transport=tcp" {
			t.Errorf("contacts %v", moved.Contacts)
		}
		for _, status := range []int{380, 400, 403, 404, 408, 415, 421, 480, 487, 488, 500, 501, 513, 600, 603, 606} {
			if f := ring(status); status < 400 && len(f.Contacts) != 1 || status >= 400 && f.Contacts != nil {
				t.Errorf("%d: contacts %v", status, f.Contacts)
			}
		}
		ring(401) // without a challenge that can be read
		ring(407, `Proxy-Authenticate: Digest realm="pbx", nonce="n"`)
	})
}

func TestNobodyThere(t *testing.T) {
	legs := &watched{}
	inWorld(t, func(c *Config, _ *Handler) { c.Media = legs }, func(w *world) {
		p := w.phone()
		start, times := time.Now(), []string{}
		a := w.dials(p)
		var first string
		for m := p.gets(40 * time.Second); m != nil; m = p.gets(40 * time.Second) {
			times = append(times, time.Since(start).Round(100*time.Millisecond).String())
			if first == "" {
				first = m.text
			}
			if m.text != first {
				t.Errorf("another INVITE:\n%s\n%s", first, m.text)
			}
		}
		wantList(t, "INVITE at", times, "0s 500ms 1.5s 3.5s 7.5s 15.5s 31.5s") // 17.1.1.2
		failed(t, a, Unreachable, 408)
		legs.wantClosed(t, true)
	})
}

func TestUnreachableAfter32s(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		start := time.Now()
		a := w.dials(w.phone())
		<-a.Done()
		if d := time.Since(start); d != 32*time.Second {
			t.Errorf("unreachable after %v", d)
		}
		if err := failed(t, a, Unreachable, 408).Error(); err != "unreachable: no response" {
			t.Errorf("%q", err)
		}
	})
}

func TestNobodyPicksUp(t *testing.T) {
	for _, test := range []struct{ timeout, want time.Duration }{{0, time.Minute}, {20 * time.Second, 20 * time.Second}} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			start := time.Now()
			a := w.dials(p, func(t *Target) { t.Timeout = test.timeout })
			c := p.rung()
			c.says(180, "")
			<-a.Done()
			if d := time.Since(start); d != test.want {
				t.Errorf("given up after %v, want %v", d, test.want)
			}
			failed(t, a, NoAnswer, 408)
			c.wantsCANCEL(time.Second)
			c.refuses(487)
		})
	}
}

func TestShortPatienceWithAPeerThatSaysNothing(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, func(t *Target) { t.Timeout = 5 * time.Second })
		c := p.rung()
		for p.gets(5*time.Second) != nil {
			continue
		}
		failed(t, a, Unreachable, 408)
		c.says(180, "") // it was slow
		c.wantsCANCEL(time.Second)
		c.refuses(487)
	})
}

func TestUnusableAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no SDP":        "",
		"unreadable":    "v=0\r\nhello\r\n",
		"no audio":      described("sendrecv", "127.0.0.1", 0, 1),
		"other codec":   strings.ReplaceAll(strings.ReplaceAll(pcmaSDP, "AVP 8 101", "AVP 18"), "a=rtpmap:8 PCMA/8000\r\n", ""),
		"two streams":   pcmaSDP + "m=video 40002 RTP/AVP 96\r\n",
		"SRTP":          srtpSDP,
		"a host's name": described("sendrecv", "phone.example.com", 40000, 1),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.t = t
				p := w.phone()
				a := w.dials(p)
				c := p.rung()
				c.says(200, body)
				c.wantsACK()
				bye := c.wantsRequest("BYE", time.Second, 200)
				wantHeader(t, bye, "Reason", `SIP;cause=488;text="Not Acceptable Here"`)
				if f := failed(t, a, Unusable, 488); f.Err == nil || f.Unwrap() != f.Err {
					t.Errorf("%v does not say what is wrong", f)
				}
				c.says(200, body)
				c.wantsACK()
				p.wantsNothing(40 * time.Second)
			})
		})
	}
}

func Test422IsObeyedOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.refuses(422, "Min-SE: 3600")
		again := p.rung()
		wantHeader(t, again.invite, "Session-Expires", "3600")
		wantHeader(t, again.invite, "Min-SE", "3600")
		if again.invite.CSeq().SeqNo != c.invite.CSeq().SeqNo+1 || branchOf(again.invite) == branchOf(c.invite) ||
			again.invite.CallID().Value() != a.ID() || again.invite.From().Value() != c.invite.From().Value() {
			t.Errorf("the second INVITE:\n%s", again.invite)
		}
		again.refuses(422, "Min-SE: 7200")
		failed(t, a, Refused, 422)
		p.wantsNothing(10 * time.Second)
	})
	for _, header := range []string{"Min-SE: 90", "Min-SE: horse", "X-Min-SE: 3600"} { // nothing to obey
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			a := w.dials(p)
			p.rung().refuses(422, header)
			failed(t, a, Refused, 422)
		})
	}
}

func Test420LeavesOutWhatThePeerDoesNotSupport(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		p.rung().refuses(420, "Unsupported: 100rel")
		again := p.rung()
		wantHeader(t, again.invite, "Supported", "timer, replaces, norefersub")
		again.refuses(420, "Unsupported: foo, timer, replaces, norefersub")
		again = p.rung()
		if again.invite.GetHeader("Supported") != nil || again.invite.GetHeader("Session-Expires") != nil || again.invite.GetHeader("Min-SE") != nil {
			t.Errorf("the third INVITE:\n%s", again.invite)
		}
		again.refuses(420, "Unsupported: timer")
		failed(t, a, Refused, 420)
		p.wantsNothing(10 * time.Second)
	})
}

func Test491IsTriedAgainOnce(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		p.rung().refuses(491)
		p.wantsNothing(2099 * time.Millisecond) // the owner of the Call-ID waits for 2.1 to 4 s (14.1)
		again := p.rung()
		again.refuses(491)
		failed(t, a, Refused, 491)
	})
	inWorld(t, nil, func(w *world) { // nobody wants it any more meanwhile
		p := w.phone()
		a := w.dials(p)
		p.rung().refuses(491)
		a.Cancel("")
		failed(t, a, Cancelled, 487)
		p.wantsNothing(10 * time.Second)
		if w.ua.Calls() != 0 {
			t.Error("the attempt is still there")
		}
	})
}

func TestWaitAndItsContext(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		c.says(100, "")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := a.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited: %v", err)
		}
		select {
		case <-a.Done():
			t.Error("done, but not decided")
		default:
		}
		c.says(200, pcmaSDP)
		c.wantsACK()
		<-a.Done()
		if call, err := a.Wait(ctx); call == nil || err != nil { // a result that is there wins
			t.Errorf("waited again: %v", err)
		}
	})
}

func TestCloseWhileItRings(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		rings, silent, talks := w.phone(), w.phone(), w.phone()
		one := w.dials(rings)
		r := rings.rung()
		r.says(180, "")
		two := w.dials(silent)
		silent.rung()
		three := w.dials(talks)
		c := talks.rung()
		c.picksUp(three)
		closed := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			closed <- w.ua.Close(ctx, "server is shutting down")
		}()
		cancel := r.wantsCANCEL(time.Second)
		wantHeader(t, cancel, "Reason", `Q.850;cause=16;text="server is shutting down"`)
		r.refuses(487)
		c.wantsRequest("BYE", time.Second, 200)
		failed(t, one, Cancelled, 487)
		failed(t, two, Cancelled, 487)
		if err := <-closed; err != nil {
			t.Errorf("closing: %v", err) // although silent has said nothing
		}
		if _, err := w.ua.Invite(context.Background(), Target{URI: "sip:200@127.0.0.1"}); !errors.Is(err, ErrDraining) {
			t.Errorf("an INVITE of a closed user agent: %v", err)
		}
	})
}

func TestPanicWhileWeCall(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		_, a, c := w.ringsAtAPhone()
		a.call.post(func() { panic("boom") })
		c.wantsCANCEL(time.Second)
		c.refuses(487)
		failed(t, a, Unusable, 500)
		if n := w.ua.Counters.Panics.Swap(0); n != 1 {
			t.Errorf("%d panics counted", n)
		}
	})
}

func TestTargetsThatAreRefused(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		good := Target{URI: "sip:200@127.0.0.1:6000"}
		for want, change := range map[string]func(*Target){
			"not a SIP URI":     func(t *Target) { t.URI = "sip:200@127.0.0.1\r\nX:y" },
			"not a sip: URI":    func(t *Target) { t.URI = "sips:200@127.0.0.1" },
			"a host":            func(t *Target) { t.URI = "sip:" },
			"transport TLS":     func(t *Target) { t.URI += ";transport=tls" },
			"is TCP":            func(t *Target) { t.URI += ";transport=TCP" },
			"is UDP":            func(t *Target) { t.URI = "sip:200@[::1]" },
			"not in sip.truste": func(t *Target) { t.URI = "sip:200@192.0.2.1" },
			"cannot be added":   func(t *Target) { t.Headers = []Header{{"X-A", "b\r\nVia: x"}} },
			`header "": "b"`:    func(t *Target) { t.Headers = []Header{{"", "b"}} },
			`header "X A"`:      func(t *Target) { t.Headers = []Header{{"X A", "b"}} },
			`header "Via"`:      func(t *Target) { t.Headers = []Header{{"Via", "b"}} },
			"not a host":        func(t *Target) { t.FromHost = "a>b" },
			"cannot be sent":    func(t *Target) { t.User = "a\r\nVia: x" },
		} {
			target := good
			change(&target)
			if a, err := w.ua.Invite(context.Background(), target); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v %v, want an error with %q", target, a, err, want)
			}
			var f *Failure
			if _, _, err := w.ua.Options(context.Background(), target); err == nil || errors.As(err, &f) && !strings.Contains(err.Error(), want) {
				t.Errorf("OPTIONS %+v: %v", target, err)
			}
		}
		if w.ua.Calls() != 0 {
			t.Errorf("%d calls", w.ua.Calls())
		}
	})
}

func TestNamesThatNeedCare(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		w.dials(p, func(t *Target) {
			t.From = Identity{Name: "Ann \"A\" \\ B\r\nVia: x", Number: "5 2>#"}
			t.FromHost, t.Focus = "pbx.example.com", "#1"
		})
		m := p.gets(time.Second)
		if !strings.Contains(m.text, "\r\nFrom: \"Ann \\\"A\\\" \\\\ BVia: x\" <sip:5%202%3E%23@pbx.example.com>;tag=") {
			t.Errorf("From in\n%s", m.text)
		}
		if !strings.Contains(m.text, "\r\nContact: <sip:%231@127.0.0.1:5060>;isfocus\r\n") {
			t.Errorf("Contact in\n%s", m.text)
		}
	})
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		w.dials(p, func(t *Target) { t.From = Identity{} })
		if from := p.rung().invite.From(); from.Address.User != "sipconf" || from.DisplayName != "" {
			t.Errorf("From %s", from.Value())
		}
	})
}

func TestNoPortsForACallOfOurs(t *testing.T) {
	inWorld(t, func(c *Config, _ *Handler) { c.Media = brokenMedia{} }, func(w *world) {
		_, err := w.ua.Invite(context.Background(), Target{URI: "sip:200@127.0.0.1"})
		if err == nil || w.ua.Calls() != 0 {
			t.Errorf("%v, %d calls", err, w.ua.Calls())
		}
	})
}

func TestAdvertisedAddressInOurINVITE(t *testing.T) {
	inWorld(t, func(c *Config, _ *Handler) { c.Advertise = netip.MustParseAddr("203.0.113.5") }, func(w *world) {
		p := w.phone()
		w.dials(p)
		c := p.rung()
		wantHeader(t, c.invite, "Contact", "<sip:5234@203.0.113.5:5060>;isfocus")
		if via, from := c.invite.Via(), c.invite.From(); via.Host != "203.0.113.5" || via.Port != 5060 || from.Address.Host != "203.0.113.5" {
			t.Errorf("Via %s, From %s", via.Value(), from.Value())
		}
		if !strings.Contains(string(c.invite.Body()), "c=IN IP4 203.0.113.5\r\n") {
			t.Errorf("SDP\n%s", c.invite.Body())
		}
	})
}

// onLog does something at each line of the log.
type onLog func()

func (f onLog) Enabled(context.Context, slog.Level) bool  { return true }
func (f onLog) Handle(context.Context, slog.Record) error { f(); return nil }
func (f onLog) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f onLog) WithGroup(string) slog.Handler             { return f }

func TestPanicJustAfterTheAnswer(t *testing.T) {
	repair := func() {}
	inWorld(t, func(c *Config, _ *Handler) { c.Log = slog.New(onLog(func() { repair() })) }, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		c := p.rung()
		leg := a.Leg()
		repair = func() { a.call.leg.Store(leg) }
		a.call.post(func() { a.call.leg.Store(nil) }) // so that to agree on anything panics
		c.says(200, pcmaSDP)
		c.wantsRequest("BYE", time.Second, 200)
		failed(t, a, Unusable, 500)
		if n := w.ua.Counters.Panics.Swap(0); n == 0 {
			t.Error("no panic counted")
		}
	})
}
