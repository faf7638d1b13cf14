package plan

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// compiled is a plan that has to be sound.
func compiled(t testing.TB, rules ...Rule) *Plan {
	t.Helper()
	p, err := Compile(rules)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return p
}

func TestDefaultPlan(t *testing.T) {
	p := compiled(t, Default()...)
	for _, c := range []struct {
		number, caller string
		want           Target
	}{
		{"5234", "12", Target{Room: "5234", Rule: 2}},
		{"52-34", "12", Target{Room: "5234", Rule: 2}},
		{"*15234", "12", Target{Room: "5234", Rule: 1}},
		{"*15234", "", Target{Room: "5234", Rule: 1}},
		{"*1+4930123", "12", Target{Rule: -1}}, // the second place after *1 is a digit
		{"*1523456789", "12", Target{Room: "523456789", Rule: 1}},
		{"*100", "12", Target{Room: "12", Group: "100", Rule: 0}},
		{"*100", "+49-30-12", Target{Room: "+493012", Group: "100", Rule: 0}},
		{"*123", "12", Target{Room: "12", Group: "123", Rule: 0}}, // and not room 23
		{"*123", "", Target{Rule: 0}},                             // nor is it without a caller's number
		{"*100", "../../etc", Target{Rule: 0}},
		{"*1234", "12", Target{Room: "234", Rule: 1}},
		{"*2234", "12", Target{Rule: -1}},
		{"*10", "12", Target{Rule: -1}},
		{"*1", "12", Target{Rule: -1}},
		{"*", "12", Target{Rule: -1}},
		{"", "12", Target{Rule: -1}},
		{"-", "12", Target{Rule: -1}},
		{"523", "12", Target{Rule: -1}},
		{"52345", "12", Target{Rule: -1}},
		{"*15../x", "12", Target{Rule: 1}}, // '.' takes anything, a room's name does not
		{"*15\x00", "12", Target{Rule: 1}},
	} {
		got, ok := p.Route(c.number, c.caller)
		if got != c.want || ok != (c.want.Room != "") {
			t.Errorf("Route(%q, %q) = %+v, %v; want %+v", c.number, c.caller, got, ok, c.want)
		}
	}
}

func TestFirstMatchWins(t *testing.T) {
	p := compiled(t,
		Rule{Pattern: "6400", Room: "literal"},
		Rule{Pattern: "_64XX", Room: "general"},
		Rule{Pattern: "_6NXX", Room: "wider"},
	)
	for number, want := range map[string]string{"6400": "literal", "6421": "general", "6521": "wider"} {
		if got, _ := p.Route(number, ""); got.Room != want {
			t.Errorf("Route(%q) is room %q, want %q", number, got.Room, want)
		}
	}
	// Asterisk would prefer _640X, the more specific one, wherever it stands. Here the order counts,
	// so the second rule is dead, and Compile says so.
	_, err := Compile([]Rule{{Pattern: "_64XX", Room: "a"}, {Pattern: "_640X", Room: "b"}})
	if err == nil || !strings.Contains(err.Error(), `rule 1: pattern "_640X": no number can reach it: rule 0 ("_64XX")`) {
		t.Errorf("a rule behind a wider one: %v", err)
	}
}

func TestTargetWithFixedNames(t *testing.T) {
	p := compiled(t,
		Rule{Pattern: "112", Room: "alarm-${CALLERID(num):-4}", Group: "fire.brigade"},
		Rule{Pattern: "_!", Room: "lobby"},
	)
	if got, ok := p.Route("112", "+49305678"); !ok || got != (Target{Room: "alarm-5678", Group: "fire.brigade"}) {
		t.Errorf("Route(112) = %+v, %v", got, ok)
	}
	if got, ok := p.Route("anything at all", ""); !ok || got != (Target{Room: "lobby", Rule: 1}) {
		t.Errorf("Route(anything) = %+v, %v", got, ok)
	}
	if got, ok := p.Route("", ""); ok {
		t.Errorf("an empty number leads to %+v", got)
	}
}

func TestCompileReportsAllFaults(t *testing.T) {
	_, err := Compile([]Rule{
		{Pattern: "_5XXX", Room: "${EXTEN}"},
		{Pattern: "_[12", Room: "${EXTENSION}", Group: "a b"},
		{Pattern: "", Room: ""},
		{Pattern: "_5[0-9]XX", Group: "${EXTEN:1}"},
	})
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("Compile: %v; want several faults", err)
	}
	var got []string
	for _, err := range joined.Unwrap() {
		var f *Fault
		if !errors.As(err, &f) {
			t.Fatalf("%v is no *Fault", err)
		}
		got = append(got, fmt.Sprint(f.Rule, " ", f.Field))
	}
	want := "1 pattern, 1 room, 1 group, 2 pattern, 2 room, 3 room, 3 pattern"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("faults at %s; want %s\n%v", s, want, err)
	}
}

func TestFaultsSayWhatToDo(t *testing.T) {
	for _, c := range []struct{ pattern, room, want string }{
		{"", "a", `rule 0: pattern: it is empty; write a number such as 5234, or a pattern such as _5XXX`},
		{"_", "a", `nothing follows the '_'`},
		{"_--", "a", `nothing follows the '_'`},
		{"_5[12", "a", `rule 0: pattern "_5[12": the set at position 3 is not closed; add ']'`},
		{"_5[]", "a", `the set at position 3 is empty`},
		{"_5[6-4]", "a", `has the range 6-4, which runs backwards; write 4-6`},
		{"_5]", "a", `']' at position 3 closes nothing`},
		{"_5.X", "a", `"X" stands after '.', which takes all the rest`},
		{"_5!!", "a", `"!" stands after '!'`},
		{"5XXX", "a", `does not begin with '_'; write _5XXX`},
		{"5.", "a", `write _5.`},
		{"[12]34", "a", `write _[12]34`},
		{"_conf.", "a", `'n' would still be a digit; write [n] for the letter or N for the digit`},
		{"306/_101", "a", `patterns of the caller's number`},
		{`_5\.`, "a", `a backslash escapes nothing`},
		{"_5 XX", "a", `the character ' ' at position 3`},
		{"_5\xff", "a", `is in no number`},
		{"5", "${EXTEN", `rule 0: room "${EXTEN": ${EXTEN is not closed; add '}'`},
		{"5", "${exten}", `the variable ${exten} is unknown; use ${EXTEN} or ${CALLERID(num)}`},
		{"5", "${CALLERID(name)}", `is unknown`},
		{"5", "${}", `is unknown`},
		{"5", "${EXTEN:}", `"" in ${EXTEN:} is not a number of characters`},
		{"5", "${EXTEN:x}", `"x" in ${EXTEN:x} is not a number of characters`},
		{"5", "${EXTEN:1:2:3}", `too many colons`},
		{"5", "${EXTEN:1:0}", `always empty`},
		{"5", "a b", `the character ' ' cannot stand there`},
		{"5", "$EXTEN", `the character '$' cannot stand there`},
		{"5", "-${EXTEN}", `the character '-' cannot stand there`},
		{"5", strings.Repeat("a", 65), `at most 64`},
		{"5", "", `the rule leads nowhere`},
	} {
		_, err := Compile([]Rule{{Pattern: c.pattern, Room: c.room}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Compile(%q -> %q): %v; want ...%s...", c.pattern, c.room, err, c.want)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, s := range []string{"5234", "+4930123", "team-standup", "a.b_c", strings.Repeat("9", 64)} {
		if !ValidName(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "*1", "#", "a%20", "ä", "\xff", strings.Repeat("9", 65)} {
		if ValidName(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}
