package control

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// spot is a participant, and the room that he is in.
type spot struct {
	room string
	Participant
}

func (s spot) done() Done { return Done{Room: s.room, Call: s.Call, Name: s.Name, Number: s.Number} }

// find finds the one call that is meant.
func find(rooms []Room, whom Whom) (spot, error) {
	i := slices.IndexFunc(rooms, func(r Room) bool { return r.Room == whom.Room })
	if i < 0 {
		return spot{}, refuse(http.StatusNotFound, "there is no room %s: %s", Printable(whom.Room), roomsThereAre(rooms))
	}
	room := rooms[i]
	if whom.Who == "" {
		return spot{}, refuse(http.StatusBadRequest, "say who in room %s, by number or call: %s", room.Room, peopleThereAre(room))
	}
	var meant []Participant
	for _, p := range room.Participants {
		if p.Call == whom.Who {
			return spot{room.Room, p}, nil
		}
		if p.Number == whom.Who {
			meant = append(meant, p)
		}
	}
	switch len(meant) {
	case 1:
		return spot{room.Room, meant[0]}, nil
	case 0:
		return spot{}, refuse(http.StatusNotFound, "nobody in room %s is %s: %s", room.Room, Printable(whom.Who), peopleThereAre(room))
	}
	var calls []string
	for _, p := range meant {
		calls = append(calls, fmt.Sprintf("%s (%s)", Printable(p.Call), p.who()))
	}
	return spot{}, refuse(http.StatusConflict, "%s has %d calls in room %s: say which one: %s", Printable(whom.Who), len(meant), room.Room, enumerate(calls))
}

func roomsThereAre(rooms []Room) string {
	var names []string
	for _, r := range rooms {
		names = append(names, Printable(r.Room))
	}
	return thereAre(names, "there are no rooms now")
}

func peopleThereAre(room Room) string {
	var names []string
	for _, p := range room.Participants {
		names = append(names, p.who())
	}
	return thereAre(names, "nobody is in it yet")
}

// thereAre is "there is a", "there are a and b", or none.
func thereAre(names []string, none string) string {
	switch len(names) {
	case 0:
		return none
	case 1:
		return "there is " + names[0]
	}
	return "there are " + enumerate(names)
}

// who is a participant in the words of an operator: Anna (101).
func (p Participant) who() string { return Who(p.Name, p.Number, p.Call) }

// Who is somebody in the words of an operator: Anna (101), or what there is of it.
func Who(name, number, call string) string {
	switch name, number = Printable(name), Printable(number); {
	case name != "" && number != "" && name != number:
		return name + " (" + number + ")"
	case number != "":
		return number
	case name != "":
		return name + " (call " + Printable(call) + ")"
	}
	return "call " + Printable(call)
}

// mostNamed is how many are named where there may be any number.
const mostNamed = 20

// enumerate is "a, b and c", of two at least.
func enumerate(names []string) string {
	if more := len(names) - mostNamed; more > 0 {
		names = append(slices.Clone(names[:mostNamed]), fmt.Sprintf("%d more", more))
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// Printable is text that does nothing to a terminal: names and numbers are what callers say they are.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
