package sip

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// TestDigestOfRFC7616 has the example of its section 3.9.1.
func TestDigestOfRFC7616(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c, ok := parseChallenge(`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`)
		if !ok {
			t.Fatal("not understood")
		}
		got := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
		want := `Digest username="Mufasa", realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", uri="/dir/index.html", ` +
			`response="` + want + `", qop=auth, nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", algorithm=` + algorithm +
			`, opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestChallengesThatCannotBeAnswered(t *testing.T) {
	for _, value := range []string{
		`Basic realm="x"`, `Digest`, `Digest realm="x"`, `Digest realm="x", nonce="n", algorithm=SHA-512-256`,
		`Digest realm="x", nonce="n", qop="auth-int"`, `Digest realm="x", nonce="n", qop=""`, `Digest realm="x", nonce="n", algorithm=MD5-sess`,
	} {
		if c, ok := parseChallenge(value); ok {
			t.Errorf("%s: %+v", value, c)
		}
	}
}

// verify is a server that knows that alice's password is secret: it checks the
// credentials for one challenge, with which it gives the use count; 0: there
// are none.
func verify(t *testing.T, req *sipgo.Request, header, realm, nonce string) (count int) {
	t.Helper()
	for _, h := range req.GetHeaders(header) {
		fields := map[string]string{}
		for _, part := range strings.Split(strings.TrimPrefix(h.Value(), "Digest "), ", ") {
			name, value, _ := strings.Cut(part, "=")
			fields[name] = strings.Trim(value, `"`)
		}
		if fields["realm"] != realm || fields["nonce"] != nonce {
			continue
		}
		hash := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
		if fields["algorithm"] == "SHA-256" {
			hash = func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
		}
		a1, a2 := hash("alice:"+realm+":secret"), hash(string(req.Method)+":"+req.Recipient.String())
		want := hash(a1 + ":" + nonce + ":" + a2)
		count = 1
		if fields["qop"] == "auth" {
			want = hash(a1 + ":" + nonce + ":" + fields["nc"] + ":" + fields["cnonce"] + ":auth:" + a2)
			fmt.Sscanf(fields["nc"], "%x", &count)
		}
		if fields["username"] != "alice" || fields["uri"] != req.Recipient.String() || fields["response"] != want {
			t.Errorf("%s with wrong credentials: %s", req.Method, h.Value())
		}
		return count
	}
	return 0
}

func alice(t *Target) { t.User, t.Password = "alice", "secret" }

func TestChallengedINVITE(t *testing.T) {
	const md5Challenge = `Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5, opaque="o"`
	for name, test := range map[string]struct {
		status  int
		headers []string
		want    string // the header that answers
		options string // what is in it
	}{
		"by a UAS":    {401, []string{"WWW-Authenticate: " + md5Challenge}, "Authorization", `qop=auth, nc=00000001, `},
		"by a proxy":  {407, []string{"Proxy-Authenticate: " + md5Challenge}, "Proxy-Authorization", `opaque="o"`},
		"RFC 2069":    {401, []string{`WWW-Authenticate: Digest realm="pbx", nonce="n1"`}, "Authorization", `realm="pbx"`},
		"SHA-256":     {401, []string{`WWW-Authenticate: Digest algorithm=SHA-256,realm="pbx",qop="auth,auth-int",nonce="n1"`, "WWW-Authenticate: " + md5Challenge}, "Authorization", `algorithm=SHA-256`},
		"first known": {401, []string{`WWW-Authenticate: Digest realm="pbx", nonce="n0", algorithm=SHA-512-256, qop="auth"`, "WWW-Authenticate: " + md5Challenge}, "Authorization", `algorithm=MD5`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, nil, func(w *world) {
				w.t = t
				p := w.phone()
				a := w.dials(p, alice)
				c := p.rung()
				if len(c.invite.GetHeaders("Authorization")) != 0 {
					t.Error("credentials that nobody has asked for")
				}
				c.refuses(test.status, test.headers...)
				again := p.rung()
				if again.invite.CSeq().SeqNo != 2 || branchOf(again.invite) == branchOf(c.invite) || again.invite.CallID().Value() != a.ID() || again.invite.To().Params.Has("tag") {
					t.Errorf("the second INVITE:\n%s", again.invite)
				}
				if verify(t, again.invite, test.want, "pbx", "n1") != 1 || !strings.Contains(header(t, again.invite, test.want), test.options) {
					t.Errorf("credentials:\n%s", again.invite)
				}
				again.says(200, pcmaSDP)
				ack := again.wantsACK()
				if header(t, ack, test.want) != header(t, again.invite, test.want) {
					t.Error("the ACK has not the INVITE's credentials (22.1)")
				}
				answered(t, a)
				c.says(test.status, "", test.headers...) // the first ACK was lost
				c.wantsACK()
			})
		})
	}
}

func TestWrongPassword(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, func(t *Target) { t.User, t.Password = "alice", "wrong" })
		for try := range 2 {
			c := p.rung()
			ack := c.refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
			if credentials := ack.GetHeaders("Authorization"); len(credentials) != try || try > 0 && credentials[0].Value() != header(t, c.invite, "Authorization") {
				t.Errorf("ACK %d:\n%s", try, ack)
			}
		}
		failed(t, a, Refused, 401)
		p.wantsNothing(10 * time.Second)
	})
}

func TestAServerThatChallengesForEver(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		for i := range 1 + mostChallenges {
			p.rung().refuses(401, fmt.Sprintf(`WWW-Authenticate: Digest realm="pbx", nonce="n%d", stale=true, qop="auth"`, i))
		}
		failed(t, a, Refused, 401)
		p.wantsNothing(10 * time.Second)
	})
}

func TestNoPassword(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p)
		p.rung().refuses(407, `Proxy-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		failed(t, a, Refused, 407)
	})
}

func TestStaleNonceAndTwoRealms(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		p.rung().refuses(407, `Proxy-Authenticate: Digest realm="proxy", nonce="p1", qop="auth"`)
		p.rung().refuses(407, `Proxy-Authenticate: Digest realm="proxy", nonce="p2", qop="auth", stale=TRUE`)
		c := p.rung()
		if verify(t, c.invite, "Proxy-Authorization", "proxy", "p2") != 1 || len(c.invite.GetHeaders("Proxy-Authorization")) != 1 {
			t.Errorf("after stale=true:\n%s", c.invite)
		}
		c.refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		c = p.rung()
		if verify(t, c.invite, "Proxy-Authorization", "proxy", "p2") != 2 || verify(t, c.invite, "Authorization", "pbx", "n1") != 1 {
			t.Errorf("for the proxy and the phone behind it:\n%s", c.invite)
		}
		c.says(200, pcmaSDP)
		ack := c.wantsACK()
		if len(ack.GetHeaders("Proxy-Authorization")) != 1 || len(ack.GetHeaders("Authorization")) != 1 {
			t.Errorf("ACK:\n%s", ack)
		}
		answered(t, a)
	})
}

func TestCancelWhileChallenged(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		c := p.rung()
		a.Cancel("")
		c.refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		failed(t, a, Cancelled, 487)
		p.wantsNothing(10 * time.Second)
		if w.ua.Calls() != 0 {
			t.Error("the attempt is still there")
		}
	})
}

// TestChallengesWithinTheCall: Asterisk challenges every request of an endpoint
// that has a password.
func TestChallengesWithinTheCall(t *testing.T) {
	const challenge = `WWW-Authenticate: Digest realm="pbx", qop="auth", nonce=`
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		p.rung().refuses(401, challenge+`"n1"`)
		c := p.rung()
		c.ringsReliably(180, 1, "")
		prack := c.wantsPRACK(1, 401)
		if verify(t, prack, "Authorization", "pbx", "n1") != 2 {
			t.Errorf("the PRACK counts anew:\n%s", prack)
		}
		p.wantsNothing(time.Second) // that challenge was none
		c.ringsReliably(180, 2, "")
		c.answers(c.wantsPRACK(2, 0), 401, "", challenge+`"n2"`)
		if prack = c.wantsPRACK(2, 200); verify(t, prack, "Authorization", "pbx", "n2") != 1 || prack.CSeq().SeqNo != 5 {
			t.Errorf("the second PRACK:\n%s", prack)
		}
		call := c.picksUp(a, "Supported: timer", "Session-Expires: 600;refresher=uac", "Allow: INVITE, UPDATE")
		for nonce := range 3 {
			update := c.wantsRequest("UPDATE", 301*time.Second, 401, fmt.Sprintf(`%s"u%d"`, challenge, nonce))
			again := c.wantsRequest("UPDATE", time.Second, 200, "Session-Expires: 600;refresher=uac")
			if verify(t, again, "Authorization", "pbx", fmt.Sprint("u", nonce)) != 1 || again.CSeq().SeqNo != update.CSeq().SeqNo+1 {
				t.Errorf("UPDATE:\n%s", again)
			}
		}
		update := c.wantsRequest("UPDATE", 301*time.Second, 200, "Session-Expires: 600;refresher=uac")
		if verify(t, update, "Authorization", "pbx", "u2") != 2 {
			t.Errorf("UPDATE:\n%s", update)
		}
		c.sends("INFO", "5", "Content-Type: application/dtmf") // ours to answer, and needs no password
		c.wants(200)
		call.Hangup("")
		c.wantsRequest("BYE", time.Second, 401, challenge+`"b"`)
		if bye := c.wantsRequest("BYE", time.Second, 200); verify(t, bye, "Authorization", "pbx", "b") != 1 {
			t.Errorf("BYE:\n%s", bye)
		}
	})
}

func TestChallengedReINVITE(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		c := p.rung()
		c.picksUp(a, "Supported: timer", "Session-Expires: 600;refresher=uac")
		first := c.wantsRequest("INVITE", 301*time.Second, 0)
		c.answers(first, 407, "", `Proxy-Authenticate: Digest realm="pbx", qop="auth", nonce="r"`)
		c.wantsRequest("ACK", time.Second, 0)
		again := c.wantsRequest("INVITE", time.Second, 0)
		if verify(t, again, "Proxy-Authorization", "pbx", "r") != 1 || string(again.Body()) != string(first.Body()) {
			t.Errorf("re-INVITE:\n%s", again)
		}
		for range 2 { // the second time the ACK was lost
			c.answers(again, 200, pcmaSDP, "Contact: <"+c.contact+">", "Session-Expires: 600;refresher=uac")
			ack := c.wantsRequest("ACK", time.Second, 0)
			if header(t, ack, "Proxy-Authorization") != header(t, again, "Proxy-Authorization") || ack.CSeq().SeqNo != again.CSeq().SeqNo {
				t.Errorf("ACK:\n%s", ack)
			}
		}
		c.hangsUp()
	})
}

func TestChallengedBYEOfALate200(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		p := w.phone()
		a := w.dials(p, alice)
		p.rung().refuses(401, `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`)
		c := p.rung()
		c.refuses(486)
		failed(t, a, Refused, 486)
		c.tag = "late"
		c.says(200, pcmaSDP)
		ack := c.wantsACK()
		if header(t, ack, "Authorization") != header(t, c.invite, "Authorization") {
			t.Errorf("ACK:\n%s", ack)
		}
		bye := c.wantsRequest("BYE", time.Second, 401, `WWW-Authenticate: Digest realm="pbx", nonce="n2", qop="auth"`)
		if verify(t, bye, "Authorization", "pbx", "n1") != 2 {
			t.Errorf("BYE:\n%s", bye)
		}
		if bye = c.wantsRequest("BYE", time.Second, 200); verify(t, bye, "Authorization", "pbx", "n2") != 1 {
			t.Errorf("BYE:\n%s", bye)
		}
	})
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="a\"b", nonce="n", qop="auth,auth-int", algorithm=SHA-256, stale=true`)
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := parseChallenge(value)
		if ok {
			c.answer("u", "p", "INVITE", "sip:a@b", "c")
		}
		parseReason(value)
	})
}
