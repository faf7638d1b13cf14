package sip

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Failure is why there is no call: how an attempt ended. Plain data but for Err.
type Failure struct {
	Cause Cause

	// Code is the status of the final answer. Where none came it is what RFC
	// 3261 section 8.1.3.1 has us think of instead: 408 when the time was up, 503
	// when nothing could be sent; 487 when we have cancelled; 488 when the answer
	// was of no use.
	Code   int
	Reason string // its phrase

	Reasons    []Reason      // of the final answer (RFC 3326)
	RetryAfter time.Duration // of the final answer; zero: it has none
	Contacts   []string      // where a 3xx sends us, the best first: URIs
	Err        error         // of the transport, or what is wrong with the answer; nil else
}

// Cause is what kind of end it was.
type Cause uint8

const (
	Refused     Cause = iota // the peer's final answer: 3xx to 6xx
	NoAnswer                 // the peer was there, but gave no final answer within Target.Timeout
	Unreachable              // no sign of the peer: no such name, nothing listens, no connection, or no response
	Cancelled                // by us
	Unusable                 // it was answered, but with no session that we can have; that call was ended
)

func (c Cause) String() string {
	return [...]string{"refused", "no answer", "unreachable", "cancelled", "unusable"}[c]
}

// Q850 is the cause that the peer states in terms of the telephone network
// (ITU-T Q.850): 17 is busy. Zero: it states none.
func (f *Failure) Q850() int {
	for _, r := range f.Reasons {
		if strings.EqualFold(r.Protocol, "Q.850") {
			return r.Cause
		}
	}
	return 0
}

func (f *Failure) Error() string {
	if f.Cause == Unreachable { // the code is none that anybody has sent
		if f.Err != nil {
			return f.Cause.String() + ": " + f.Err.Error()
		}
		return f.Cause.String() + ": no response"
	}
	text := fmt.Sprintf("%d %s", f.Code, f.Reason)
	if f.Cause != Refused {
		text = f.Cause.String() + ": " + text
	}
	if q := f.Q850(); q != 0 {
		text += fmt.Sprintf(" (Q.850 cause %d)", q)
	}
	if f.Err != nil {
		text += ": " + f.Err.Error()
	}
	return text
}

func (f *Failure) Unwrap() error { return f.Err }

// failedInside is the failure after a bug of our own.
func failedInside() *Failure {
	return &Failure{Cause: Unusable, Code: sipgo.StatusInternalServerError, Reason: "Server Internal Error"}
}

// refusedBy is the failure that a final answer says.
func refusedBy(res *sipgo.Response) *Failure {
	f := &Failure{Code: res.StatusCode, Reason: clean(res.Reason), Reasons: reasonsIn(res), RetryAfter: retryAfter(res)}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		f.Contacts = contactsIn(res)
	}
	return f
}

// contactsIn are the URIs of a response's Contacts, by preference (q, RFC 3261
// section 20.10).
func contactsIn(res *sipgo.Response) []string {
	type contact struct {
		uri string
		q   float64
	}
	var contacts []contact
	for _, h := range append(res.GetHeaders("contact"), res.GetHeaders("m")...) {
		c, ok := h.(*sipgo.ContactHeader)
		if !ok || c.Address.Wildcard {
			continue
		}
		q := 1.0
		if text, ok := c.Params.Get("q"); ok {
			if n, err := strconv.ParseFloat(text, 64); err == nil {
				q = n
			}
		}
		contacts = append(contacts, contact{c.Address.String(), q})
	}
	slices.SortStableFunc(contacts, func(a, b contact) int { return cmp.Compare(b.q, a.q) })
	var uris []string
	for _, c := range contacts {
		uris = append(uris, c.uri)
	}
	return uris
}
