package sip

import (
	"errors"
	"fmt"

	sipgo "github.com/emiago/sipgo/sip"
)

// refusal is a final answer other than 2xx, as a value: what the checks of a
// request return and what is written back to the peer.
type refusal struct {
	Code    int
	Reason  string
	Headers []sipgo.Header
	Cause   error // for the log; the peer is not told
}

func (r *refusal) Error() string {
	if r.Cause != nil {
		return fmt.Sprintf("%d %s: %v", r.Code, r.Reason, r.Cause)
	}
	return fmt.Sprintf("%d %s", r.Code, r.Reason)
}

func (r *refusal) Unwrap() error { return r.Cause }

// refuse makes a refusal with optional header name/value pairs.
func refuse(code int, reason string, nameValues ...string) *refusal {
	r := &refusal{Code: code, Reason: reason}
	for i := 0; i+1 < len(nameValues); i += 2 {
		r.Headers = append(r.Headers, sipgo.NewHeader(nameValues[i], nameValues[i+1]))
	}
	return r
}

// refusalOf finds the refusal in err; any other error is our own fault: 500.
func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	return refuse(sipgo.StatusInternalServerError, "Server Internal Error")
}
