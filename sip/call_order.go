package sip

import "time"

// orderKind is what the program wants of a call.
type orderKind uint8

const (
	toHangUp     orderKind = 1 + iota // Call.Hangup
	toReject                          // Call.Reject
	toCancelCall                      // Attempt.Cancel
	toBeWatched                       // Call.Watch
	toRelease                         // Call.Release
)

// OrderImage is something that the program wants of a call and that is not done
// yet. Plain data.
type OrderImage struct {
	Kind    orderKind
	Code    int
	Reason  string
	Headers []string      // name, value, name, value ...
	Within  time.Duration // of a Watch, or a Release
}

// order has the call's goroutine do something that the program wants; false
// when the call is gone. An order that has come while the user agent was paused
// is written down.
func (c *Call) order(o OrderImage) bool {
	return c.mailbox.add(work{func() { c.obey(&o) }, &o})
}

func (c *Call) obey(o *OrderImage) {
	switch o.Kind {
	case toHangUp:
		c.hangup(o.Reason)
	case toRelease:
		c.awaitBye(o.Reason, o.Within)
	case toReject:
		c.reject(refuse(o.Code, o.Reason, o.Headers...))
	case toCancelCall:
		c.cancel(o.Reason)
	case toBeWatched:
		if c.Phase == confirmed {
			c.Silence.Watch = o.Within
			c.Silence.start(time.Now(), c.ua.config.SilenceTimeout)
		}
	}
}
