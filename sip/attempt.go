package sip

import (
	"context"
	"sync/atomic"

	"github.com/sipconf/sipconf/media"
)

// Attempt is a call that we make, from its INVITE to its answer. Its methods
// may be called from any goroutine.
//
// Whoever makes one sees it through: Wait says what it has come to, Cancel ends
// it. What Wait returns is a call like any other.
type Attempt struct {
	call     *Call
	progress atomic.Pointer[Progress]
	moved    chan struct{} // holds one while progress has changed
	decided  chan struct{} // closed when failure is set, or there is a call
	settled  chan struct{} // see Settled
	failure  *Failure
}

// Progress is how far an attempt has come. Its zero value: nothing has been
// heard of the peer yet.
type Progress struct {
	Code   int    // of the last provisional response: 100 trying, 180 ringing, 183 session progress
	Reason string // its phrase
	Early  bool   // the leg is connected to the peer: an announcement or its ringback may be heard
}

// Ringing tells whether somebody is being rung: 180 has come.
func (p Progress) Ringing() bool { return p.Code == 180 }

func newAttempt(c *Call) *Attempt {
	a := &Attempt{call: c, moved: make(chan struct{}, 1), decided: make(chan struct{}), settled: make(chan struct{})}
	a.progress.Store(&Progress{})
	return a
}

// ID is the Call-ID.
func (a *Attempt) ID() string { return a.call.ID() }

// Leg is the media end, from the beginning. Who attaches it hears what comes
// before the answer. It is closed when the attempt has failed and when its call
// has ended, whoever has it then.
func (a *Attempt) Leg() *media.Leg { return a.call.Leg() }

// Call is the call that the attempt is about to become, for those who deal with
// its sound before the answer: until then to hang it up is to cancel it, and it
// is over when the attempt has failed.
func (a *Attempt) Call() *Call { return a.call }

// Progress is how far it has come.
func (a *Attempt) Progress() Progress { return *a.progress.Load() }

// Progressed receives when Progress has changed; of several changes in a row
// perhaps once only.
func (a *Attempt) Progressed() <-chan struct{} { return a.moved }

// Done is closed when Wait has something to say.
func (a *Attempt) Done() <-chan struct{} { return a.decided }

// Wait returns the call when it is answered, or a *Failure. The end of ctx ends
// the waiting only.
func (a *Attempt) Wait(ctx context.Context) (*Call, error) {
	select {
	case <-a.decided:
	case <-ctx.Done():
		select {
		case <-a.decided: // a result that is there wins
		default:
			return nil, ctx.Err()
		}
	}
	if a.failure != nil {
		return nil, a.failure
	}
	return a.call, nil
}

// Cancel gives the attempt up; if it has been answered, the call is hung up. A
// reason is the value of a Reason header (RFC 3326), such as AnsweredElsewhere;
// empty: none is sent. What the peer makes of it is awaited in the background:
// an answer that has crossed it is acknowledged and hung up.
func (a *Attempt) Cancel(reason string) {
	if !plain(reason) {
		reason = ""
	}
	a.call.order(OrderImage{Kind: toCancelCall, Reason: reason})
}

// advance takes a step.
func (a *Attempt) advance(p Progress) {
	if p == a.Progress() {
		return
	}
	a.progress.Store(&p)
	select {
	case a.moved <- struct{}{}:
	default: // nobody has looked at the last step yet
	}
}

// decide says what the attempt has come to: the first word counts. f nil: a
// call. Only the call's goroutine says it.
func (a *Attempt) decide(f *Failure) {
	if !a.over() {
		a.failure = f
		close(a.decided)
	}
}

// over tells whether it is decided.
func (a *Attempt) over() bool {
	select {
	case <-a.decided:
		return true
	default:
		return false
	}
}

// letGo closes the leg of a call that we have made, when it is over, and says
// when its INVITE is.
func (c *Call) letGo() {
	if c.attempt == nil {
		return
	}
	if c.Phase != calling && !c.dismissing {
		c.attempt.settle()
	}
	if c.released {
		return
	}
	if c.Phase == leaving || c.attempt.over() && c.attempt.failure != nil {
		c.released = true
		c.leg.Load().Close()
	}
}
