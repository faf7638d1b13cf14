package phone

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// splitList takes a comma-separated header value apart; commas within quotes or angle brackets do not count.
func splitList(s string) []string {
	var parts []string
	quoted, depth, start := false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			depth++
		case c == '>':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}

// address takes a name-addr or addr-spec apart: "Ann" <sip:1@h;lr>;tag=x gives the URI sip:1@h;lr and the header
// parameters ;tag=x. Without brackets, parameters belong to the header (RFC 3261 20).
func address(s string) (uri, params string) {
	if open := strings.LastIndexByte(s, '<'); open >= 0 {
		uri, params, _ = strings.Cut(s[open+1:], ">")
		return uri, params
	}
	s = strings.TrimSpace(s)
	if i := strings.IndexByte(s, ';'); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// param returns the value of a ;name=value parameter, or "". A parameter without value gives "" as well.
func param(s, name string) string {
	for _, p := range strings.Split(s, ";")[1:] {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// tag returns the tag of a From or To header value.
func tag(value string) string {
	_, params := address(value)
	return param(params, "tag")
}

// destination is where requests for a URI go: address and transport ("udp" or "tcp").
func destination(uri string) (netip.AddrPort, string, error) {
	scheme, rest, found := strings.Cut(uri, ":")
	if !found || !strings.EqualFold(scheme, "sip") {
		return netip.AddrPort{}, "", fmt.Errorf("uri %q: not a sip one", uri)
	}
	transport := strings.ToLower(param(rest, "transport"))
	rest, _, _ = strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, ";")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	host, port := rest, "5060"
	if h, p, err := net.SplitHostPort(rest); err == nil {
		host, port = h, p
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, "", fmt.Errorf("uri %q: bad port", uri)
	}
	addr, err := resolve(strings.Trim(host, "[]"))
	if err != nil {
		return netip.AddrPort{}, "", fmt.Errorf("uri %q: %w", uri, err)
	}
	return netip.AddrPortFrom(addr, uint16(n)), transport, nil
}

// resolve reads a numeric address. The phone asks no name server: a test must not wait for one, nor send anything out.
func resolve(host string) (netip.Addr, error) {
	if host == "localhost" {
		host = "127.0.0.1"
	}
	return netip.ParseAddr(host)
}
