package dialout

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sipconf/sipconf/asterisk/pattern"
)

// Rules say which numbers may be dialled, and what is one number. Patterns are Asterisk's (package
// pattern). The zero value lets everything of up to 11 digits through; see [DefaultRules].
type Rules struct {
	Allow     []string     // patterns; empty: whatever is not denied
	Deny      []string     // patterns; a number that one of them matches is not dialled, whatever Allow says
	Own       []string     // patterns of numbers that the PBX routes to us: to dial one is a loop
	MaxDigits int          // digits, '*' and '#' that a number may have; 0: 11
	Prefixes  []string     // what may stand before a number without making it another one, such as 7 and 8 in Russia
	Policies  []PolicyRule // what those meet who answer; the first whose pattern matches
}

// PolicyRule is the policy for some numbers.
type PolicyRule struct {
	Pattern string
	Policy  Policy
}

// defaultDigits is 8 916 123-45-67: a call within the country, and no international one.
const defaultDigits = 11

// DefaultRules are those of a server whose operator wrote none: numbers begin with a digit, so that
// nobody dials service codes of the PBX; international prefixes are denied, where enough digits follow
// for them to be no extension; the numbers that docs/asterisk.md sends to us are ours.
func DefaultRules() Rules {
	return Rules{
		Allow:     []string{"_X!"},
		Deny:      []string{"_00X!", "_011XXXXXXX!", "_810XXXXXXX!"},
		Own:       []string{"_*1X.", "_*XXX"},
		MaxDigits: defaultDigits,
	}
}

// Rulebook is Rules, compiled. Pure and immutable; safe for concurrent use.
type Rulebook struct {
	allow, deny, own []pattern.Pattern
	policies         []policyRule
	maxDigits        int
	prefixes         []string // longest first
}

// policyRule is a PolicyRule after Compile.
type policyRule struct {
	pattern pattern.Pattern
	policy  Policy
}

// Compile checks and prepares the rules. The error joins one [*Fault] for each thing that is wrong.
func (r Rules) Compile() (*Rulebook, error) {
	book := &Rulebook{maxDigits: cmp.Or(r.MaxDigits, defaultDigits)}
	var faults faults
	book.allow = faults.patterns("allow", r.Allow)
	book.deny = faults.patterns("deny", r.Deny)
	book.own = faults.patterns("own", r.Own)
	for i, p := range r.Policies {
		path := fmt.Sprintf("policies[%d]", i)
		compiled := policyRule{faults.pattern(path+".pattern", p.Pattern), p.Policy}
		if p.Policy == Unsaid || int(p.Policy) >= len(policyNames) {
			faults.add(path+".policy", "", "it says nothing; write %s", strings.Join(policyNames[1:], ", "))
		}
		book.policies = append(book.policies, compiled)
	}
	if r.MaxDigits < 0 || r.MaxDigits > longest {
		faults.add("max_digits", fmt.Sprint(r.MaxDigits), "a number has 1 to %d digits", longest)
	}
	for i, prefix := range r.Prefixes {
		digits := strings.TrimPrefix(plain(prefix), "+")
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			faults.add(fmt.Sprintf("prefixes[%d]", i), prefix, "a prefix is made of digits, with or without a + before them")
		}
		book.prefixes = append(book.prefixes, digits)
	}
	slices.SortStableFunc(book.prefixes, func(a, b string) int { return len(b) - len(a) })
	return book, errors.Join(faults...)
}

// Key is the normal form of a number, by which numbers are compared. In this order: white space, dashes,
// round and square brackets and invisible characters are taken out; a leading '+' is; letters become
// small; and one of Rules.Prefixes is taken from its begin, the longest that fits, but only if at least
// seven digits and nothing else follow it. With the prefixes 7 and 8, "+7 (916) 123-45-67",
// "8 916 1234567" and "9161234567" are one number, and the extensions 812 and 12 are two.
func (r *Rulebook) Key(number string) Key { return key(number, r.prefixes) }

// Check says whether a number may be dialled, and how it is written then: as it was, without what only
// makes it readable. The cause is empty if it may, and else BadNumber, TooLong, Loop or NotAllowed.
//
// A number is denied if any of its spellings is: as written, without a leading '+', and its normal form.
// What a trunk makes of it is checked as well, when a trunk is chosen. It is allowed as it is written.
func (r *Rulebook) Check(number string) (written string, cause Cause) {
	written = plain(number)
	switch {
	case !dialable(written):
		return "", BadNumber
	case digitsOf(written) > r.maxDigits:
		return written, TooLong
	case r.spelled(r.own, written):
		return written, Loop
	case r.denied(written), len(r.allow) > 0 && !matchesAny(r.allow, written):
		return written, NotAllowed
	}
	return written, ""
}

// denied reports whether a spelling of the number is on the deny list.
func (r *Rulebook) denied(written string) bool { return r.spelled(r.deny, written) }

// spelled reports whether one of the patterns matches one of the number's spellings.
func (r *Rulebook) spelled(patterns []pattern.Pattern, written string) bool {
	return matchesAny(patterns, written) || matchesAny(patterns, strings.TrimPrefix(written, "+")) ||
		matchesAny(patterns, string(r.Key(written)))
}

func matchesAny(patterns []pattern.Pattern, number string) bool {
	return slices.ContainsFunc(patterns, func(p pattern.Pattern) bool { return p.Matches(number) })
}

// faults collects what is wrong with a configuration.
type faults []error

func (f *faults) add(path, value, format string, args ...any) {
	*f = append(*f, fault(path, value, format, args...))
}

// pattern reads the pattern at that path.
func (f *faults) pattern(path, s string) pattern.Pattern {
	p, err := pattern.Parse(s)
	if err != nil {
		f.add(path, s, "%w", err)
	}
	return p
}

// patterns reads a list of them.
func (f *faults) patterns(path string, list []string) (all []pattern.Pattern) {
	for i, s := range list {
		all = append(all, f.pattern(fmt.Sprintf("%s[%d]", path, i), s))
	}
	return all
}
