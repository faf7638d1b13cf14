package sip

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/sipconf/sipconf/media"
)

type brokenMedia struct{}

func (brokenMedia) Open(netip.Addr) (*media.Leg, error) { return nil, errors.New("no ports") }

// TestRequestsAreAnsweredAsRFC3261Orders sends one wrong request each and
// then a good call.
func TestRequestsAreAnsweredAsRFC3261Orders(t *testing.T) {
	with := func(old, new string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, new, 1) }
	}
	tests := []struct {
		name, method, body string
		headers            []string
		change             func(string) string
		want               int
		header, value      string
	}{
		{name: "another version", method: "OPTIONS", change: with("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), want: 505},
		{name: "no Call-ID", method: "OPTIONS", change: with("Call-ID:", "X-ID:"), want: 400},
		{name: "two Call-IDs", method: "OPTIONS", headers: []string{"i: other"}, want: 400},
		{name: "CSeq of another method", method: "OPTIONS", change: with(" OPTIONS\r\nMax", " INVITE\r\nMax"), want: 400},
		{name: "known method", method: "REGISTER", want: 405, header: "Allow", value: allowedMethods},
		{name: "unknown method", method: "DANCE", want: 501},
		{name: "scheme", method: "OPTIONS", change: with("OPTIONS sip:", "OPTIONS nobody:"), want: 416},
		{name: "sips without TLS", method: "OPTIONS", change: with("OPTIONS sip:", "OPTIONS sips:"), want: 416},
		{name: "headers in the Request-URI", method: "OPTIONS", change: with("@127.0.0.1:5060 ", "@127.0.0.1:5060?Route=x "), want: 400},
		{name: "extension", method: "INVITE", body: pcmaSDP, headers: []string{"Require: timer, magic, 100rel"}, want: 420, header: "Unsupported", value: "magic"},
		{name: "media type", method: "INVITE", body: "hello", headers: []string{"Content-Type: text/plain"}, want: 415, header: "Accept", value: "application/sdp"},
		{name: "encoding", method: "INVITE", body: pcmaSDP, headers: []string{"Content-Encoding: gzip", "Content-Type: application/sdp"}, want: 415, header: "Accept-Encoding", value: "identity"},
		{name: "SDP that is none", method: "INVITE", body: "v=0\r\nnonsense\r\n", want: 400},
		{name: "codecs", method: "INVITE", body: strings.NewReplacer("8 101", "18", "a=rtpmap:8 PCMA/8000\r\n", "a=rtpmap:18 G729/8000\r\n", "a=rtpmap:101 telephone-event/8000\r\n", "").Replace(pcmaSDP), want: 488},
		{name: "hops", method: "OPTIONS", change: func(s string) string {
			return strings.NewReplacer("Max-Forwards: 70", "Max-Forwards: 0", "sip:5234@127.0.0.1:5060", "sip:5234@192.0.2.77").Replace(s)
		}, want: 483},
		{name: "no hops left, but it is for us", method: "OPTIONS", change: with("Max-Forwards: 70", "Max-Forwards: 0"), want: 200},
		{name: "dialog", method: "BYE", change: with("To: <sip:5234@127.0.0.1>", "To: <sip:5234@127.0.0.1>;tag=stranger"), want: 481},
		{name: "BYE outside a dialog", method: "BYE", want: 481},
		{name: "Contact", method: "INVITE", body: pcmaSDP, change: with("Contact:", "X-Contact:"), want: 400},
		{name: "OPTIONS", method: "OPTIONS", want: 200, header: "Allow-Events", value: allowEvents},
		{name: "header line without a colon", method: "OPTIONS", change: with("Max-Forwards: 70", "Max-Forwards 70"), want: 400},
		{name: "body that is cut off", method: "INVITE", body: pcmaSDP, change: func(s string) string { return s[:len(s)-30] }, want: 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				p := w.phone()
				p.cseq, p.inviteCSeq = 1, 1
				p.branch = p.newBranch()
				text := p.text(test.method, p.branch, test.body, test.headers...)
				if test.change != nil {
					changed := test.change(text)
					if changed == text {
						t.Fatal("the change does not change anything")
					}
					text = changed
				}
				p.raw(text)
				res := p.wants(test.want)
				if test.header != "" {
					wantHeader(t, res, test.header, test.value)
				}
				if test.want == 488 && !strings.HasPrefix(header(t, res, "Warning"), "305 ") {
					t.Errorf("Warning: %s", header(t, res, "Warning"))
				}
				if test.method == "INVITE" {
					p.acksRefusal()
				}
				good := w.phone()
				good.calls()
				good.hangsUp()
			})
		})
	}
}

func TestReceivedIsAddedWhenSentByIsNotTheSource(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.cseq = 1
		_, port := splitHostPort(p.addr)
		text := strings.Replace(p.text("OPTIONS", p.newBranch(), ""), p.addr+";branch", strings.Replace(p.addr, "127.0.0.1", "phone.example.com", 1)+";branch", 1)
		p.raw(strings.Replace(text, ";rport", "", 1))
		via := p.wants(200).Via()
		if got, _ := via.Params.Get("received"); got != "127.0.0.1" || via.Port != port {
			t.Errorf("Via %s", via.Value())
		}
	})
}

func TestStrangersAreForbidden(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		p.addr = "192.0.2.1:5060"
		w.wire.listen(p.addr, p.inbox)
		p.refused(403, pcmaSDP)
		if n := w.ua.Counters.Untrusted.Load(); n < 1 {
			t.Errorf("%d counted", n)
		}
		if n := w.ua.endpoints[0].transport.Pool("udp").Size(); n != 1 {
			t.Errorf("sipgo keeps %d addresses, want that of the listener alone", n)
		}
		good := w.phone()
		good.calls()
		good.hangsUp()
	})
}

func TestIdentity(t *testing.T) {
	tests := []struct{ headers, name, number string }{
		{"", "Alice", "100"},
		{`P-Asserted-Identity: "Bob, B." <sip:200@pbx>, <tel:+49200>` + "\n" + `Remote-Party-ID: "Carl" <sip:300@pbx>;party=calling`, "Bob, B.", "200"},
		{`Remote-Party-ID: "Carl" <sip:300@pbx>;party=calling;privacy=off`, "Carl", "300"},
		{`P-Asserted-Identity: <tel:+49200;ext=1>`, "", "+49200"},
		{`P-Asserted-Identity: "Bob" <sip:200@pbx>` + "\nPrivacy: id", "anonymous", ""},
		{`P-Asserted-Identity: broken`, "Alice", "100"},
	}
	for _, test := range tests {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			var headers []string
			if test.headers != "" {
				headers = strings.Split(test.headers, "\n")
			}
			call := p.calls(headers...)
			if name, number := call.Caller(); name != test.name || number != test.number {
				t.Errorf("%s: caller %q %q, want %q %q", test.headers, name, number, test.name, test.number)
			}
			p.hangsUp()
		})
	}
}

func TestDialledNumberIsUnescaped(t *testing.T) {
	for user, want := range map[string]string{"%2A15234": "*15234", "*100": "*100", "5234;phone-context=x": "5234", "%235": "#5", "": ""} {
		req := sipgo.NewRequest(sipgo.INVITE, sipgo.Uri{Scheme: "sip", User: user, Host: "h"})
		if got := dialled(req); got != want {
			t.Errorf("%q: got %q, want %q", user, got, want)
		}
	}
}

func FuzzStatelessResponse(f *testing.F) {
	f.Add([]byte("INVITE sip:a SIP/2.0\r\nv: x\r\nf: a\r\nt: b\r\ni: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	f.Add([]byte("INVITE sip:a SIP/2.0\r\nVia: x\r\n folded\r\nFrom a\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		response := string(statelessResponse(data, "400 Bad Request"))
		if response == "" {
			return
		}
		if !strings.HasPrefix(response, "SIP/2.0 400 Bad Request\r\n") || !strings.HasSuffix(response, "\r\n\r\n") {
			t.Errorf("%q", response)
		}
		if len(response) > len(data)+100 {
			t.Errorf("an answer of %d bytes to a request of %d", len(response), len(data))
		}
	})
}

func FuzzIdentity(f *testing.F) {
	f.Add(`"A, \"B" <sip:1@x>, <tel:2>`)
	f.Add("<sip:\x1c@x>")
	f.Fuzz(func(t *testing.T, value string) {
		id, ok := parseIdentity(value)
		if ok && (id.Number == "" || strings.ContainsAny(id.Name+id.Number, "\r\n\x00") || len(id.Name) > 64*4) {
			t.Errorf("%+v", id)
		}
	})
}
