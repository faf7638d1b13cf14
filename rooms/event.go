package rooms

import (
	"log/slog"
	"time"
)

// Kind is what happened.
type Kind uint8

const (
	RoomCreated Kind = iota + 1 // somebody has taken the first seat
	RoomGone                    // the last seat is free again
	Joined                      // a participant is in the room
	Left                        // he has left it; Reason and Duration are set
	Pressed                     // he has pressed a key; Digit is set
	Talking                     // he has begun to talk
	Quiet                       // he has stopped, was muted, held, or has left
	Renamed                     // somebody else is on the call now; Name and Number are his
)

var kindNames = [...]string{
	RoomCreated: "room created", RoomGone: "room gone", Joined: "joined", Left: "left",
	Pressed: "digit pressed", Talking: "talking", Quiet: "quiet",
	Renamed: "renamed",
}

// String is the message under which the event is logged.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown event"
}

// Event is one thing that happened in a room. Plain data; the fields that do not belong to its Kind
// are zero.
type Event struct {
	Kind         Kind
	Room         string        // the room's number
	Call         string        // the participant's ID; empty for events of the room itself
	Name, Number string        // the participant's
	Digit        byte          // '0' to '9', '*', '#', 'A' to 'D'
	Reason       string        // why he left
	Duration     time.Duration // how long he was in the room, or how long there was one
}

// level is how loud the event is in the log: keys may be somebody's PIN, and talking comes too often.
func (e Event) level() slog.Level {
	switch e.Kind {
	case Pressed, Talking, Quiet:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// attrs are what the log says of the event besides its name.
func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("room", e.Room)}
	if e.Call != "" {
		attrs = append(attrs, slog.String("call", e.Call))
	}
	switch e.Kind {
	case Joined, Renamed:
		attrs = append(attrs, slog.String("name", e.Name), slog.String("number", e.Number))
	case Left:
		attrs = append(attrs, slog.String("reason", e.Reason), slog.Duration("duration", e.Duration))
	case RoomGone:
		attrs = append(attrs, slog.Duration("duration", e.Duration))
	case Pressed:
		attrs = append(attrs, slog.String("digit", string(rune(e.Digit))))
	}
	return attrs
}
