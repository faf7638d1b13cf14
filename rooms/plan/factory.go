package plan

import (
	"errors"
	"fmt"
	"strings"
)

// A factory is a number behind which each caller finds a room of his own, that nobody else is in (RFC 4579 section 5.4): the conference button of
// a telephone dials it, and then sends the others to the room, by the URI that it is told. So the number of a room that a factory makes leads
// back there, whatever else the plan says of it.

// FreshDigits is how many digits ${FRESH} has.
const FreshDigits = 8

// anyRoom is the room of a factory that says nothing of it: a number that telephones can dial, and that is not in the way of extensions.
const anyRoom = "${FRESH}"

// fewestFresh is how many digits of a fresh room must be such that nobody knows them before.
const fewestFresh = 3

// Fresh is the room that a factory makes of digits that were drawn, FreshDigits of them. rule is Target.Rule.
func (p *Plan) Fresh(rule int, digits string) string {
	return p.rules[rule].room.with(digits)
}

// madeBy says which rule's factory makes rooms of that number; false: none does.
func (p *Plan) madeBy(number string) (rule int, ok bool) {
	for i := range p.rules {
		if r := &p.rules[i]; r.factory && r.room.makes(number) {
			return i, true
		}
	}
	return -1, false
}

// checkFactory says what is wrong with the room of a factory.
func (t template) checkFactory() error {
	drawn := 0
	for _, p := range t {
		switch p.variable {
		case exten, caller:
			return errors.New("a room that is made for each caller can only have fixed text and ${FRESH} in its number")
		case fresh:
			drawn += len(slice(strings.Repeat("0", FreshDigits), p.skip, p.length))
		}
	}
	switch name := t.with(strings.Repeat("0", FreshDigits)); {
	case drawn < fewestFresh:
		return fmt.Errorf("it has too few digits that are drawn for each caller; write ${FRESH}, or ${FRESH:-%d} for %d of them", fewestFresh+1, fewestFresh+1)
	case !ValidName(name):
		return fmt.Errorf("%q is no name of a room", name)
	}
	return nil
}

// checkPlain says what is wrong with a template that is no factory's.
func (t template) checkPlain() error {
	for _, p := range t {
		if p.variable == fresh {
			return errors.New("${FRESH} is for a rule with factory: true")
		}
	}
	return nil
}

// with fills a factory's template in.
func (t template) with(digits string) string {
	var b strings.Builder
	for _, p := range t {
		if p.variable == fresh {
			b.WriteString(slice(digits, p.skip, p.length))
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// makes says whether a room of that number can have come of a factory's template.
func (t template) makes(number string) bool {
	for _, p := range t {
		if p.variable != fresh {
			rest, ok := strings.CutPrefix(number, p.text)
			if !ok {
				return false
			}
			number = rest
			continue
		}
		n := len(slice(strings.Repeat("0", FreshDigits), p.skip, p.length))
		if len(number) < n || strings.Trim(number[:n], "0123456789") != "" {
			return false
		}
		number = number[n:]
	}
	return number == ""
}

// strayed says where the rooms of a factory lead, if it is not back to them: another rule takes their numbers.
func (p *Plan) strayed(rule int) (number string, by int) {
	for _, digits := range []string{"48151623", "00000000", "99999999", "12345678"} {
		number := p.Fresh(rule, digits)
		if target, ok := p.Route(number, "0"); !ok || target.Room != number || target.Group != "" || target.Factory {
			return number, target.Rule
		}
	}
	return "", -1
}
