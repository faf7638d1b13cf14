package dialout

import (
	"context"
	"errors"
	"time"
)

// Inviter is the signalling that the Dialer needs. cmd/sipconf makes one of *sip.UA.
type Inviter interface {
	// Invite sends one INVITE and returns when it is answered or has failed. It returns either a call, or
	// an error that holds a [*Failure]. When ctx is done it returns soon, with ctx's error, and sees to
	// the rest itself: CANCEL once a provisional response is there, ACK and BYE for a 200 that crosses
	// it. [context.Cause] then tells why; where it is [ErrElsewhere] the CANCEL says so, and the phone
	// shows no missed call. With [Attempt.Settle] it returns only when the far side has said its last
	// word: the CANCEL has been obeyed, or the call that has crossed it ended, so that an INVITE that is
	// sent then is the only one that the far side has. That is waited for 32 s at most, and not at all
	// when the server shuts down. progress may be called by any goroutine, but by one at a time, not after
	// Invite has returned, and it does not block. It is called first when the INVITE is out, with its ID; until then Invite may not be forgotten.
	Invite(ctx context.Context, a Attempt, progress func(Progress)) (Call, error)

	// Continue is Invite for one that another process has sent: of the attempt, what says how it is sent is of no interest any more. progress is
	// called first with how far it is. The error is ErrInterrupted when nothing is known of it.
	Continue(ctx context.Context, id string, a Attempt, progress func(Progress)) (Call, error)

	// Probe asks the trunk's peer for a sign of life (OPTIONS). Any response is one, whatever it says.
	Probe(ctx context.Context, t Trunk) error
}

// Call is what the Dialer needs of a call that was answered; *sip.Call is one.
type Call interface {
	ID() string            // unique among all calls
	Hangup(reason string)  // ends it; does not wait for that; safe to call twice
	Done() <-chan struct{} // closed when it has ended
	Gone() <-chan struct{} // closed when it has for the far side, too, or that cannot be known
}

// Seat is a place in a room that is kept for somebody who is called; *rooms.Seat is one.
type Seat interface {
	Release() // gives it back; after it was taken it does nothing; safe to call twice
}

// Attempt is one INVITE on one trunk. Plain data.
type Attempt struct {
	Trunk  Trunk
	Number string        // as the trunk wants it: stripped and prepended
	Room   string        // into which he is invited
	Caller string        // the number of who invites him
	Mark   string        // goes into a header of ours: see [Dialer.Ours]
	Settle bool          // see [Inviter]
	Watch  time.Duration // how long nothing may be heard of him, nor an answer to a probe, before the call counts as lost; 0: as with all calls

	Replaces string // the value of a Replaces header; empty: none
}

// Progress is a provisional response, or that an INVITE is out.
type Progress struct {
	ID    string // of the INVITE: its Call-ID
	State State  // Ringing (180), Trying (any other, 100 too), or NotCalled: nothing has come
	Early Call   // the early call whose sound the inviter may hear, and only he; nil: there is none
}

// Why what rings is cancelled: the cause of Invite's context.
var (
	ErrElsewhere = errors.New("answered elsewhere")              // RFC 3326: SIP;cause=200
	ErrRoomEnded = errors.New("the room has ended")              //
	ErrGivenUp   = errors.New("the inviter has given up")        //
	ErrClosed    = errors.New("the server is shutting down")     //
	errNoAnswer  = errors.New("no answer")                       // it rang long enough
	errPanic     = errors.New("a panic, see the log")            //
	errSilent    = errors.New("no response within the time-out") // not even a 100
)

// ErrInterrupted says that nobody knows what has become of an INVITE, because another process has taken over.
var ErrInterrupted = errors.New("interrupted by an upgrade")
