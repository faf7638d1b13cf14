// Package pattern is Asterisk's pattern language for numbers, which the operator knows from his
// extensions.conf:
//
//	5234        without an underscore: exactly this number
//	_           makes the rest a pattern
//	X Z N       one digit: 0-9, 1-9, 2-9 (x, z and n as well)
//	[13-5a]     one character out of a set: 1, 3, 4, 5 or a
//	.           one or more of anything; only at the end
//	!           zero or more of anything; only at the end
//	-           outside a set: nothing, it only makes the number readable
//
// What Asterisk takes silently and what never does what was meant is an error here: text after '.' or
// '!', an empty set, a range that runs backwards, a forgotten underscore.
//
// A place is what one character of the number may be; a pattern is a row of places. Everything here is
// pure, and a Pattern may be used by many goroutines.
package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// place is the set of characters that may stand at one position of a number, one bit for each byte.
type place [4]uint64

func (p *place) add(c byte)     { p[c>>6] |= 1 << (c & 63) }
func (p place) has(c byte) bool { return p[c>>6]&(1<<(c&63)) != 0 }

// covers reports whether p has all that q has.
func (p place) covers(q place) bool {
	for i := range p {
		if q[i]&^p[i] != 0 {
			return false
		}
	}
	return true
}

// anything is the place that takes every character.
var anything = place{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}

// digits is the place of the digits from low to '9'.
func digits(low byte) place {
	var p place
	for c := low; c <= '9'; c++ {
		p.add(c)
	}
	return p
}

// Pattern is what a number must look like: one character for each place and then, if open, any
// more. A trailing '.' is one place for anything, and open; a trailing '!' is open alone. The zero
// Pattern matches the empty number alone.
type Pattern struct {
	places []place
	open   bool
}

// Matches reports whether number, which has no dashes, is one of the pattern's.
func (p Pattern) Matches(number string) bool {
	if len(number) < len(p.places) || len(number) > len(p.places) && !p.open {
		return false
	}
	for i, place := range p.places {
		if !place.has(number[i]) {
			return false
		}
	}
	return true
}

// Covers reports whether p matches every number that q matches. It is exact: places are compared
// one by one, and an open pattern goes on for ever.
func (p Pattern) Covers(q Pattern) bool {
	if len(q.places) < len(p.places) || !p.open && (q.open || len(q.places) > len(p.places)) {
		return false
	}
	for i, place := range p.places {
		if !place.covers(q.places[i]) {
			return false
		}
	}
	return true
}

// Parse reads a pattern, or a literal number if there is no leading underscore. The error says what to
// write instead.
func Parse(s string) (Pattern, error) {
	if err := checkCharacters(s); err != nil {
		return Pattern{}, err
	}
	if !strings.HasPrefix(s, "_") {
		return parseLiteral(s)
	}
	body := s[1:]
	if err := checkLetters(body); err != nil {
		return Pattern{}, err
	}
	var p Pattern
	for i := 0; i < len(body); i++ {
		switch c := body[i]; c {
		case 'X', 'x':
			p.places = append(p.places, digits('0'))
		case 'Z', 'z':
			p.places = append(p.places, digits('1'))
		case 'N', 'n':
			p.places = append(p.places, digits('2'))
		case '-': // only makes the pattern readable
		case ']':
			return Pattern{}, fmt.Errorf("']' at position %d closes nothing; put the '[' before it", i+2)
		case '[':
			set, length, err := parseSet(body[i:])
			if err != nil {
				return Pattern{}, fmt.Errorf("the set at position %d %w", i+2, err)
			}
			p.places = append(p.places, set)
			i += length - 1
		case '.', '!':
			if i+1 < len(body) {
				return Pattern{}, fmt.Errorf("%q stands after '%c', which takes all the rest; end the pattern there, or write [%c] for the character itself", body[i+1:], c, c)
			}
			if c == '.' {
				p.places = append(p.places, anything)
			}
			p.open = true
		default:
			p.places = append(p.places, single(c))
		}
	}
	if len(p.places) == 0 && !p.open {
		return Pattern{}, errors.New("nothing follows the '_'; write a pattern such as _5XXX")
	}
	return p, nil
}

// parseLiteral reads a number that stands for itself. Dashes in it are ignored as everywhere.
func parseLiteral(s string) (Pattern, error) {
	body := strings.ReplaceAll(s, "-", "")
	if body == "" {
		return Pattern{}, errors.New("it is empty; write a number such as 5234, or a pattern such as _5XXX")
	}
	// "5XXX" for "_5XXX" is the mistake that everybody makes once, and it fails in silence.
	numeric := strings.Trim(body, "0123456789*#+XZNxzn.") == ""
	if strings.ContainsAny(body, "[]!") || numeric && (strings.ContainsAny(body, "XZNxzn") || strings.HasSuffix(body, ".")) {
		return Pattern{}, fmt.Errorf("it looks like a pattern but does not begin with '_'; write _%s", s)
	}
	p := Pattern{places: make([]place, len(body))}
	for i := range len(body) {
		p.places[i].add(body[i])
	}
	return p, nil
}

// parseSet reads the set that s begins with and returns how many bytes of s it is.
func parseSet(s string) (set place, length int, err error) {
	end := strings.IndexByte(s, ']')
	if end < 0 {
		return set, 0, errors.New("is not closed; add ']'")
	}
	members := s[1:end]
	if members == "" {
		return set, 0, errors.New("is empty; write the characters it stands for, such as [1-5]")
	}
	for i := 0; i < len(members); i++ {
		low, high := members[i], members[i]
		if i+2 < len(members) && members[i+1] == '-' {
			high = members[i+2]
			i += 2
		}
		if low > high {
			return set, 0, fmt.Errorf("has the range %c-%c, which runs backwards; write %c-%c", low, high, high, low)
		}
		for c := int(low); c <= int(high); c++ {
			set.add(byte(c))
		}
	}
	return set, end + 1, nil
}

// single is the place of exactly one character.
func single(c byte) place {
	var p place
	p.add(c)
	return p
}

// checkCharacters finds what no number can hold.
func checkCharacters(s string) error {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '/':
			return errors.New("patterns of the caller's number after '/' are not supported; use ${CALLERID(num)} in the room, or let Asterisk decide")
		case c == '\\':
			return errors.New("a backslash escapes nothing here; write the character in a set, such as [.]")
		case c <= ' ' || c > '~':
			return fmt.Errorf("the character %q at position %d is in no number; take it out", rune(c), i+1)
		}
	}
	return nil
}

// checkLetters finds words in a pattern: in "_conf." the n would be a digit from 2 to 9, which is
// what Asterisk does and what nobody who writes it wants.
func checkLetters(body string) error {
	words, wild, inSet := false, byte(0), false
	for i := range len(body) {
		c := body[i]
		switch {
		case c == '[', c == ']':
			inSet = c == '['
		case inSet:
		case c == 'x', c == 'z', c == 'n':
			wild = c
		case c == 'X', c == 'Z', c == 'N':
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			words = true
		}
	}
	if words && wild != 0 {
		return fmt.Errorf("among other letters '%c' would still be a digit; write [%c] for the letter or %c for the digit", wild, wild, wild-'a'+'A')
	}
	return nil
}
