package phone

import (
	"slices"
	"strings"
	"testing"
)

const sample = "SIP/2.0 200 OK\r\n" +
	"v: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKa, SIP/2.0/UDP h;branch=z9hG4bKb\r\n" +
	"From: \"a, b\" <sip:1@h>;tag=x\r\n" +
	"t: <sip:2@h;tag=notthis>;tag=y\r\n" +
	"Subject: one\r\n  two\r\n" +
	"CSeq: 7 INVITE\r\n" +
	"m: <sip:2@h:5062;transport=tcp>;expires=3\r\n" +
	"l: 4\r\n\r\nbodytail"

func TestParseMessage(t *testing.T) {
	m, err := parseDatagram([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if m.Status != 200 || m.branch() != "z9hG4bKa" || string(m.Body) != "body" || m.Header("subject") != "one two" {
		t.Errorf("%+v", m)
	}
	if n, method := m.cseq(); n != 7 || method != "INVITE" {
		t.Errorf("CSeq %d %s", n, method)
	}
	if tag(m.Header("To")) != "y" || tag(m.Header("From")) != "x" {
		t.Errorf("tags of %q and %q", m.Header("To"), m.Header("From"))
	}
	if got := contactURI(m); got != "sip:2@h:5062;transport=tcp" {
		t.Errorf("contact %q", got)
	}
	if again, err := parseDatagram(m.Bytes()); err != nil || !slices.Equal(again.Headers[:3], m.Headers[:3]) {
		t.Errorf("does not come back: %v", err)
	}
}

func TestDestination(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:5234@127.0.0.1":                 "127.0.0.1:5060",
		"sip:5234@127.0.0.1:5070;lr":         "127.0.0.1:5070",
		"sip:[::1]:5062;transport=TCP":       "[::1]:5062",
		"sip:a@b@127.0.0.2:9?Subject=x%20:y": "127.0.0.2:9",
	} {
		got, _, err := destination(uri)
		if err != nil || got.String() != want {
			t.Errorf("%s goes to %s (%v), want %s", uri, got, err, want)
		}
	}
	if _, _, err := destination("tel:5"); err == nil {
		t.Error("tel: has no destination")
	}
}

func TestDigest(t *testing.T) {
	// The example of RFC 2069 2.4 with the response of its erratum 749.
	got := credentials(`Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"`,
		"GET", "/dir/index.html", "Mufasa", "CircleOfLife")
	if !strings.HasSuffix(got, `response="1949323746fe6a43ef61f9606e7febea"`) {
		t.Error(got)
	}
	r := &Message{Status: 401, Headers: []Header{
		{"WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"`},
		{"WWW-Authenticate", `Digest realm="r", nonce="n", algorithm=MD5, qop="auth,auth-int", opaque="o"`},
	}}
	name, value := authorize(r, "INVITE", "sip:1@h", "u", "p")
	if name != "Authorization" || !strings.Contains(value, "algorithm=MD5") || !strings.Contains(value, "qop=auth, nc=00000001") {
		t.Error(name, value)
	}
}

func TestSDPAnswer(t *testing.T) {
	offer := "v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=sendonly\r\n" +
		"m=video 4 RTP/AVP 99\r\nc=IN IP4 10.9.9.9\r\n" +
		"m=audio 4000 RTP/AVP 9 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=rtcp:4005\r\n" +
		"m=audio 4002 RTP/AVP 8\r\na=inactive\r\n"
	d, err := parseSDP([]byte(offer))
	if err != nil {
		t.Fatal(err)
	}
	o := &ours{addr: peer, direction: SendRecv, codecs: []Codec{PCMA, PCMU}}
	b, a, err := o.answer(d)
	if err != nil {
		t.Fatal(err)
	}
	if a.remote.String() != "10.0.0.1:4000" || a.remoteRTCP.Port() != 4005 || a.codec != PCMU || a.eventPT != 96 ||
		a.direction != RecvOnly || a.sends {
		t.Errorf("%+v", a)
	}
	text := string(b)
	for _, want := range []string{"m=video 0 RTP/AVP 99\r\nm=audio ", " RTP/AVP 0 96\r\n", "a=recvonly\r\nm=audio 0 RTP/AVP 8\r\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add([]byte(sample))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseDatagram(b)
		if err != nil {
			return
		}
		m.branch()
		contactURI(m)
		if _, err := parseDatagram(m.Bytes()); err != nil {
			t.Errorf("%q was read, but not its own form %q: %v", b, m.Bytes(), err)
		}
	})
}

func FuzzSDP(f *testing.F) {
	f.Add([]byte("v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseSDP(b)
		if err != nil {
			return
		}
		o := &ours{addr: peer, direction: SendRecv, codecs: []Codec{PCMA, PCMU}}
		if answer, _, err := o.answer(d); err == nil {
			if _, err := parseSDP(answer); err != nil {
				t.Errorf("cannot read our own answer %q: %v", answer, err)
			}
		}
	})
}
