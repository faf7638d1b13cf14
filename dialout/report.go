package dialout

import (
	"fmt"
	"strings"
)

// Report is the result of calling groups into a room, to be spoken: "five of seven; missing ...".
type Report struct {
	Total   int           // members
	In      int           // of them in the room
	Missing []MemberState // the others, in the order of the list, also those who are under way
}

// String writes "5 of 7; missing: Anna (103): busy, 104: no answer".
func (r Report) String() string {
	s := fmt.Sprintf("%d of %d", r.In, r.Total)
	if len(r.Missing) == 0 {
		return s
	}
	var missing []string
	for _, m := range r.Missing {
		missing = append(missing, m.String())
	}
	return s + "; missing: " + strings.Join(missing, ", ")
}

// Report tells who of the groups that were called into a room is in it. Who is in several of them counts once.
func (g *Groups) Report(room Room) (r Report) {
	counted := make(map[Key]bool)
	for _, c := range g.look(room) {
		for _, m := range c.members {
			if known(m.keys, counted) {
				continue
			}
			r.Total++
			if m.state.State == In {
				r.In++
			} else {
				r.Missing = append(r.Missing, m.state)
			}
		}
	}
	return r
}

// States are the groups that were called into a room, in the order in which they were, with their members
// as far as they are now: who has come by himself is In as well, and who has gone again has Left.
func (g *Groups) States(room Room) (states []GroupState) {
	for _, c := range g.look(room) {
		state := GroupState{Room: c.room, Group: c.group}
		for _, m := range c.members {
			state.Members = append(state.Members, m.state)
		}
		states = append(states, state)
	}
	return states
}

// look copies the group calls of a room, with what the roster says worked into the members' states.
func (g *Groups) look(room Room) (calls []groupCall) {
	in := g.dialer.inRoom(room, "")
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls[room] {
		seen := groupCall{room: c.room, group: c.group}
		for _, m := range c.members {
			now := &member{keys: m.keys, state: m.state}
			switch here := g.here(c, m, in); {
			case here:
				now.state.Outcome = Outcome{State: In}
			case now.state.State == In:
				now.state.Outcome = Outcome{State: Left}
			}
			seen.members = append(seen.members, now)
		}
		calls = append(calls, seen)
	}
	return calls
}

// known reports whether all keys are in the set, and puts them there.
func known(keys []Key, set map[Key]bool) bool {
	all := true
	for _, key := range keys {
		all = all && set[key]
		set[key] = true
	}
	return all
}
