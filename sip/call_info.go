package sip

import (
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// info takes DTMF by INFO: application/dtmf-relay ("Signal=5\r\nDuration=160")
// and application/dtmf (the bare digit). An empty INFO is a keep-alive.
func (c *Call) info(in *inbound) {
	body := string(in.req.Body())
	if strings.TrimSpace(body) == "" {
		c.reply(in, c.ua.response(in.req, sipgo.StatusOK, "OK"))
		return
	}
	var (
		digit byte
		ok    bool
	)
	switch contentType(in.req) {
	case "application/dtmf-relay":
		digit, ok = relayDigit(body)
	case "application/dtmf":
		digit, ok = digitOf(body)
	default:
		c.refuse(in, refuse(sipgo.StatusUnsupportedMediaType, "Unsupported Media Type", "Accept", acceptedInfo))
		return
	}
	if !ok {
		c.refuse(in, refuse(sipgo.StatusBadRequest, "Unreadable DTMF"))
		return
	}
	if leg := c.leg.Load(); leg != nil && digit != 0 {
		leg.Press(digit)
	}
	c.reply(in, c.ua.response(in.req, sipgo.StatusOK, "OK"))
}

// relayDigit finds the digit in a dtmf-relay body; zero for a signal that is
// no key (flash).
func relayDigit(body string) (byte, bool) {
	for _, line := range strings.FieldsFunc(body, func(r rune) bool { return r == '\r' || r == '\n' }) {
		name, value, found := strings.Cut(line, "=")
		if found && strings.EqualFold(strings.TrimSpace(name), "signal") {
			return digitOf(value)
		}
	}
	return 0, false
}

// digitOf reads a key as phones write it: itself, or the RFC 4733 event
// number, where 10 is the star and 11 the pound key.
func digitOf(text string) (byte, bool) {
	text = strings.ToUpper(strings.Trim(strings.TrimSpace(text), `"`))
	switch text {
	case "10":
		return '*', true
	case "11":
		return '#', true
	case "12", "13", "14", "15":
		return 'A' + text[1] - '2', true
	case "16", "FLASH", "HF", "!":
		return 0, true
	}
	if len(text) == 1 && strings.Contains("0123456789*#ABCD", text) {
		return text[0], true
	}
	return 0, false
}
