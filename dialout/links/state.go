package links

import (
	"fmt"
	"time"
)

// State is what a link does.
type State uint8

const (
	Idle           State = iota // nobody is in the room
	WaitingForLine              // all are in use, of its own line or of the trunk
	Dialling                    // the INVITE is out
	Ringing                     // it rings at the far side
	SendingDigits               // the far side has answered, and the script runs
	Up                          // the room and the far side hear each other
	BackingOff                  // it has failed, and is dialled again later
	Met                         // the far side has called the room by itself
	Ending                      // nobody needs it any more, and the far side is being told so
)

var stateNames = [...]string{
	Idle: "idle", WaitingForLine: "waiting for a line", Dialling: "dialling", Ringing: "ringing", SendingDigits: "sending digits",
	Up: "up", BackingOff: "backing off", Met: "connected from the far side", Ending: "hanging up",
}

// String is the state's name, for people, logs and metrics.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown state"
}

// MarshalText writes the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads it.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no state of a link", text)
}

// States are all of them, in their order.
func States() (all []State) {
	for i := range stateNames {
		all = append(all, State(i))
	}
	return all
}

// Status is how a link is now. Plain data.
type Status struct {
	Room, Number, Trunk, Line string

	State State
	Since time.Time // when it came into this state
	Until time.Time // when it is dialled again; of BackingOff
	Cause string    // why it failed last, or was lost; empty: it has not
	Call  string    // the Call-ID of the call that there is; empty: there is none

	Attempts  uint64 // how often it was dialled
	Connected uint64 // how often the far side was connected with the room
	Lost      uint64 // how often it was not any more although there were people
}
