package dialout

import (
	"fmt"
	"strings"
)

// Policy is what somebody meets who answers.
type Policy uint8

const (
	Unsaid   Policy = iota // somebody else decides
	Straight               // he is in the room as soon as he answers
	Press1                 // he is asked to press 1, and is hung up if he does not: no voicemail enters the room
	Consult                // the inviter talks to him first, and takes him in or not
)

var policyNames = [...]string{Unsaid: "", Straight: "straight", Press1: "press-1", Consult: "consult"}

// String is the policy as the configuration has it.
func (p Policy) String() string {
	if int(p) < len(policyNames) {
		return policyNames[p]
	}
	return "unknown policy"
}

// ParsePolicy reads a policy. The empty text is Unsaid.
func ParsePolicy(s string) (Policy, error) {
	for i, name := range policyNames {
		if name == s {
			return Policy(i), nil
		}
	}
	return Unsaid, fmt.Errorf("%q is no policy; write %s", s, strings.Join(policyNames[1:], ", "))
}

// Policy decides what somebody meets who answers on number over t: asked is the group member's or the
// request's own word and counts most; then the first of Rules.Policies whose pattern matches the number;
// then the trunk's policy; then straight on an internal trunk and press-1 on any other.
func (r *Rulebook) Policy(asked Policy, number string, t *Trunk) Policy {
	if asked != Unsaid {
		return asked
	}
	number = plain(number)
	for _, p := range r.policies {
		if p.pattern.Matches(number) {
			return p.policy
		}
	}
	switch {
	case t.Policy != Unsaid:
		return t.Policy
	case t.Internal:
		return Straight
	}
	return Press1
}
