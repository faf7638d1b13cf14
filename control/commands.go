package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"
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

	Upgrade Command = "POST /v1/upgrade" // Wait: Upgraded
	Drain   Command = "POST /v1/drain"   // Within: Draining
)

// UpgradeTime is more than an upgrade takes, however it ends.
const UpgradeTime = 2 * time.Minute

// commands is how they are carried out. The answer is written as JSON; an error that is a Refusal goes to whoever asked as it is.
var commands = map[Command]func(o Operated, body *json.Decoder) (answer any, err error){
	ShowStatus: shown(status),
	ShowRooms:  shown(rooms),
	ShowLinks:  shown(func(o Operated) LinkList { return LinkList{filled(o.Links())} }),
	Kick:       toWhom(kick),
	Mute:       toWhom(func(o Operated, at spot) (Done, error) { return silence(o, at, true) }),
	Unmute:     toWhom(func(o Operated, at spot) (Done, error) { return silence(o, at, false) }),
	Upgrade:    told(upgrade),
	Drain:      told(drain),
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

// Wait says whether an upgrade is answered when it is over, or when it has begun.
type Wait struct {
	Wait bool `json:"wait"`
}

// Within says after what time a server that drains ends with the calls that there still are, in seconds; 0: never.
type Within struct {
	Seconds float64 `json:"seconds"`
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
	return told(func(o Operated, whom Whom) (Done, error) {
		at, err := find(o.Rooms(), whom)
		if err != nil {
			return Done{}, err
		}
		return do(o, at)
	})
}

// told makes a command of what is done after one was told something.
func told[About, Answer any](do func(Operated, About) (Answer, error)) func(Operated, *json.Decoder) (any, error) {
	return func(o Operated, body *json.Decoder) (any, error) {
		var about About
		if err := body.Decode(&about); err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return nil, refuse(http.StatusRequestEntityTooLarge, "the request has more than %d bytes", large.Limit)
			}
			return nil, refuse(http.StatusBadRequest, "the request is no %s: %v", shape(about), err)
		}
		return do(o, about)
	}
}

// shape is what is expected, in words: {"room": ..., "who": ...}.
func shape(about any) string {
	var names []string
	for _, field := range reflect.VisibleFields(reflect.TypeOf(about)) {
		names = append(names, fmt.Sprintf("%q: ...", field.Tag.Get("json")))
	}
	return "{" + strings.Join(names, ", ") + "}"
}

func upgrade(o Operated, about Wait) (Upgraded, error) {
	done, err := o.Upgrade(about.Wait)
	if err != nil {
		return Upgraded{}, refuse(http.StatusConflict, "not upgraded, %s goes on: %v", done.From, err)
	}
	return done, nil
}

func drain(o Operated, about Within) (Draining, error) {
	if about.Seconds < 0 || about.Seconds > mostDrain.Seconds() {
		return Draining{}, refuse(http.StatusBadRequest, "%v seconds are no time to drain in: up to %v are", about.Seconds, mostDrain)
	}
	return o.Drain(time.Duration(about.Seconds * float64(time.Second))), nil
}

// mostDrain is how long a drain may be said to take.
const mostDrain = 30 * 24 * time.Hour

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
