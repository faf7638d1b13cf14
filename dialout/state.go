package dialout

import "fmt"

// State is how far somebody who is invited has come. The order is that of a call's life.
type State uint8

const (
	NotCalled   State = iota // nobody has dialled
	Queued                   // waits for a line, or for the trunk's pace
	Trying                   // the INVITE is out
	Ringing                  // his phone rings
	Answered                 // he has answered and is not in the room yet
	In                       // he is in the room
	Left                     // he was in the room and is not any more
	Busy                     // he talks to somebody else
	Declined                 // he does not want to
	NoAnswer                 // his phone rang for as long as it may
	NoAccept                 // he, or his voicemail, answered and did not press the key
	Unreachable              // nothing came from his side, his phone is not there, or his trunk is down
	Failed                   // for its Cause
	Cancelled                // the room ended, the inviter gave up, or another number of his was answered
)

var stateNames = [...]string{
	NotCalled: "not called", Queued: "queued", Trying: "trying", Ringing: "ringing", Answered: "answered", In: "in", Left: "left", Busy: "busy",
	Declined: "declined", NoAnswer: "no answer", NoAccept: "no-accept", Unreachable: "unreachable", Failed: "failed", Cancelled: "cancelled",
}

// String is the state's name, for people, logs and metrics.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown state"
}

// UnderWay reports whether the outcome is still to come.
func (s State) UnderWay() bool { return Queued <= s && s <= Answered }

// MarshalText writes the name, so that what is stored outlives a new order of the constants.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a call", text)
}

// Cause is why somebody was not reached, where the state does not say it.
type Cause string

const (
	BadNumber      Cause = "no number"                   // characters that are in no number, or none at all
	TooLong        Cause = "too many digits"             // more than Rules.MaxDigits
	NotAllowed     Cause = "not allowed"                 // by the lists Allow and Deny
	Loop           Cause = "leads back here"             // one of our own numbers
	AlreadyIn      Cause = "already in the room"         // not dialled
	AlreadyCalled  Cause = "already being called"        // into this room; not dialled again
	RoomAtOnce     Cause = "the room calls too many"     // Limits.RoomAtOnce
	CallerAtOnce   Cause = "the caller calls too many"   // Limits.CallerAtOnce
	RoomFull       Cause = "the room is full"            // Config.Reserve
	RoomDaily      Cause = "the room's calls of today"   // Limits.RoomDaily
	CallerDaily    Cause = "the caller's calls of today" // Limits.CallerDaily
	TrunkDaily     Cause = "the trunk's calls of today"  // Trunk.MaxDaily
	NoTrunk        Cause = "no trunk takes this number"  // Trunk.Numbers, or there is none of that name
	NoLine         Cause = "all lines are in use"        // Trunk.MaxCalls, for longer than Request.Wait
	TrunkDown      Cause = "the trunk is down"           // with state Unreachable: the probe says so
	NoResponse     Cause = "no response"                 // with state Unreachable: to the INVITE
	Congestion     Cause = "congestion"                  // 5xx, or the trunk rests after a 503 with Retry-After
	Authentication Cause = "authentication"              // the trunk's user or password
	Redirects      Cause = "redirected too often"        // Config.Redirects
	Refused        Cause = "refused"                     // any other Code
	Broken         Cause = "error"                       // an error of our own side
	ShuttingDown   Cause = "the server is shutting down" // after Close
	Interrupted    Cause = "interrupted by an upgrade"   // was being received when another process took over, which has not found his call
)

// Outcome is how it ended. Plain data, comparable.
type Outcome struct {
	State State
	Cause Cause `json:",omitempty"` // empty where the state says it all
	Code  int   `json:",omitempty"` // the last SIP status; 0: none came
}

// String writes the outcome as in "busy" and "failed: congestion (503)".
func (o Outcome) String() string {
	s := o.State.String()
	if o.Cause != "" {
		s += ": " + string(o.Cause)
	}
	if o.Code != 0 && o.State >= Unreachable {
		s += fmt.Sprintf(" (%d)", o.Code)
	}
	return s
}

// failed is the outcome of what was not even tried, or of what failed on the way.
func failed(cause Cause) Outcome { return Outcome{State: Failed, Cause: cause} }
