package menu

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MostKeys is how long a sequence may be.
const MostKeys = 6

const keypad = "0123456789*#ABCD"

// Menu is what the sequences of one role mean.  Immutable; safe for concurrent use.  The zero value knows none.
type Menu struct{ actions map[string]Action }

// New makes a menu.  A sequence of no keys, of too many, or with anything that is no key is an error that names it.
func New(actions map[string]Action) (*Menu, error) {
	for _, keys := range slices.Sorted(maps.Keys(actions)) {
		if len(keys) == 0 || len(keys) > MostKeys {
			return nil, fmt.Errorf("%q has %d keys: write 1 to %d of them", keys, len(keys), MostKeys)
		}
		if i := strings.IndexFunc(keys, func(r rune) bool { return !strings.ContainsRune(keypad, r) }); i >= 0 {
			return nil, fmt.Errorf("%q has %q in it, which is on no telephone: write the keys 0 to 9, *, # or A to D", keys, keys[i:])
		}
	}
	return &Menu{maps.Clone(actions)}, nil
}

// Default is the menu of those who are no hosts, as long as a configuration says nothing else.
func Default() map[string]Action {
	return map[string]Action{
		"*1": Invite, "*2": Mute, "*3": Count, "*4": HearSofter, "*5": HearLouder, "*6": Consult, "*7": SpeakSofter, "*8": SpeakLouder,
		"*9": Lock, "*0": Help, "*#": Drop, "**1": Missing, "**0": Result,
	}
}

// DefaultHost is the same for hosts.
func DefaultHost() map[string]Action {
	m := Default()
	m["**2"], m["**3"], m["**4"] = MuteAll, Kick, Record
	return m
}

// Sequences are all that the menu knows, in the order of a keypad, for reading them out.
func (m *Menu) Sequences() []string {
	return slices.SortedFunc(maps.Keys(m.actions), func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
}

// Action is what a whole sequence means; None if it means nothing.
func (m *Menu) Action(keys string) Action { return m.actions[keys] }

// State is what somebody has typed of a sequence.  Plain data; the zero value is nothing.
type State struct{ Typed string }

// Outcome is what a key has led to.
type Outcome uint8

const (
	Idle    Outcome = iota // nothing was typed
	Waiting                // another key may come
	Chosen                 // an action
	Unknown                // no sequence begins like that; what was typed is forgotten
)

// Press adds a key.  Waiting: call Pause when no other key comes.  Chosen and Unknown leave the state empty.
func (m *Menu) Press(s *State, key byte) (Action, Outcome) {
	s.Typed += string(rune(key))
	action, longer := m.actions[s.Typed], false
	for keys := range m.actions {
		longer = longer || len(keys) > len(s.Typed) && strings.HasPrefix(keys, s.Typed)
	}
	switch {
	case longer:
		return None, Waiting
	case action != None:
		s.Typed = ""
		return action, Chosen
	}
	s.Typed = ""
	return None, Unknown
}

// Pause says that no key has followed for the inter-digit time-out.
func (m *Menu) Pause(s *State) (Action, Outcome) {
	typed := s.Typed
	s.Typed = ""
	switch action := m.actions[typed]; {
	case typed == "":
		return None, Idle
	case action != None:
		return action, Chosen
	}
	return None, Unknown
}
