// Package plan is the number plan: it says which room a dialled number means.
//
// It speaks Asterisk's pattern language (package pattern), because the operator knows it from his
// extensions.conf.
//
// Room and group are templates: text with ${EXTEN}, ${EXTEN:skip}, ${EXTEN:skip:length} (skip and
// length may be negative and then count from the end) and ${CALLERID(num)}, which is sliced alike.
//
// Three things differ from Asterisk, all of them on purpose:
//
//   - The first rule whose pattern matches decides, in the order of the list. Asterisk sorts by
//     specificity; here what is read first is what counts. A rule that no number can reach any more
//     is therefore a fault, not a surprise.
//   - A dash is ignored in the dialled number too, as in Asterisk, but it is also absent from
//     ${EXTEN}: 52-34 and 5234 are one room. The same holds for the caller's number.
//   - A room's or group's name can only be made of a few safe characters (see [ValidName]). When
//     the deciding rule expands to anything else, the number leads nowhere: what comes from the
//     wire shall not become a file name or a log line of the caller's choice.
//
// A rule may be a factory: behind its number each caller finds a room of his own. See factory.go.
//
// Words: a rule is a pattern with the templates behind it; a plan is the list of rules.
//
// Everything here is pure and immutable after Compile, so a Plan may be used by many goroutines.
package plan

import (
	"errors"
	"strings"

	"github.com/sipconf/sipconf/asterisk/pattern"
)

// Rule is one line of the plan as the operator writes it. The zero Rule is faulty.
type Rule struct {
	Pattern string // a number, or with a leading '_' a pattern
	Room    string // template of the room that the caller joins
	Group   string // template of the group that is called into that room; empty: nobody is called
	Factory bool   // each caller gets a room of his own; Room says what it is called, with ${FRESH}
}

// Target is what a number means. Plain data.
type Target struct {
	Room    string // satisfies ValidName; of a factory it is empty
	Group   string // satisfies ValidName, or is empty: nobody is called
	Factory bool   // a room of his own is to be made for the caller: see [Plan.Fresh]
	Rule    int    // index of the rule that decided; -1 when no pattern matched
}

// Plan is a compiled list of rules. The zero Plan leads nowhere. Safe for concurrent use.
type Plan struct {
	rules []rule
}

// rule is a Rule after Compile.
type rule struct {
	pattern     pattern.Pattern
	sound       bool // the pattern compiled, and so can hide others
	room, group template
	factory     bool
}

// Default is the plan of a server without configuration: groups have three digits, rooms are
// dialled as *1 and their number, or by a desk phone directly when they have four digits.
//
//	*100    group 100 into the room that has the caller's own number
//	*15234  room 5234
//	5234    room 5234
//
// The order matters in one place: *123 fits the first rule and the second one, and is group 123.
// Rooms with two digits are so out of reach of *1; those with three (*1234 is room 234) are not.
func Default() []Rule {
	return []Rule{
		{Pattern: "_*XXX", Group: "${EXTEN:1}", Room: "${CALLERID(num)}"},
		{Pattern: "_*1X.", Room: "${EXTEN:2}"},
		{Pattern: "_XXXX", Room: "${EXTEN}"},
	}
}

// Compile checks and prepares the rules. The error joins one [*Fault] for each thing that is wrong,
// in the order of the rules, so that the operator can mend all of them at once.
func Compile(rules []Rule) (*Plan, error) {
	p := &Plan{rules: make([]rule, len(rules))}
	var faults []error
	for i, r := range rules {
		compiled, bad := compileRule(i, r)
		p.rules[i] = compiled
		faults = append(faults, bad...)
		if !compiled.sound {
			continue
		}
		if by := p.hiddenBy(i); by >= 0 {
			faults = append(faults, fault(i, "pattern", r.Pattern,
				"no number can reach it: rule %d (%q) comes first and takes all of them; put this rule before it, or delete it",
				by, rules[by].Pattern))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	for i, r := range rules {
		if !r.Factory {
			continue
		}
		switch number, by := p.strayed(i); {
		case number == "":
		case by < 0:
			faults = append(faults, fault(i, "room", r.Room, "a room that it makes may be %s, and nobody can dial that; leave the dashes out", number))
		default:
			faults = append(faults, fault(i, "room", r.Room,
				"a room that it makes may be %s, and rule %d (%q) leads that elsewhere; let its rooms begin otherwise", number, by, rules[by].Pattern))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return p, nil
}

// compileRule compiles rule i with all its faults.
func compileRule(i int, r Rule) (rule, []error) {
	var compiled rule
	var faults []error
	var err error
	if compiled.pattern, err = pattern.Parse(r.Pattern); err != nil {
		faults = append(faults, fault(i, "pattern", r.Pattern, "%w", err))
	}
	compiled.sound, compiled.factory = err == nil, r.Factory
	if r.Factory && r.Room == "" {
		r.Room = anyRoom
	}
	switch {
	case r.Factory && r.Group != "":
		faults = append(faults, fault(i, "group", r.Group, "nobody is called into a room that is made for its caller; leave it out, or factory"))
	case r.Room == "" && r.Group == "":
		faults = append(faults, fault(i, "room", "", "the rule leads nowhere; say which room the caller joins, for example ${EXTEN}"))
	case r.Room == "":
		faults = append(faults, fault(i, "room", "", "the group %q needs a room to be called into; add one, for example ${CALLERID(num)}", r.Group))
	default:
		compiled.room, err = parseTemplate(r.Room)
		switch {
		case err != nil:
		case r.Factory:
			err = compiled.room.checkFactory()
		default:
			err = compiled.room.checkPlain()
		}
		if err != nil {
			faults = append(faults, fault(i, "room", r.Room, "%w", err))
		}
	}
	if r.Group != "" {
		if compiled.group, err = parseTemplate(r.Group); err == nil {
			err = compiled.group.checkPlain()
		}
		if err != nil {
			faults = append(faults, fault(i, "group", r.Group, "%w", err))
		}
	}
	return compiled, faults
}

// hiddenBy returns the first rule before rule i that matches all that rule i matches, or -1.
func (p *Plan) hiddenBy(i int) int {
	for by := range i {
		if p.rules[by].sound && p.rules[by].pattern.Covers(p.rules[i].pattern) {
			return by
		}
	}
	return -1
}

// Route says what the dialled number means. caller is the caller's own number, empty if unknown.
// It returns false when no pattern matches (Target.Rule is -1) and when the rule that decides
// makes no valid name out of this number and caller (Target.Rule names it). No later rule is
// tried in that case: a caller without a number who dials group *123 must not find himself alone
// in room 23 instead. A number that no pattern matches may be that of a room which a factory has made.
func (p *Plan) Route(number, caller string) (Target, bool) {
	number, caller = strings.ReplaceAll(number, "-", ""), strings.ReplaceAll(caller, "-", "")
	if number == "" {
		return Target{Rule: -1}, false // not even '!' stands for a number that was not dialled
	}
	for i := range p.rules {
		r := &p.rules[i]
		if !r.pattern.Matches(number) {
			continue
		}
		if r.factory {
			return Target{Factory: true, Rule: i}, true
		}
		target := Target{Room: r.room.expand(number, caller), Group: r.group.expand(number, caller), Rule: i}
		if !ValidName(target.Room) || len(r.group) > 0 && !ValidName(target.Group) {
			return Target{Rule: i}, false
		}
		return target, true
	}
	if i, ok := p.madeBy(number); ok {
		return Target{Room: number, Rule: i}, true
	}
	return Target{Rule: -1}, false
}
