package sip

import (
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Reason is one value of a Reason header (RFC 3326): "Q.850;cause=17;text=\"User busy\"".
type Reason struct {
	Protocol string // "Q.850", "SIP"
	Cause    int
	Text     string
}

// normal tells whether a call that ends with it has done so in the normal way.
func (r Reason) normal() bool {
	return strings.EqualFold(r.Protocol, "Q.850") && r.Cause == 16 || strings.EqualFold(r.Protocol, "SIP") && r.Cause == 200
}

// AnsweredElsewhere is the reason to cancel those who ring when another has
// answered: their phones list no missed call.
const AnsweredElsewhere = `SIP;cause=200;text="Call completed elsewhere"`

// reasonsIn reads all Reason headers of a message. What cannot be read is left out.
func reasonsIn(msg sipgo.Message) (reasons []Reason) {
	for _, h := range msg.GetHeaders("reason") {
		for rest := h.Value(); rest != ""; {
			var value string
			value, rest = cutUnquoted(rest, ',')
			if r, ok := parseReason(value); ok {
				reasons = append(reasons, r)
			}
		}
	}
	return reasons
}

func parseReason(value string) (Reason, bool) {
	protocol, rest := cutUnquoted(value, ';')
	r := Reason{Protocol: clean(protocol)}
	for rest != "" {
		var param string
		param, rest = cutUnquoted(rest, ';')
		name, value, _ := strings.Cut(param, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cause":
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16); err == nil {
				r.Cause = int(n)
			}
		case "text":
			r.Text = clean(value)
		}
	}
	return r, r.Protocol != ""
}

// cutUnquoted cuts text at the first separator that is not between quotes.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// retryAfter is the Retry-After of a response (RFC 3261 section 20.33): "18000;duration=3600 (in a meeting)".
func retryAfter(res *sipgo.Response) time.Duration {
	h := res.GetHeader("retry-after")
	if h == nil {
		return 0
	}
	digits := strings.TrimSpace(h.Value())
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	n, _ := strconv.ParseUint(digits, 10, 31)
	return time.Duration(n) * time.Second
}
