package sip

import (
	"strings"

	sipgo "github.com/emiago/sipgo/sip"
)

// What we can do, as every INVITE, its 2xx and OPTIONS says it.
const (
	allowedMethods = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, SUBSCRIBE, NOTIFY"
	supported      = "replaces, timer, norefersub"
	acceptedBodies = "application/sdp"
	acceptedInfo   = "application/dtmf-relay, application/dtmf"
	allowEvents    = "conference, dialog, refer"
)

// understood are the option tags that may stand in Require (RFC 3261 section
// 8.2.2.3). 100rel is among them although we send no reliable provisional
// response: a peer that requires it gets the 200 without one, which RFC 3262
// section 3 allows.
var understood = map[string]bool{"timer": true, "100rel": true, "replaces": true, "norefersub": true}

// respond builds an answer to req. Vias, From, To with its tag, Call-ID, CSeq
// and, where it belongs, Record-Route are copied by sipgo.
func (u *UA) response(req *sipgo.Request, code int, reason string, headers ...sipgo.Header) *sipgo.Response {
	res := sipgo.NewResponseFromRequest(req, code, reason, nil)
	if u.config.UserAgent != "" && code != sipgo.StatusTrying {
		res.AppendHeader(sipgo.NewHeader("Server", u.config.UserAgent))
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return res
}

func (u *UA) refusal(req *sipgo.Request, r *refusal) *sipgo.Response {
	return u.response(req, r.Code, r.Reason, r.Headers...)
}

// capabilities are the headers by which a phone learns what this focus can do
// (RFC 3261 section 11.2, RFC 4579 section 5.2).
func capabilities() []sipgo.Header {
	return []sipgo.Header{
		sipgo.NewHeader("Allow", allowedMethods),
		sipgo.NewHeader("Supported", supported),
		sipgo.NewHeader("Allow-Events", allowEvents),
	}
}

// abilities is the answer to an OPTIONS.
func (u *UA) abilities(req *sipgo.Request) *sipgo.Response {
	res := u.response(req, sipgo.StatusOK, "OK", capabilities()...)
	res.AppendHeader(sipgo.NewHeader("Accept", acceptedBodies))
	return res
}

func withSDP(res *sipgo.Response, body []byte) *sipgo.Response {
	contentType := sipgo.ContentTypeHeader("application/sdp")
	res.AppendHeader(&contentType)
	res.SetBody(body)
	return res
}

// listed tells whether a comma-separated header of the message, in any of its
// lines or under its compact name, has the token.
func listed(msg sipgo.Message, token string, names ...string) bool {
	for _, name := range names {
		for _, h := range msg.GetHeaders(name) {
			for _, part := range strings.Split(h.Value(), ",") {
				if strings.EqualFold(strings.TrimSpace(part), token) {
					return true
				}
			}
		}
	}
	return false
}
