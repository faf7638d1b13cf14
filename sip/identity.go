package sip

import (
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// Identity is who calls, as shown to the others in the room.
type Identity struct {
	Name   string // display name, may be empty
	Number string // user part of the URI
}

// identityOf takes the caller's name and number from P-Asserted-Identity (RFC
// 3325), else Remote-Party-ID (its draft, which Asterisk still sends), else
// From. Only trusted peers get this far, so that the assertion may be believed.
// A caller who asks for privacy (RFC 3323) is shown as anonymous.
func identityOf(req *sipgo.Request) Identity {
	if id, ok := asserted(req); ok {
		return id
	}
	from := req.From()
	if from == nil {
		return Identity{}
	}
	id := Identity{Name: clean(from.DisplayName), Number: clean(from.Address.User)}
	if id.Number == "" {
		id.Number = clean(from.Address.Raw()) // tel: and the like
	}
	return withheld(req, id)
}

// asserted is who a message asserts that it comes from; false if it says nothing.
func asserted(msg sipgo.Message) (Identity, bool) {
	for _, name := range []string{"p-asserted-identity", "remote-party-id"} {
		for _, h := range msg.GetHeaders(name) {
			if id, ok := parseIdentity(h.Value()); ok {
				return withheld(msg, id), true
			}
		}
	}
	return Identity{}, false
}

// asserts tells whether the request says anew who calls: Asterisk sends an
// UPDATE with P-Asserted-Identity when the connected line changes.
func asserts(req *sipgo.Request) bool {
	return req.GetHeader("p-asserted-identity") != nil || req.GetHeader("remote-party-id") != nil
}

func withheld(msg sipgo.Message, id Identity) Identity {
	for _, h := range msg.GetHeaders("privacy") {
		for _, value := range strings.FieldsFunc(strings.ToLower(h.Value()), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if value == "id" || value == "user" {
				return Identity{Name: "anonymous"}
			}
		}
	}
	return id
}

// parseIdentity reads the first name-addr or addr-spec of a header value.
func parseIdentity(value string) (Identity, bool) {
	var (
		uri    sipgo.Uri
		params sipgo.HeaderParams
	)
	if first := firstAddress(value); first != "" {
		value = first
	}
	name, err := sipgo.ParseAddressValue(value, &uri, &params)
	if err != nil {
		return Identity{}, false
	}
	number := uri.User
	if uri.Scheme == "tel" {
		number, _, _ = strings.Cut(uri.Raw(), ";")
	}
	id := Identity{Name: clean(name), Number: clean(number)}
	return id, id.Number != ""
}

// firstAddress cuts a comma-separated list of addresses after its first,
// minding quotes and angle brackets.
func firstAddress(value string) string {
	quoted, angled := false, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case c == ',' && !angled:
			return value[:i]
		}
	}
	return value
}

// clean makes text from the wire fit for a terminal, a log and a roster:
// printable, no quotes around it, not longer than a line.
func clean(text string) string {
	text = strings.Trim(strings.TrimSpace(text), `"`)
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > 64 {
		text = string(runes[:64])
	}
	return text
}
