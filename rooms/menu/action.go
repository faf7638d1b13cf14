package menu

import (
	"fmt"
	"slices"
	"strings"
)

// Action is what a sequence of keys asks for.  The zero value asks for nothing.
type Action uint8

// The actions, of which the later ones are meant for hosts.
const (
	None        Action = iota
	Invite             // dial somebody and bring him in
	Mute               // be heard no more, or again
	Count              // how many are here, and who
	HearSofter         // the others, for me
	HearLouder         //
	SpeakSofter        // me, for the others
	SpeakLouder        //
	Consult            // be alone with the one invited last, and back
	Lock               // let nobody in any more, or again
	Help               // read the menu out
	Drop               // the one invited last
	Missing            // call those of the group who are not here
	Result             // who of the group is here and who is missing
	MuteAll            // everybody but me, or nobody
	Kick               // who came last
	Record             // what the room hears, or no more
)

var names = [...]string{"none", "invite", "mute", "count", "hear-softer", "hear-louder", "speak-softer", "speak-louder", "consult", "lock", "help",
	"drop", "call-missing", "group-result", "mute-all", "kick-last", "record"}

// String is the action's name in a configuration.
func (a Action) String() string {
	if int(a) < len(names) {
		return names[a]
	}
	return fmt.Sprintf("Action(%d)", uint8(a))
}

// ParseAction reads a name as String writes it.  The error lists the names there are.
func ParseAction(name string) (Action, error) {
	if i := slices.Index(names[1:], name); i >= 0 {
		return Action(i + 1), nil
	}
	return None, fmt.Errorf("%q is no action: write one of %s", name, strings.Join(names[1:], ", "))
}
