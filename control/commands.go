package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Command is something that a server is asked for: a method of HTTP, GET where nothing changes, and a path.
type Command string

// The commands, what they are about, and what the answer is.
const (
	ShowStatus Command = "GET /v1/status"  // Status
	ShowRooms  Command = "GET /v1/rooms"   // RoomList
	ShowLinks  Command = "GET /v1/links"   // LinkList
	Kick       Command = "POST /v1/kick"   // Whom: Done
	Mute       Command = "POST /v1/mute"   // Whom: Done
	Unmute     Command = "POST /v1/unmute" // Whom: Done
)

// commands is how they are carried out. The answer is written as JSON; an error that is a Refusal goes to whoever asked as it is.
var commands = map[Command]func(o Operated, body *json.Decoder) (answer any, err error){
	ShowStatus: shown(status),
	ShowRooms:  shown(rooms),
	ShowLinks:  shown(func(o Operated) LinkList { return LinkList{filled(o.Links())} }),
	Kick:       toWhom(kick),
	Mute:       toWhom(func(o Operated, at spot) (Done, error) { return silence(o, at, true) }),
	Unmute:     toWhom(func(o Operated, at spot) (Done, error) { return silence(o, at, false) }),
}

// RoomList is all rooms.
type RoomList struct {
	Rooms []Room `json:"rooms"`
}

// LinkList is all links.
type LinkList struct {
	Links []Link `json:"links"`
}

// Whom says which call is meant.
type Whom struct {
	Room string `json:"room"`
	Who  string `json:"who"` // a Call-ID, or a number
}

// Refusal is why something is not done.
type Refusal struct {
	Status int    // of HTTP
	Text   string // what is wrong, and what would be right
}

func (r *Refusal) Error() string { return r.Text }

func refuse(status int, format string, args ...any) error {
	return &Refusal{status, fmt.Sprintf(format, args...)}
}

// shown makes a command of what is only looked at.
func shown[T any](look func(Operated) T) func(Operated, *json.Decoder) (any, error) {
	return func(o Operated, _ *json.Decoder) (any, error) { return look(o), nil }
}

func status(o Operated) Status {
	s := o.Status()
	s.Listeners, s.Trunks = filled(s.Listeners), filled(s.Trunks)
	return s
}

func rooms(o Operated) RoomList {
	all := filled(o.Rooms())
	for i := range all {
		all[i].Participants = filled(all[i].Participants)
	}
	return RoomList{all}
}

// toWhom makes a command of what is done to a call that is found.
func toWhom(do func(Operated, spot) (Done, error)) func(Operated, *json.Decoder) (any, error) {
	return func(o Operated, body *json.Decoder) (any, error) {
		var whom Whom
		if err := body.Decode(&whom); err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return nil, refuse(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", large.Limit)
			}
			return nil, refuse(http.StatusBadRequest, `the request is no {"room": ..., "who": ...}: %v`, err)
		}
		at, err := find(o.Rooms(), whom)
		if err != nil {
			return nil, err
		}
		return do(o, at)
	}
}

func kick(o Operated, at spot) (Done, error) {
	done := at.done()
	done.Already = o.Kick(at.room, at.Call)
	return done, nil
}

func silence(o Operated, at spot, silent bool) (Done, error) {
	if at.State == StateWaiting {
		return Done{}, refuse(http.StatusConflict, "%s is not in room %s yet, and nobody hears him there", at.who(), at.room)
	}
	is, ok := o.Silence(at.room, at.Call, silent)
	if !ok {
		return Done{}, refuse(http.StatusNotFound, "%s has just left room %s", at.who(), at.room)
	}
	done := at.done()
	done.Already, done.Muted, done.Silenced = is.Already, is.Muted, silent
	return done, nil
}

// filled is a list that is written as [] when it is empty.
func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
