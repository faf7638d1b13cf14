package sip

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// login is what challenges are answered with (RFC 3261 section 22, RFC 7616),
// and the challenges so far: plain data. Once challenged, each further request
// brings its answer along. Its zero value answers none.
type login struct {
	User, Password string
	Challenges     []challenge
}

// challenge is the last one of a realm. The texts are as they stand between
// their quotes.
type challenge struct {
	Proxy     bool // of a proxy (407)
	Realm     string
	Nonce     string
	Opaque    string
	Algorithm string // as it is written there; empty: MD5
	Simple    bool   // without qop: the digest of RFC 2069
	Stale     bool   // only the nonce was too old; user and password are right
	Count     uint32 // how often Nonce was used: nc
}

// mostChallenges is how often one request is sent again because of challenges.
const mostChallenges = 3

// mostRealms is how many realms are answered: the peer's, those of the proxies
// on the way, and no more, since each makes every request longer.
const mostRealms = 4

// challenged takes the challenges of a 401 or 407. It is true when the request,
// which was signed anew tries times because of earlier ones, should be sent
// again: not after a second refusal of what was just signed.
func (l *login) challenged(res *sipgo.Response, tries int) bool {
	if l.User == "" || tries >= mostChallenges || res.StatusCode != sipgo.StatusUnauthorized && res.StatusCode != sipgo.StatusProxyAuthRequired {
		return false
	}
	worth := false
	for _, c := range challengesIn(res) {
		known := false
		for i := range l.Challenges {
			if old := &l.Challenges[i]; old.Proxy == c.Proxy && old.Realm == c.Realm {
				known = true
				*old = c
			}
		}
		if !known {
			l.Challenges = append(l.Challenges[max(0, len(l.Challenges)+1-mostRealms):], c)
		}
		// The first time it may have been an old nonce of ours that was refused
		// (RFC 7616 section 3.3), whether that is said or not.
		worth = worth || !known || c.Stale || tries == 0
	}
	return worth
}

// challengesIn are those challenges that we can answer: of each realm the
// topmost with an algorithm that we know (RFC 8760 section 2.4).
func challengesIn(res *sipgo.Response) (usable []challenge) {
	name, proxy := "www-authenticate", false
	if res.StatusCode == sipgo.StatusProxyAuthRequired {
		name, proxy = "proxy-authenticate", true
	}
headers:
	for _, h := range res.GetHeaders(name) {
		c, ok := parseChallenge(h.Value())
		if !ok {
			continue
		}
		c.Proxy = proxy
		for _, higher := range usable {
			if higher.Realm == c.Realm {
				continue headers
			}
		}
		usable = append(usable, c)
	}
	return usable
}

// parseChallenge reads a challenge; false when it is one that we cannot answer.
func parseChallenge(value string) (c challenge, ok bool) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return c, false
	}
	c.Simple = true
	for rest != "" {
		var param string
		param, rest = cutUnquoted(rest, ',')
		name, value, _ := strings.Cut(param, "=")
		value = strings.TrimSpace(value)
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "realm":
			c.Realm = value
		case "nonce":
			c.Nonce = value
		case "opaque":
			c.Opaque = value
		case "algorithm":
			c.Algorithm = value
		case "stale":
			c.Stale = strings.EqualFold(value, "true")
		case "qop":
			c.Simple = false
			for _, qop := range strings.Split(value, ",") {
				ok = ok || strings.EqualFold(strings.TrimSpace(qop), "auth")
			}
		}
	}
	return c, (ok || c.Simple) && c.Nonce != "" && c.hash() != nil
}

// hash is H of RFC 7616 section 3.3; nil: unknown.
func (c *challenge) hash() func(string) string {
	switch strings.ToUpper(c.Algorithm) {
	case "", "MD5":
		return func(text string) string { h := md5.Sum([]byte(text)); return hex.EncodeToString(h[:]) }
	case "SHA-256":
		return func(text string) string { h := sha256.Sum256([]byte(text)); return hex.EncodeToString(h[:]) }
	}
	return nil
}

// sign adds the answers to all challenges so far to a request.
func (l *login) sign(req *sipgo.Request) {
	for i := range l.Challenges {
		c := &l.Challenges[i]
		name := "Authorization"
		if c.Proxy {
			name = "Proxy-Authorization"
		}
		req.AppendHeader(sipgo.NewHeader(name, c.answer(l.User, l.Password, string(req.Method), req.Recipient.String(), strings.ToLower(rand.Text()[:16]))))
	}
}

// answer is the value of the header that answers the challenge (RFC 7616
// section 3.4).
func (c *challenge) answer(user, password, method, uri, cnonce string) string {
	h := c.hash()
	secret, subject := h(user+":"+c.Realm+":"+password), h(method+":"+uri)
	value := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"`, quotable(user), c.Realm, c.Nonce, uri)
	if c.Simple {
		value += fmt.Sprintf(`, response="%s"`, h(secret+":"+c.Nonce+":"+subject))
	} else {
		c.Count++
		nc := fmt.Sprintf("%08x", c.Count)
		value += fmt.Sprintf(`, response="%s", qop=auth, nc=%s, cnonce="%s"`,
			h(strings.Join([]string{secret, c.Nonce, nc, cnonce, "auth", subject}, ":")), nc, cnonce)
	}
	if c.Algorithm != "" {
		value += ", algorithm=" + c.Algorithm
	}
	if c.Opaque != "" {
		value += fmt.Sprintf(`, opaque="%s"`, c.Opaque)
	}
	return value
}

// quotable escapes what may not stand between quotes.
func quotable(text string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) }

// signature is what an INVITE answers challenges with. Its ACK brings the same
// (22.1), for it cannot be challenged itself.
type signature struct {
	cseq    uint32 // the INVITE's
	headers []sipgo.Header
}

func signatureOf(invite *sipgo.Request) signature {
	return signature{invite.CSeq().SeqNo, append(invite.GetHeaders("authorization"), invite.GetHeaders("proxy-authorization")...)}
}

func (s signature) copyTo(ack *sipgo.Request) {
	for _, h := range s.headers {
		ack.AppendHeader(sipgo.HeaderClone(h))
	}
}

// copy is a login that may be used beside this one.
func (l *login) copy() login {
	fresh := *l
	fresh.Challenges = slices.Clone(l.Challenges)
	return fresh
}

// anew is a request as a new transaction, signed: with another branch and
// CSeq number (22.2).
func (l *login) anew(req *sipgo.Request, cseq uint32) *sipgo.Request {
	fresh := req.Clone()
	fresh.Via().Params.Add("branch", newBranch(""))
	fresh.CSeq().SeqNo = cseq
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		for fresh.RemoveHeader(name) {
			continue
		}
	}
	l.sign(fresh)
	return fresh
}
