package dialout

import (
	"strings"
	"unicode"
)

// Key is the normal form of a number: two numbers are one phone exactly if their keys are equal. It is
// for comparing, not for dialling. The zero Key is that of no number.
type Key string

// shortest is how many digits must follow a prefix for it to be one: 8 916 123-45-67 begins with the
// prefix 8, extension 812 does not.
const shortest = 7

// longest is how long a number may be at all, whatever it is made of.
const longest = 64

// plain is the number without what only makes it readable: white space, dashes of every kind, round
// and square brackets, and characters that cannot be seen, which come with numbers that were copied.
func plain(number string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) || unicode.In(c, unicode.Pd, unicode.Cf) || strings.ContainsRune("()[]", c) {
			return -1
		}
		return c
	}, number)
}

// dialable reports whether a plain number can be the user part of a SIP URI and be read out from a log
// line: after at most one leading '+' it is made of digits, '*', '#', ASCII letters, '.' and '_'.
func dialable(number string) bool {
	number = strings.TrimPrefix(number, "+")
	if number == "" || len(number) > longest {
		return false
	}
	for i := range len(number) {
		c := number[i]
		if !isDigit(c) && c != '.' && c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// isDigit reports whether c is a key of a telephone.
func isDigit(c byte) bool { return '0' <= c && c <= '9' || c == '*' || c == '#' }

// digitsOf counts the keys that one presses to dial the number.
func digitsOf(number string) (n int) {
	for i := range len(number) {
		if isDigit(number[i]) {
			n++
		}
	}
	return n
}

// key is the normal form: the plain number without a leading '+', in small letters, and without the
// first of the prefixes (longest first) that is followed by at least seven digits and nothing else.
func key(number string, prefixes []string) Key {
	number = strings.ToLower(strings.TrimPrefix(plain(number), "+"))
	for _, prefix := range prefixes {
		rest, ok := strings.CutPrefix(number, prefix)
		if ok && len(rest) >= shortest && strings.Trim(rest, "0123456789") == "" {
			return Key(rest)
		}
	}
	return Key(number)
}
