package pattern

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPatternsAsAsteriskReadsThem goes through what docs.asterisk.org, "Pattern Matching", says of
// each character, and what main/pbx.c does in the cases that the page leaves open.
func TestPatternsAsAsteriskReadsThem(t *testing.T) {
	for _, c := range []struct{ pattern, yes, no string }{
		{"5234", "5234 52-34 5-2-3-4", "523 52345 x5234 _5234"}, // a literal is itself, dashes apart
		{"Conf", "Conf", "conf CONF"},                           // letters are not folded
		{"_64XX", "6400 6401 6450 6499 64-99", "640 64000 6300 64a0 64**"},
		{"_64xx", "6400 6499", "640 6300"}, // small letters mean the same
		{"_Z", "1 5 9", "0 a 11"},
		{"_z", "1 9", "0"},
		{"_N", "2 9", "0 1"},
		{"_n", "2 9", "0 1"},
		{"_NXXNXXXXXX", "2125551212 5004002000", "1125551212 2121551212 212555121"},
		{"_[1237-9]", "1 2 3 7 8 9", "0 4 5 6 - 12"},
		{"_6[34]XX", "6300 6499", "6500 630"},
		{"_[1-468]", "1 2 3 4 6 8", "0 5 7 9 468"}, // not a range up to four hundred and sixty-eight
		{"_64X[4-9]", "6404 6499", "6403 640"},
		{"_[a-c]X", "a0 b9", "d0 A0"},
		{"_[XNZ]", "X N Z", "5 x"}, // no digits' names within a set
		{"_[.]5", ".5", "5 55 a5"}, // a wildcard in a set is the character
		{"_5[!]", "5!", "5 50"},
		{"_5[-9]", "59", "5 58"}, // a dash at an end is no range; and as a character never comes
		{"_5[9-]", "59", "58"},
		{"_5[[]", "5[", "5 5]"}, // '[' within a set is itself
		{"_9876.", "98761 9876123 9876a 9876.", "9876 987 98751 9876-"},
		{"_9876!", "9876 98761 9876abc 9876-", "987 98751"},
		{"_.", "1 abc *1#", ""},
		{"_X.", "10 0a", "1 a1"},
		{"_XXX-XXXX", "5551212 555-1212 55-51212", "555121 555-121"}, // a dash makes it readable, no more
		{"_*1X.", "*152 *15234 *10a", "*15 *1 15 *1a5"},
		{"_+49X.", "+4930", "+49 4930"},
		{"_#XX", "#12", "12"},
	} {
		p, err := Parse(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		for _, number := range strings.Fields(c.yes) {
			if !p.Matches(strings.ReplaceAll(number, "-", "")) {
				t.Errorf("%s does not match %s", c.pattern, number)
			}
		}
		for _, number := range strings.Fields(c.no) {
			if p.Matches(strings.ReplaceAll(number, "-", "")) {
				t.Errorf("%s matches %s", c.pattern, number)
			}
		}
	}
}

// numbers are what people dial, with a preference for the few characters that patterns speak of.
var numbers = rapid.StringOfN(rapid.SampledFrom([]rune("0123459*#+ab")), 0, 7, -1)

// patterns are patterns without faults.
var patterns = rapid.Custom(func(t *rapid.T) string {
	places := rapid.SliceOfN(rapid.SampledFrom([]string{"X", "Z", "N", "0", "5", "*", "a", "[0-4]", "[5a]", "-"}), 1, 4).Draw(t, "places")
	s := "_" + strings.Join(places, "") + rapid.SampledFrom([]string{"", ".", "!"}).Draw(t, "tail")
	if strings.Trim(s, "_-") == "" {
		return "_X"
	}
	return s
})

// backtrack is the plainest reading of a pattern, one character after the other on the text itself,
// to hold the compiled one against.
func backtrack(pattern, number string) bool {
	if pattern == "" {
		return number == ""
	}
	rest := pattern[1:]
	var allowed string
	switch pattern[0] {
	case '-':
		return backtrack(rest, number)
	case '.':
		return number != ""
	case '!':
		return true
	case 'X':
		allowed = "0123456789"
	case 'Z':
		allowed = "123456789"
	case 'N':
		allowed = "23456789"
	case '[':
		members, after, _ := strings.Cut(rest, "]")
		allowed, rest = strings.ReplaceAll(members, "0-4", "01234"), after
	default:
		allowed = pattern[:1]
	}
	return number != "" && strings.Contains(allowed, number[:1]) && backtrack(rest, number[1:])
}

func TestMatchesAgreesWithThePlainReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, number := patterns.Draw(t, "pattern"), numbers.Draw(t, "number")
		p, err := Parse(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if got, want := p.Matches(number), backtrack(s[1:], number); got != want {
			t.Fatalf("%s matches %q: %v, want %v", s, number, got, want)
		}
	})
}

func TestCoversMeansEveryNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, _ := Parse(patterns.Draw(t, "a"))
		b, _ := Parse(patterns.Draw(t, "b"))
		if !a.Covers(a) {
			t.Fatal("a pattern does not cover itself")
		}
		if !a.Covers(b) {
			witness, found := counterexample(a, b)
			if !found || a.Matches(witness) || !b.Matches(witness) {
				t.Fatalf("covers says no, but %q shows nothing", witness)
			}
			return
		}
		if number := numbers.Draw(t, "number"); b.Matches(number) && !a.Matches(number) {
			t.Fatalf("covers says yes, but %q is only the second one's", number)
		}
	})
}

// counterexample makes a number that b matches and a does not, by trying at each place of b the
// characters that it has and a has not, and the lengths that are b's alone.
func counterexample(a, b Pattern) (string, bool) {
	shortest := make([]byte, len(b.places))
	for i, place := range b.places {
		for c := 0; c < 256; c++ {
			if place.has(byte(c)) {
				shortest[i] = byte(c)
				break
			}
		}
	}
	tries := []string{string(shortest), string(shortest) + strings.Repeat("5", 9)}
	for i, place := range b.places {
		for c := 0; c < 256; c++ {
			if place.has(byte(c)) {
				n := append([]byte(nil), shortest...)
				n[i] = byte(c)
				tries = append(tries, string(n), string(n)+"5555")
			}
		}
	}
	if b.open { // a's places behind the end of b's, where b takes anything
		for n := range 5 {
			tries = append(tries, string(shortest)+strings.Repeat("\x01", n))
		}
	}
	for _, s := range tries {
		if b.Matches(s) && !a.Matches(s) {
			return s, true
		}
	}
	return "", false
}
