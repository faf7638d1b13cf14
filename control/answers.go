package control

import "time"

// Status is how the server does, at one moment.
type Status struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	Since     time.Time `json:"since"` // when it was started
	Uptime    float64   `json:"uptime_seconds"`
	Ending    bool      `json:"ending"` // it takes no new calls
	Listeners []string  `json:"listeners"`

	Rooms           int `json:"rooms"`
	Participants    int `json:"participants"` // seats that are taken or reserved
	Calls           int `json:"calls"`        // ringing and ending ones included
	Recordings      int `json:"recordings"`
	Links           int `json:"links"`
	LinksUp         int `json:"links_up"` // of these, connected with the far side
	Dialouts        int `json:"dialouts"` // people who are being called
	DialoutsWaiting int `json:"dialouts_waiting"`

	Ticks        uint64 `json:"ticks"`
	TicksLate    uint64 `json:"ticks_late"`
	TicksSkipped uint64 `json:"ticks_skipped"`
	Panics       uint64 `json:"panics"` // that were survived

	Trunks []Trunk `json:"trunks"` // in the order in which they are tried
}

// Trunk is a way out, at one moment.
type Trunk struct {
	Name      string    `json:"name"`
	Up        bool      `json:"up"`
	Since     time.Time `json:"since"`                // when it went up or down
	Rests     time.Time `json:"rests_until,omitzero"` // it is left alone until then, as it asked for
	Calls     int       `json:"calls"`                // lines in use
	MaxCalls  int       `json:"max_calls"`            // 0: no limit
	Today     int       `json:"today"`                // lines that were given since midnight
	MaxDaily  int       `json:"max_daily"`            // 0: no limit
	Attempts  uint64    `json:"attempts"`             // INVITEs sent
	Answered  uint64    `json:"answered"`             // of these
	Failovers uint64    `json:"failovers"`            // of these, after which the next trunk was tried
	LastError string    `json:"last_error,omitempty"` // of the last of these, or of the last probe that failed
}

// Room is a conference, at one moment.
type Room struct {
	Room         string        `json:"room"`
	Since        time.Time     `json:"since"`
	Locked       bool          `json:"locked"`              // nobody comes in who is not invited
	Silenced     bool          `json:"silenced"`            // a host has muted all who are no hosts
	Recording    string        `json:"recording,omitempty"` // the file
	Participants []Participant `json:"participants"`        // in the order of coming
}

// The roles of a participant.
const (
	RoleHost        = "host"
	RoleParticipant = "participant"
	RoleLink        = "link" // a line to another conference, and no person
)

// The states of a participant.
const (
	StateIn      = "in"
	StateWaiting = "waiting" // he has answered, and is not in yet: he is asked to press 1, or talks to who invites him
	StateAside   = "aside"   // he and the room do not hear each other: he dials, or talks to one alone
)

// Participant is a call in a room, at one moment.
type Participant struct {
	Call     string    `json:"call"` // its Call-ID, which the log has as well
	Name     string    `json:"name"`
	Number   string    `json:"number"`
	Since    time.Time `json:"since"`
	Role     string    `json:"role"`
	State    string    `json:"state"`
	Muted    bool      `json:"muted"`    // by himself
	Silenced bool      `json:"silenced"` // by a host, or the operator
	Deaf     bool      `json:"deaf"`     // he does not hear the room
	Held     bool      `json:"held"`     // he is on hold
	Talking  bool      `json:"talking"`
	Level    int       `json:"level_dbfs"` // of the last 20 ms of him, -127 to 0
	Codec    string    `json:"codec"`
	Lost     int64     `json:"lost"`           // packets of his that never came
	Jitter   float64   `json:"jitter_seconds"` // between packets of his (RFC 3550)
	PeerLost int64     `json:"peer_lost"`      // packets of ours that he says he missed
	Trip     float64   `json:"rtt_seconds"`    // to him and back, by his RTCP; 0: unknown
}

// Link is a permanent external participant, at one moment.
type Link struct {
	Room      string    `json:"room"`
	Number    string    `json:"number"`
	Trunk     string    `json:"trunk"`
	Line      string    `json:"line,omitempty"`       // whose capacity it shares with others
	State     string    `json:"state"`                // as the log and the metrics name it: idle, waiting for a line, ..., up, ...
	Since     time.Time `json:"since,omitzero"`       // when it came into this state
	Until     time.Time `json:"until,omitzero"`       // of backing off: when it is dialled again
	Cause     string    `json:"last_cause,omitempty"` // why it failed last, or was lost
	Call      string    `json:"call,omitempty"`       // the Call-ID, while there is one
	Attempts  uint64    `json:"attempts"`             // how often it was dialled
	Connected uint64    `json:"connected"`            // how often the far side was connected with the room
	Lost      uint64    `json:"lost"`                 // how often it was not any more although people were there
}

// Done is what a command has done to a call.
type Done struct {
	Room     string `json:"room"`
	Call     string `json:"call"`
	Name     string `json:"name"`
	Number   string `json:"number"`
	Already  bool   `json:"already"`  // it was so before
	Silenced bool   `json:"silenced"` // he is muted by a host, or the operator
	Muted    bool   `json:"muted"`    // he has muted himself
}

// Upgraded is what has become of an upgrade.
type Upgraded struct {
	Done    bool    `json:"done"`         // false: it has begun, and the log says how it ends
	From    string  `json:"from"`         // the version
	To      string  `json:"to,omitempty"` // likewise, of the process that serves now
	PID     int     `json:"pid,omitempty"`
	Calls   int     `json:"calls"`   // that were handed over
	Seconds float64 `json:"seconds"` // that it has taken
}

// Draining is what a server that drains waits for.
type Draining struct {
	Calls int       `json:"calls"`          // that there still are
	Until time.Time `json:"until,omitzero"` // when it ends with those that there are then; none: it waits for the last one
}
