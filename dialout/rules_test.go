package dialout

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// book is the compiled form of rules that have to be sound.
func book(t testing.TB, r Rules) *Rulebook {
	t.Helper()
	b, err := r.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheNormalFormOfNumbers(t *testing.T) {
	russia := book(t, Rules{Prefixes: []string{"+7", "8"}})
	germany := book(t, Rules{Prefixes: []string{"0", "49", "0049"}})
	bare := book(t, Rules{})
	for _, c := range []struct {
		book   *Rulebook
		number string
		want   Key
	}{
		{bare, "101", "101"},
		{bare, "1-0 1", "101"},
		{bare, "+7 (916) 123-45-67", "79161234567"},
		{bare, "8[916]1234567", "89161234567"},
		{bare, "8\u00a0916\u2011123\u201345\u201467", "89161234567"}, // a no-break space; a hyphen, dashes of other kinds
		{bare, "\u202d8916 1234567\u202c", "89161234567"},            // copied from a telephone's contacts
		{bare, "*15234", "*15234"},
		{bare, "Reception", "reception"},
		{bare, "++1", "+1"}, // only one of them is a prefix; and it is no number
		{bare, "", ""},
		{bare, " - ", ""},
		{russia, "+7 (916) 123-45-67", "9161234567"},
		{russia, "89161234567", "9161234567"},
		{russia, "79161234567", "9161234567"},
		{russia, "9161234567", "9161234567"},
		{russia, "812", "812"},           // an extension
		{russia, "12", "12"},             //
		{russia, "8123456", "8123456"},   // seven digits in all: a local number
		{russia, "81234567", "1234567"},  // eight: a prefix and seven
		{russia, "8*234567", "8*234567"}, // not only digits
		{russia, "887123456789", "87123456789"},
		{germany, "0049 30 1234567", "301234567"}, // the longest prefix that fits
		{germany, "+49 30 1234567", "301234567"},
		{germany, "030 1234567", "301234567"},
	} {
		if got := c.book.Key(c.number); got != c.want {
			t.Errorf("%q is %q, want %q", c.number, got, c.want)
		}
	}
}

func TestWhatMayBeDialled(t *testing.T) {
	standard := book(t, DefaultRules())
	open := book(t, Rules{})
	russia := book(t, Rules{Allow: []string{"_X!", "_+X!"}, Deny: []string{"_8809XXXXXXX", "_7495XXXXXXX", "112"}, Prefixes: []string{"7", "8"}, MaxDigits: 12})
	for _, c := range []struct {
		book   *Rulebook
		number string
		want   Cause
	}{
		{standard, "101", ""},
		{standard, "1-01", ""},
		{standard, "5", ""},
		{standard, "8 (916) 123-45-67", ""},
		{standard, "891612345678", TooLong},
		{standard, "8 10 44 20 79", ""}, // too short for a call abroad
		{standard, "81044207946", NotAllowed},
		{standard, "8100", ""},
		{standard, "011442079", ""},
		{standard, "0114420794", NotAllowed},
		{standard, "00", ""},
		{standard, "0044", NotAllowed},
		{standard, "+7916", NotAllowed}, // _X! wants a digit first
		{standard, "*72", NotAllowed},
		{standard, "#1", NotAllowed},
		{standard, "*15234", Loop},
		{standard, "*100", Loop},
		{standard, "reception", NotAllowed},
		{standard, "", BadNumber},
		{standard, "()", BadNumber},
		{standard, "+", BadNumber},
		{standard, "1@evil.example", BadNumber},
		{standard, "1;phone-context=x", BadNumber},
		{standard, "1/2", BadNumber},
		{standard, "1\r\n2", ""}, // white space, as any other
		{standard, "1\x00", BadNumber},
		{standard, "1٢", BadNumber}, // a digit, but none of a telephone
		{standard, "\xff1", BadNumber},
		{open, "*72", ""},
		{open, "+44", ""},
		{open, "reception", ""},
		{open, "a.b_c", ""},
		{open, "12345678901", ""},
		{open, "+12345678901", ""}, // the plus is no digit
		{open, "*12345678901", TooLong},
		{open, strings.Repeat("a", 65), BadNumber},
		{russia, "88091234567", NotAllowed},
		{russia, "+78091234567", ""}, // not on the list, and needs a pattern of its own
		{russia, "+74951234567", NotAllowed},
		{russia, "74951234567", NotAllowed},
		{russia, "84951234567", ""},
		{russia, "112", NotAllowed},
		{russia, "+112", NotAllowed}, // without its plus it is
		{russia, "*112", NotAllowed}, // is not among the allowed
	} {
		written, got := c.book.Check(c.number)
		if got != c.want || got == "" && written != plain(c.number) {
			t.Errorf("%q: %q, %q; want %q", c.number, written, got, c.want)
		}
	}
}

func TestDeniedByItsNormalForm(t *testing.T) {
	b := book(t, Rules{Deny: []string{"_809XXXXXXX"}, Prefixes: []string{"7", "8"}})
	for _, number := range []string{"8 809 123-45-67", "+78091234567", "8091234567"} {
		if _, got := b.Check(number); got != NotAllowed {
			t.Errorf("%s: %q", number, got)
		}
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	err := Config{
		Default: "px",
		Trunks: []Trunk{
			{Name: "pbx", Address: "sip:pbx", Numbers: []string{"_X."}},
			{Name: "pbx", Transport: "carrier pigeon", MaxCalls: -1, MaxDaily: -1, Rate: -1, Strip: -1, Prepend: "0 0", Probe: -1, Policy: 9, Numbers: []string{"X."}},
			{Address: "sip:x", Rate: 1001, Prepend: "+"},
		},
		Rules: Rules{
			Allow: []string{"_X.", "_5[12"}, Deny: []string{""}, Own: []string{"_5.5"}, MaxDigits: -1,
			Prefixes: []string{"+7", "8x", " "}, Policies: []PolicyRule{{"_1XX", Straight}, {"_2XX", Unsaid}, {"_", 17}},
		},
	}.Check()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("faults: %v", err)
	}
	var got []string
	for _, err := range joined.Unwrap() {
		var f *Fault
		if !errors.As(err, &f) || f.Unwrap() == nil || !strings.HasPrefix(f.Error(), f.Path) {
			t.Fatalf("%v is no fault with a place", err)
		}
		got = append(got, f.Path)
	}
	want := `allow[1] deny[0] own[0] policies[1].policy policies[2].pattern policies[2].policy max_digits prefixes[1] prefixes[2]
		trunks[1].address trunks[1].transport trunks[1].max_calls trunks[1].max_daily trunks[1].rate trunks[1].strip trunks[1].prepend trunks[1].probe
		trunks[1].policy trunks[1].numbers[0] trunks[1].name trunks[2].name trunks[2].rate trunk`
	if strings.Join(got, " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("faults at\n%s, want\n%s", strings.Join(got, " "), want)
	}
	if d, err := New(Config{Default: "px"}); err == nil || d != nil || !strings.Contains(err.Error(), `trunk "px": there is no trunk of this name`) {
		t.Errorf("New: %v, %v", d, err)
	}
	if err := two().Check(); err != nil {
		t.Errorf("nothing is wrong: %v", err)
	}
}

func TestPolicies(t *testing.T) {
	b := book(t, Rules{Policies: []PolicyRule{{"_9XX", Consult}, {"_X!", Press1}, {"_+X!", Straight}}})
	plain, internal, asked := &Trunk{}, &Trunk{Internal: true}, &Trunk{Internal: true, Policy: Consult}
	for _, c := range []struct {
		said   Policy
		number string
		trunk  *Trunk
		want   Policy
	}{
		{Straight, "901", plain, Straight}, // who said it of this one person knows best
		{Unsaid, "901", internal, Consult}, // then the number
		{Unsaid, "9-01", internal, Consult},
		{Unsaid, "9011", internal, Press1},
		{Unsaid, "+7", plain, Straight},
		{Unsaid, "reception", plain, Press1}, // then the trunk
		{Unsaid, "reception", internal, Straight},
		{Unsaid, "reception", asked, Consult},
	} {
		if got := b.Policy(c.said, c.number, c.trunk); got != c.want {
			t.Errorf("%q, %s, %+v: %s; want %s", c.said, c.number, c.trunk, got, c.want)
		}
	}
	for _, p := range []Policy{Unsaid, Straight, Press1, Consult} {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%q is read as %v, %v", p.String(), got, err)
		}
	}
	if _, err := ParsePolicy("Straight"); err == nil || !strings.Contains(err.Error(), "write straight, press-1, consult") {
		t.Errorf("an unknown policy: %v", err)
	}
	if got := Policy(17).String(); got != "unknown policy" {
		t.Errorf("no policy: %s", got)
	}
}

func TestAPasswordDoesNotShow(t *testing.T) {
	trunk := Trunk{Name: "carrier", User: "office", Password: "hunter2"}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, trunk); strings.Contains(got, "hunter2") || !strings.Contains(got, "carrier") || !strings.Contains(got, "(hidden)") {
			t.Errorf("%s: %s", format, got)
		}
	}
	if got := fmt.Sprint(Secret("")); got != "" {
		t.Errorf("no password: %s", got)
	}
}

// FuzzNumbers dials what a stranger or a list might hold, by rules that an operator might write.
func FuzzNumbers(f *testing.F) {
	for _, number := range []string{"101", "+7 (916) 123-45-67", "*15234", "00\u202d44", "++1", "\xff", "1@evil", "8-8-8", strings.Repeat("9", 70)} {
		f.Add(number, "_X!", "_00X!", "8", uint8(2), "+")
		f.Add(number, "_+X!", "112", "0049", uint8(0), "9")
	}
	f.Fuzz(func(t *testing.T, number, allow, deny, prefix string, strip uint8, prepend string) {
		b, err := Rules{Allow: []string{allow}, Deny: []string{deny}, Prefixes: []string{prefix}}.Compile()
		if err != nil {
			return
		}
		key := b.Key(number)
		for i, c := range number { // what makes a number readable makes no other one of it
			if utf8.ValidString(number) && b.Key(number[:i]+"-( "+number[i:]) != key {
				t.Fatalf("%q is another number with %q before its %q", number, "-( ", c)
			}
		}
		written, cause := b.Check(number)
		if cause != "" {
			return
		}
		if b.Key(written) != key || !dialable(written) || digitsOf(written) > defaultDigits {
			t.Fatalf("%q may be dialled as %q; key %q and %q", number, written, key, b.Key(written))
		}
		if again, cause := b.Check(written); again != written || cause != "" {
			t.Fatalf("%q may be dialled as %q, but that only as %q: %s", number, written, again, cause)
		}
		if b.denied(written) {
			t.Fatalf("%q may be dialled and is denied", number)
		}
		trunk := Trunk{Strip: int(strip), Prepend: prepend}
		if sent := trunk.rewrite(written); sent != "" && (!dialable(sent) || sent != prepend+written[strip:]) {
			t.Fatalf("%q is sent as %q", written, sent)
		}
	})
}
