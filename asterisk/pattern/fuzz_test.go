package pattern

import (
	"strings"
	"testing"
)

// FuzzParse reads what an operator might write and holds it against what a stranger might dial. A
// pattern that was taken covers itself, is covered by what takes everything, and as a number without an
// underscore matches that number alone.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"5234", "_64XX", "_[1-4]N.", "_5!", "_[[-]X", "_+49-30X.", "_[9-]Z", "[", "_]", "_.", "_-", "_conf."} {
		f.Add(s, "5234")
		f.Add(s, "*1\x00")
	}
	f.Fuzz(func(t *testing.T, s, number string) {
		p, err := Parse(s)
		if err != nil {
			if err.Error() == "" || p.places != nil || p.open {
				t.Fatalf("Parse(%q) = %+v, %v", s, p, err)
			}
			return
		}
		if !p.Covers(p) {
			t.Fatalf("%q does not cover itself", s)
		}
		number = strings.ReplaceAll(number, "-", "")
		if !strings.HasPrefix(s, "_") {
			if got, want := p.Matches(number), number == strings.ReplaceAll(s, "-", ""); got != want {
				t.Fatalf("%q matches %q: %v, want %v", s, number, got, want)
			}
			return
		}
		if p.Matches(number) && len(number) < len(p.places) {
			t.Fatalf("%q matches %q, which is too short", s, number)
		}
		if open, err := Parse("_!"); err != nil || !open.Covers(p) {
			t.Fatalf("what takes everything does not cover %q", s)
		}
	})
}
