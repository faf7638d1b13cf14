package sip

import (
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Package is an event package that the program serves (RFC 6665 section 4.4):
// what somebody may be told of, and in which words.
type Package struct {
	Event string // its name in the Event header, "conference"
	Type  string // the media type of its documents

	// Admits says whether somebody may be told of what he asks for (403). nil:
	// whoever asks may. It is called before Find, and like that.
	Admits func(Subscriber) bool

	// Find says of which resource somebody is to be told: any text that tells
	// it from the others. False: there is none like that (404). It is called
	// while other requests wait, and must not block.
	Find func(Subscriber) (resource string, exists bool)

	// Document is what there is to tell of a resource now. False: it is gone,
	// and with it the subscription. It may take its time.
	Document func(Inquiry) (body []byte, exists bool)

	// Lasting: that the server ends does not mean that there will be nothing
	// more to tell. Whoever was told is to ask again later.
	Lasting bool
}

// Subscriber is who wants to be told. Plain data.
type Subscriber struct {
	Number string   // the user part of the Request-URI
	Caller Identity // who it is
	Source string   // where the SUBSCRIBE came from, "host:port"
	Call   string   // the ID of the call in whose dialog it came; empty: in none
}

// Inquiry asks for a document. Plain data.
type Inquiry struct {
	Resource string
	Version  uint32 // that the document shall have: one more than the last one of this subscription
	Focus    string // our Contact: the conference URI as this subscriber knows it
	Most     int    // how many bytes can be sent
}

// How long a subscription may last that nobody refreshes (RFC 6665 section
// 4.2.1.1). An hour is the default of both packages (RFC 4575 section 3.4, RFC
// 4235 section 3.4).
const (
	mostExpires  = time.Hour
	leastExpires = time.Minute
)

// mostDocument is how long a document may be that goes by UDP: with all
// headers it has to fit into one datagram of 65,507 bytes.
const mostDocument = 60_000

// referEvent is the package of those who have sent a REFER (RFC 3515 section 3).
const referEvent = "refer"

// sipfrag is the media type of what they are told (RFC 3420).
const sipfrag = "message/sipfrag;version=2.0"

// statusBadEvent is that of a request whose Event we do not know (RFC 6665
// section 7.3.2).
const statusBadEvent = 489

// event is what an Event header says. Plain data, comparable.
type event struct {
	Name string
	ID   string // empty: it has none
}

func (e event) String() string {
	if e.ID == "" {
		return e.Name
	}
	return e.Name + ";id=" + e.ID
}

// eventOf reads the Event header of a request (RFC 6665 section 8.2.1); false
// when there is none or more than one.
func eventOf(req *sipgo.Request) (e event, ok bool) {
	headers := append(req.GetHeaders("event"), req.GetHeaders("o")...)
	if len(headers) != 1 {
		return e, false
	}
	name, params, _ := strings.Cut(headers[0].Value(), ";")
	e.Name = strings.ToLower(strings.TrimSpace(name))
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(param, "=")
		if value = strings.TrimSpace(value); strings.EqualFold(strings.TrimSpace(name), "id") && isToken(value) {
			e.ID = value
		}
	}
	return e, isToken(e.Name)
}

// isToken tells whether text is a token of a length that one may repeat
// (RFC 3261 section 25.1).
func isToken(text string) bool {
	if text == "" || len(text) > 64 {
		return false
	}
	return strings.Trim(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~") == ""
}

// wantedExpires is how long a SUBSCRIBE wants to be told, as long as we allow.
// Zero: only once, now.
func wantedExpires(req *sipgo.Request) (time.Duration, error) {
	headers := req.GetHeaders("expires")
	if len(headers) == 0 {
		return mostExpires, nil
	}
	n, err := strconv.ParseUint(strings.TrimSpace(headers[0].Value()), 10, 32)
	if err != nil || len(headers) > 1 {
		return 0, refuse(sipgo.StatusBadRequest, "Unreadable Expires")
	}
	asked := time.Duration(n) * time.Second
	if asked > 0 && asked < leastExpires {
		return 0, refuse(sipgo.StatusIntervalToBrief, "Interval Too Brief", "Min-Expires", seconds(leastExpires))
	}
	return min(asked, mostExpires), nil
}

// accepts tells whether a request's Accept, if it has one, lets us send that
// media type.
func accepts(req *sipgo.Request, mediaType string) bool {
	headers := req.GetHeaders("accept")
	kind, _, _ := strings.Cut(mediaType, "/")
	for _, h := range headers {
		for listed := range strings.SplitSeq(h.Value(), ",") {
			listed, _, _ = strings.Cut(listed, ";")
			switch strings.ToLower(strings.TrimSpace(listed)) {
			case mediaType, kind + "/*", "*/*":
				return true
			}
		}
	}
	return len(headers) == 0
}
