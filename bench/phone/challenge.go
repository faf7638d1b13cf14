package phone

import (
	"crypto/rand"
	"crypto/subtle"
	"strconv"
	"strings"
)

// Challenge makes a phone, or whatever it plays, ask for a password with every request, those within a call included, as
// Asterisk does (RFC 3261 22, RFC 7616). ACK and CANCEL cannot be asked.
type Challenge struct {
	Realm, User, Password string
	Algorithms            []string // one header each, in this order; default MD5
	Proxy                 bool     // 407 instead of 401
	Uses                  int      // how many requests a nonce is good for, after which it is stale; 0: any number
}

// challenged refuses a request without the right credentials; false if it has them, or needs none.
func (p *Phone) challenged(m *Message, by path) bool {
	c := p.cfg.Challenge
	if c == nil || m.Method == "ACK" || m.Method == "CANCEL" {
		return false
	}
	valid, stale := p.verify(c, m)
	if valid {
		return false
	}
	status, name := 401, "WWW-Authenticate"
	if c.Proxy {
		status, name = 407, "Proxy-Authenticate"
	}
	nonce := strings.ToLower(rand.Text())
	p.mu.Lock()
	p.nonces[nonce] = 0
	p.mu.Unlock()
	r := respond(m, status, "", newTag())
	algorithms := c.Algorithms
	if len(algorithms) == 0 {
		algorithms = []string{"MD5"}
	}
	for _, algorithm := range algorithms {
		value := `Digest realm="` + c.Realm + `", nonce="` + nonce + `", opaque="o", qop="auth", algorithm=` + algorithm
		if stale {
			value += ", stale=true"
		}
		r.add(name, value)
	}
	p.answerTo(m, by, r)
	return true
}

// verify looks for right credentials. stale says that all is right but for the age of the nonce.
func (p *Phone) verify(c *Challenge, m *Message) (valid, stale bool) {
	name := "Authorization"
	if c.Proxy {
		name = "Proxy-Authorization"
	}
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		fields := digestFields(h.Value)
		hash := digestHash(fields["algorithm"])
		if hash == nil || fields["realm"] != c.Realm || fields["username"] != c.User || fields["uri"] != m.URI || fields["qop"] != "auth" {
			continue
		}
		want := hash(strings.Join([]string{hash(c.User + ":" + c.Realm + ":" + c.Password), fields["nonce"], fields["nc"], fields["cnonce"], "auth",
			hash(m.Method + ":" + m.URI)}, ":"))
		if subtle.ConstantTimeCompare([]byte(want), []byte(fields["response"])) != 1 {
			continue
		}
		return p.counts(c, fields["nonce"], fields["nc"])
	}
	return false, false
}

// counts says whether a nonce is one of ours and is used the next time: nc counts up (RFC 7616 3.4).
func (p *Phone) counts(c *Challenge, nonce, nc string) (valid, stale bool) {
	n, err := strconv.ParseInt(nc, 16, 32)
	p.mu.Lock()
	defer p.mu.Unlock()
	used, ours := p.nonces[nonce]
	if !ours || err != nil || len(nc) != 8 {
		return false, false
	}
	if int(n) <= used || c.Uses > 0 && int(n) > c.Uses {
		return false, true
	}
	p.nonces[nonce] = int(n)
	return true, false
}
