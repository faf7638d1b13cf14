package sip

import (
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

func TestReasons(t *testing.T) {
	for value, want := range map[string]Reason{
		`Q.850;cause=17;text="User busy"`:   {"Q.850", 17, "User busy"},
		`q.850 ; Cause = 17`:                {"q.850", 17, ""},
		`SIP;text="a;b, \"c\"";cause=200`:   {"SIP", 200, `a;b, \"c\`},
		`Q.850`:                             {"Q.850", 0, ""},
		`Q.850;cause=99999999999999999999x`: {"Q.850", 0, ""},
		`Q.850;cause`:                       {"Q.850", 0, ""},
	} {
		if got, ok := parseReason(value); !ok || got != want {
			t.Errorf("%s: got %+v %v, want %+v", value, got, ok, want)
		}
	}
	for _, value := range []string{"", ";cause=17", "\x00"} {
		if got, ok := parseReason(value); ok {
			t.Errorf("%q: %+v", value, got)
		}
	}
}

// answerWith is a response as it comes from the wire.
func answerWith(status, header string) (*sipgo.Response, bool) {
	msg, err := sipgo.ParseMessage([]byte("SIP/2.0 " + status + "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=2\r\n" +
		"Call-ID: c\r\nCSeq: 1 INVITE\r\n" + header + "\r\nContent-Length: 0\r\n\r\n"))
	if err != nil {
		return nil, false
	}
	res, ok := msg.(*sipgo.Response)
	return res, ok
}

func TestContactsOfARedirection(t *testing.T) {
	for header, want := range map[string]string{
		"Contact: <sip:1@h>;q=0.1, <sip:2@h>;q=0.9":         "sip:2@h sip:1@h",
		"Contact: <sip:1@h>\r\nm: <sip:2@h>;q=0.5":          "sip:1@h sip:2@h",
		"Contact: <sip:1@h>;q=x, <sip:2@h>;q=NaN":           "sip:1@h sip:2@h",
		"Contact: <tel:+49200>":                             "tel:+49200",
		"Contact: *":                                        "",
		"X-Contact: <sip:1@h>":                              "",
		`Contact: "A, B" <sip:1@h;transport=tcp>;expires=1`: "sip:1@h;transport=tcp",
	} {
		res, ok := answerWith("302 Moved", header)
		if !ok {
			t.Fatalf("%s: no message", header)
		}
		wantList(t, header, refusedBy(res).Contacts, want)
	}
}

// FuzzFailure: whatever a peer refuses with, what we make of it is fit for a
// log and for whoever dials again.
func FuzzFailure(f *testing.F) {
	f.Add("302 Moved", `Contact: "A, \"B" <sip:1@h;transport=tcp>;q=0.5, <tel:2>, *`)
	f.Add("486 Busy", `Reason: Q.850;cause=17;text="a;b, \"c", SIP;cause=486`)
	f.Add("503 Later", "Retry-After: 18000;duration=3600 (in a meeting)")
	f.Add("503 Later", "Retry-After:  -1")
	f.Add("401 Unauthorized", `WWW-Authenticate: Digest realm="a", nonce="n", qop="auth"`)
	f.Fuzz(func(t *testing.T, status, header string) {
		res, ok := answerWith(status, header)
		if !ok {
			return
		}
		failure := refusedBy(res)
		texts := []string{failure.Reason}
		for _, r := range failure.Reasons {
			texts = append(texts, r.Protocol, r.Text)
			if r.Protocol == "" {
				t.Error("a reason of no protocol")
			}
		}
		for _, text := range texts {
			if strings.ContainsAny(text, "\r\n\x00\x1b") || len(text) > 64*4 {
				t.Errorf("%q", text)
			}
		}
		if failure.RetryAfter < 0 || failure.RetryAfter >= 1<<31*time.Second {
			t.Errorf("again after %v", failure.RetryAfter)
		}
		for _, contact := range failure.Contacts {
			NumberIn(contact)
			if strings.ContainsAny(contact, "\r\n") {
				t.Errorf("contact %q", contact)
			}
		}
		_ = failure.Error()
		_, _, _ = sessionExpires(res)
		l := login{User: "u", Password: "p"}
		if l.challenged(res, 0) {
			req := sipgo.NewRequest(sipgo.INVITE, sipgo.Uri{Scheme: "sip", Host: "h"})
			l.sign(req)
			if n := len(req.GetHeaders("authorization")) + len(req.GetHeaders("proxy-authorization")); n == 0 || n > mostRealms {
				t.Errorf("%d answers", n)
			}
			for _, h := range req.Headers() {
				if strings.ContainsAny(h.Value(), "\r\n") {
					t.Errorf("an answer breaks its line: %q", h.Value())
				}
			}
		}
	})
}
