package phone

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// authorize answers the first challenge of a 401 or 407 whose algorithm we know (RFC 7616, RFC 8760: MD5 and SHA-256,
// qop auth or none). It returns the name and value of the header to add; "" if there is nothing to answer.
func authorize(challenge *Message, method, uri, user, password string) (name, value string) {
	for _, kind := range [][2]string{{"WWW-Authenticate", "Authorization"}, {"Proxy-Authenticate", "Proxy-Authorization"}} {
		for _, h := range challenge.Headers {
			if !strings.EqualFold(h.Name, kind[0]) {
				continue
			}
			if value := credentials(h.Value, method, uri, user, password); value != "" {
				return kind[1], value
			}
		}
	}
	return "", ""
}

func credentials(challenge, method, uri, user, password string) string {
	fields := digestFields(challenge)
	algorithm := fields["algorithm"]
	hash := digestHash(algorithm)
	if fields == nil || hash == nil {
		return ""
	}
	realm, nonce := fields["realm"], fields["nonce"]
	secret := hash(user + ":" + realm + ":" + password)
	subject := hash(method + ":" + uri)
	value := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"`, user, realm, nonce, uri)
	if algorithm != "" {
		value += ", algorithm=" + algorithm
	}
	if opaque := fields["opaque"]; opaque != "" {
		value += fmt.Sprintf(`, opaque="%s"`, opaque)
	}
	if !strings.Contains(fields["qop"], "auth") {
		return value + fmt.Sprintf(`, response="%s"`, hash(secret+":"+nonce+":"+subject))
	}
	own := strings.ToLower(rand.Text()[:16])
	const count = "00000001" // each challenge is answered once only
	response := hash(strings.Join([]string{secret, nonce, count, own, "auth", subject}, ":"))
	return value + fmt.Sprintf(`, qop=auth, nc=%s, cnonce="%s", response="%s"`, count, own, response)
}

// digestFields are the parameters of a challenge or of credentials; nil if they are of another scheme.
func digestFields(value string) map[string]string {
	scheme, rest, _ := strings.Cut(value, " ")
	if !strings.EqualFold(scheme, "Digest") {
		return nil
	}
	fields := map[string]string{}
	for _, part := range splitList(rest) {
		key, value, _ := strings.Cut(part, "=")
		fields[strings.ToLower(strings.TrimSpace(key))] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return fields
}

// digestHash is the hash of an algorithm; nil if we do not know it.
func digestHash(algorithm string) func(string) string {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) }
	case "SHA-256":
		return func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	}
	return nil
}
