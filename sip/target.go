package sip

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Target is whom to call, and how. Plain data.
type Target struct {
	URI      string   // Request-URI, "sip:100@192.168.1.1:5060;transport=tcp"; by UDP unless it says TCP
	From     Identity // our name and number, as the peer sees them; without a number: "sipconf"
	FromHost string   // host of From; empty: our own address, as the peer reaches it
	Focus    string   // user part of our Contact: the room (RFC 4579 section 5.2); empty: From's number

	User, Password string        // what challenges are answered with (RFC 7616), within the call too; no User: with nothing
	Headers        []Header      // further ones for the INVITE
	Timeout        time.Duration // no final answer for so long: cancelled; zero: 60 s

	// Watch is how long nothing may be heard of the peer once it has answered: no
	// RTP, no RTCP and no answer to a probe, an OPTIONS that is sent when half of
	// it is over. It may be silent for ever as long as it answers those, also when
	// it holds. Zero: as with all calls; see Config.SilenceTimeout.
	Watch time.Duration

	// Replaces is the value of a Replaces header (RFC 3891), "call-id;to-tag=a;from-tag=b":
	// the call is to take the place of the one that the peer has in that dialog.
	// Empty: it is a call of its own.
	Replaces string
}

// Header is one header of a message.
type Header struct{ Name, Value string }

// ringTime is how long it rings when nobody says how long.
const ringTime = 60 * time.Second

// owned are the headers that are ours to write.
var owned = map[string]bool{
	"via": true, "v": true, "from": true, "f": true, "to": true, "t": true, "call-id": true, "i": true, "cseq": true,
	"contact": true, "m": true, "max-forwards": true, "route": true, "record-route": true,
	"content-length": true, "l": true, "content-type": true, "c": true,
	"supported": true, "k": true, "require": true, "allow": true, "session-expires": true, "x": true, "min-se": true,
	"replaces": true, "authorization": true, "proxy-authorization": true, "user-agent": true,
}

// check says what is wrong with a target. What it lets through cannot break a
// line of our request: names and numbers come from people and databases.
func (t *Target) check() error {
	if !plain(t.URI) || strings.ContainsAny(t.URI, " <>\"") {
		return fmt.Errorf("target %q: not a SIP URI", t.URI)
	}
	if !plain(t.FromHost) || strings.ContainsAny(t.FromHost, " <>\"@;?") {
		return fmt.Errorf("from host %q: not a host", t.FromHost)
	}
	if !plain(t.User) {
		return fmt.Errorf("user %q: cannot be sent", t.User)
	}
	if t.Replaces != "" {
		if _, err := parseReplaces(t.Replaces); err != nil {
			return fmt.Errorf("replaces %q: %w", t.Replaces, err)
		}
	}
	for _, h := range t.Headers {
		if h.Name == "" || strings.Trim(strings.ToLower(h.Name), "abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") != "" ||
			owned[strings.ToLower(h.Name)] || !plain(h.Value) {
			return fmt.Errorf("header %q: %q: cannot be added", h.Name, h.Value)
		}
	}
	return nil
}

// plain tells whether text stays within its line.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// uri is the Request-URI and the transport that it asks for.
func (t *Target) uri() (uri sipgo.Uri, network string, err error) {
	if err := t.check(); err != nil {
		return uri, "", err
	}
	if err := sipgo.ParseUri(t.URI, &uri); err != nil {
		return uri, "", fmt.Errorf("target %q: %w", t.URI, err)
	}
	if uri.Scheme != "sip" || uri.Host == "" || uri.Wildcard || uri.Port < 0 || uri.Port > 65535 {
		return uri, "", fmt.Errorf("target %q: not a sip: URI with a host", t.URI)
	}
	uri.Headers = nil // a Request-URI has none (19.1.1)
	network = "UDP"
	if named, ok := uri.UriParams.Get("transport"); ok {
		network = strings.ToUpper(named)
	}
	if network != "UDP" && network != "TCP" {
		return uri, "", fmt.Errorf("target %q: transport %s is not supported", t.URI, named(network))
	}
	return uri, network, nil
}

func named(network string) string {
	if network == "" {
		return `""`
	}
	return network
}

// dialog is what all dialogs of an INVITE for this target have in common:
// those of its answers differ in remote tag, target and route set (12.1.2).
func (t *Target) dialog(uri *sipgo.Uri) Dialog {
	to := sipgo.Uri{Scheme: "sip", User: uri.User, Host: uri.Host} // no port, no parameters: table 1 of section 19.1.1
	user, focus := t.From.Number, t.Focus
	if user == "" {
		user = "sipconf"
	}
	if focus == "" {
		focus = user
	}
	return Dialog{
		LocalURI:     "sip:" + escapeUser(user) + "@" + t.FromHost,
		LocalName:    quoted(t.From.Name),
		RemoteURI:    to.String(),
		RemoteTarget: uri.String(),
		Focus:        focus,
		Caller:       true,
	}
}

// NumberAt is the URI of a number at an address such as "sip:192.168.1.1:5060"
// or "pbx.example": with that transport, "udp" or "tcp", unless it is empty. An
// empty number: the URI of the address itself. The error says what to write.
func NumberAt(number, address, transport string) (string, error) {
	if !strings.Contains(address, ":") || !strings.EqualFold(address[:strings.IndexByte(address, ':')], "sip") {
		address = "sip:" + address
	}
	t := Target{URI: address}
	uri, network, err := t.uri()
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: write for example sip:192.168.1.1:5060", err)
	case uri.User != "":
		return "", fmt.Errorf("%s@ stands before the host: the number is put there; write sip:%s", uri.User, uri.Host)
	case transport != "" && uri.UriParams.Has("transport") && !strings.EqualFold(network, transport):
		return "", fmt.Errorf("it says transport=%s and transport says %s: write it once", strings.ToLower(network), transport)
	}
	uri.User = escapeUser(number)
	if transport != "" {
		uri.UriParams.Add("transport", strings.ToLower(transport))
	}
	t.URI = uri.String()
	_, network, err = t.uri()
	switch {
	case err != nil:
		return "", err
	case transport != "" && !strings.EqualFold(network, transport):
		return "", fmt.Errorf("transport %q is not supported", transport)
	}
	return t.URI, nil
}

// NumberIn is the number in a sip: or tel: URI; empty without one.
func NumberIn(uri string) string {
	var parsed sipgo.Uri
	if sipgo.ParseUri(uri, &parsed) != nil {
		return ""
	}
	if strings.EqualFold(parsed.Scheme, "tel") {
		return numberIn(parsed.Raw())
	}
	return numberIn(parsed.User)
}

// AddressIn is where a URI leads: "udp" or "tcp", and the address and port if it has a numeric one; false if it has a name.
func AddressIn(uri string) (network string, at netip.AddrPort, numeric bool) {
	t := Target{URI: uri}
	parsed, network, err := t.uri()
	if err != nil {
		return "", netip.AddrPort{}, false
	}
	network = strings.ToLower(network)
	addr, err := netip.ParseAddr(strings.Trim(parsed.Host, "[]"))
	if err != nil {
		return network, netip.AddrPort{}, false
	}
	return network, netip.AddrPortFrom(addr.Unmap(), uint16(cmp.Or(parsed.Port, sipgo.DefaultUdpPort))), true
}

// SameHost tells whether two URIs lead to the same host and port, as they are written: no name is looked up.
func SameHost(a, b string) bool {
	var one, other sipgo.Uri
	if sipgo.ParseUri(a, &one) != nil || sipgo.ParseUri(b, &other) != nil || one.Host == "" {
		return false
	}
	return strings.EqualFold(hostPortOf(one), hostPortOf(other))
}

// quoted makes text fit to stand between quotes (RFC 3261 section 25.1).
func quoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(clean(text))
}
