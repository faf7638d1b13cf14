package sip

import (
	"errors"
	"net/url"
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// ReferTo is where a REFER leads (RFC 3515 section 2.1). Plain data.
type ReferTo struct {
	URI      string // without the method and the headers that it had
	Number   string // its user part; empty without one
	Method   string // what is to be sent there; INVITE where it says nothing
	Replaces string // the value of a Replaces header for that INVITE (RFC 3891); empty: it has none
}

// mostReferTo is how long a Refer-To may be.
const mostReferTo = 2000

// referToOf reads the Refer-To of a REFER, which must have exactly one (RFC
// 3515 section 2.4.2).
func referToOf(req *sipgo.Request) (ReferTo, error) {
	headers := append(req.GetHeaders("refer-to"), req.GetHeaders("r")...)
	if len(headers) != 1 {
		return ReferTo{}, refuse(sipgo.StatusBadRequest, "Exactly One Refer-To")
	}
	to, err := parseReferTo(headers[0].Value())
	if err != nil {
		bad := refuse(sipgo.StatusBadRequest, "Unreadable Refer-To")
		bad.Cause = err
		return ReferTo{}, bad
	}
	return to, nil
}

// parseReferTo reads the value of a Refer-To. What it lets through cannot break
// a line of ours.
func parseReferTo(value string) (to ReferTo, err error) {
	if len(value) > mostReferTo || !plain(value) {
		return to, errors.New("too long, or not text")
	}
	text, err := addressIn(value)
	if err != nil {
		return to, err
	}
	if text != "" && len(text) <= 64 && strings.Trim(text, "+0123456789*#") == "" {
		// No URI, but what Asterisk's Transfer() makes of a number that is none of its endpoints'.
		return ReferTo{URI: text, Number: text, Method: "INVITE"}, nil
	}
	address, headers, _ := strings.Cut(text, "?")
	var uri sipgo.Uri
	if err := sipgo.ParseUri(address, &uri); err != nil {
		return to, err
	}
	to.Method = "INVITE"
	switch strings.ToLower(uri.Scheme) {
	case "sip", "sips":
		to.Number = numberIn(uri.User)
	case "tel":
		to.Number = numberIn(uri.Raw())
	default:
		return to, errors.New("a scheme that cannot be called")
	}
	for _, key := range uri.UriParams.Keys() {
		if strings.EqualFold(key, "method") {
			method, _ := uri.UriParams.Get(key)
			uri.UriParams.Remove(key)
			to.Method = strings.ToUpper(clean(method))
		}
	}
	to.URI = uri.String()
	to.Replaces, err = replacesAmong(headers)
	return to, err
}

// addressIn is the one URI in a name-addr or an addr-spec (RFC 3261 section
// 25.1). Without angle brackets all that follows a semicolon is the header's.
func addressIn(value string) (uri string, err error) {
	one, more := cutAddress(value)
	if strings.TrimSpace(more) != "" {
		return "", errors.New("more than one address")
	}
	at := angle(one)
	if at < 0 {
		uri, _, _ = strings.Cut(one, ";")
		if uri = strings.TrimSpace(uri); strings.ContainsAny(uri, "? <>\"") {
			return "", errors.New("a URI that needs angle brackets")
		}
		return uri, nil
	}
	uri, _, closed := strings.Cut(one[at+1:], ">")
	if uri = strings.TrimSpace(uri); !closed || strings.ContainsAny(uri, " \t<\"") {
		return "", errors.New("a URI that does not end")
	}
	return uri, nil
}

// cutAddress cuts a list of addresses after its first.
func cutAddress(list string) (first, rest string) {
	first = firstAddress(list)
	return first, strings.TrimPrefix(list[len(first):], ",")
}

// angle is where the first angle bracket stands that is not between quotes; -1:
// nowhere.
func angle(text string) int {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			return i
		}
	}
	return -1
}

// replacesAmong finds Replaces among the headers of a URI (RFC 3261 section
// 19.1.1), and unescapes it. The others are nobody's to set but ours (19.1.5).
func replacesAmong(headers string) (replaces string, err error) {
	for header := range strings.SplitSeq(headers, "&") {
		name, value, _ := strings.Cut(header, "=")
		if name, err = url.PathUnescape(name); err != nil {
			return "", err
		}
		if !strings.EqualFold(strings.TrimSpace(name), "replaces") {
			continue
		}
		if replaces != "" {
			return "", errors.New("more than one Replaces")
		}
		if replaces, err = url.PathUnescape(value); err != nil {
			return "", err
		}
		if _, err := parseReplaces(replaces); err != nil {
			return "", err
		}
	}
	return replaces, nil
}
