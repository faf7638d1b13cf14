package dialout

import (
	"fmt"
	"time"
)

// Class is what a final response means for the dial-out.
type Class uint8

const (
	Other          Class = iota // the number is the trouble, or we: no other trunk would help
	CalleeBusy                  // he talks to somebody else
	CalleeDeclined              // he does not want to
	Unanswered                  // his phone rang, or he is away
	OutOfReach                  // no response, from the trunk or from behind it: the next trunk may do
	Congested                   // the trunk cannot now: the next one may
	Redirect                    // Targets are where he is
	AuthFailed                  // the trunk does not take our credentials: the next one may
	Absent                      // his phone is not there, as one that is switched off: no other trunk would find it
)

// Failure is how an INVITE ended that nobody answered.
type Failure struct {
	Class      Class
	Code       int           // SIP status; 0: no response came
	RetryAfter time.Duration // of a 503; 0: it did not say
	Targets    []string      // of a Redirect: the numbers of its Contacts, the best first (user parts only)
	Err        error         // what went wrong on our side; nil: nothing
}

// Error tells the status or what went wrong.
func (f *Failure) Error() string {
	switch {
	case f.Err != nil && f.Code != 0:
		return fmt.Sprintf("response %d: %v", f.Code, f.Err)
	case f.Err != nil:
		return f.Err.Error()
	case f.Code != 0:
		return fmt.Sprintf("response %d", f.Code)
	}
	return "no response"
}

// Unwrap returns what went wrong on our side.
func (f *Failure) Unwrap() error { return f.Err }

// ClassOf is the class of a final response that is no success (RFC 3261 section 21; Asterisk says 480
// when nobody answered, and 503 when it cannot reach the phone).
//
//	300-302       Redirect          486, 600            CalleeBusy
//	401, 407      AuthFailed        603, 607, 608       CalleeDeclined
//	408           OutOfReach        480                 Unanswered
//	5xx           Congested         everything else     Other
func ClassOf(code int) Class {
	switch code {
	case 300, 301, 302:
		return Redirect
	case 401, 407:
		return AuthFailed
	case 408:
		return OutOfReach
	case 480:
		return Unanswered
	case 486, 600:
		return CalleeBusy
	case 603, 607, 608:
		return CalleeDeclined
	}
	if 500 <= code && code <= 599 {
		return Congested
	}
	return Other
}

// failsOver reports whether another trunk may do better. Who is busy or has declined is so on every
// trunk, and would only be disturbed again.
func (c Class) failsOver() bool { return c == OutOfReach || c == Congested || c == AuthFailed }

// outcome names the failure; rang tells whether the phone rang before it.
func (f *Failure) outcome(rang bool) Outcome {
	switch f.Class {
	case CalleeBusy:
		return Outcome{State: Busy, Code: f.Code}
	case CalleeDeclined:
		return Outcome{State: Declined, Code: f.Code}
	case Unanswered:
		return Outcome{State: NoAnswer, Code: f.Code}
	case OutOfReach:
		if rang { // a time-out behind the trunk: it rang out
			return Outcome{State: NoAnswer, Code: f.Code}
		}
		return Outcome{State: Unreachable, Cause: NoResponse, Code: f.Code}
	case Congested:
		return Outcome{State: Failed, Cause: Congestion, Code: f.Code}
	case AuthFailed:
		return Outcome{State: Failed, Cause: Authentication, Code: f.Code}
	case Absent:
		return Outcome{State: Unreachable, Code: f.Code}
	}
	if f.Code == 0 {
		return failed(Broken)
	}
	return Outcome{State: Failed, Cause: Refused, Code: f.Code}
}
