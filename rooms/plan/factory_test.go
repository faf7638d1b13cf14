package plan

import (
	"strings"
	"testing"
)

// A factory's rooms have the numbers that it says, and those lead back to them, whether they exist or not.
func TestFactory(t *testing.T) {
	for _, c := range []struct{ room, drawn, want string }{
		{"", "48151623", "48151623"},
		{"${FRESH}", "00000001", "00000001"},
		{"77${FRESH:-4}", "48151623", "771623"},
		{"conf${FRESH:2:3}x", "48151623", "conf151x"},
		{"${FRESH:0:2}.${FRESH:-2}", "48151623", "48.23"},
	} {
		p := compiled(t, append([]Rule{{Pattern: "conference", Factory: true, Room: c.room}}, Default()...)...)
		target, ok := p.Route("conference", "101")
		if !ok || target != (Target{Factory: true, Rule: 0}) {
			t.Fatalf("%q: Route(conference) = %+v, %v", c.room, target, ok)
		}
		room := p.Fresh(target.Rule, c.drawn)
		if room != c.want {
			t.Errorf("%q: room %q, want %q", c.room, room, c.want)
		}
		if got, ok := p.Route(room, "102"); !ok || got != (Target{Room: room, Rule: 0}) {
			t.Errorf("%q: Route(%q) = %+v, %v", c.room, room, got, ok)
		}
		for _, other := range []string{room + "0", room[1:], strings.Replace(room, room[len(room)-1:], "a", 1) + "!", "x" + room} {
			if got, ok := p.Route(other, "102"); ok && got.Rule == 0 {
				t.Errorf("%q: Route(%q) = %+v", c.room, other, got)
			}
		}
		if got, ok := p.Route("5234", "102"); !ok || got.Room != "5234" || got.Rule != 3 {
			t.Errorf("%q: Route(5234) = %+v, %v", c.room, got, ok)
		}
	}
}

// TestPatternRooms: telephones and providers that make a conference by dialling a name which nobody has dialled before.
func TestPatternRooms(t *testing.T) {
	p := compiled(t, Rule{Pattern: "_[n]way.", Room: "${EXTEN}"}, Rule{Pattern: "_co[n]fID.", Room: "${EXTEN:6}"})
	for number, want := range map[string]string{"nway483920": "nway483920", "nway-4839-20": "nway483920", "confID1234": "1234", "nway": "", "2way1": "", "nway/../x": ""} {
		if got, ok := p.Route(number, "101"); got.Room != want || ok != (want != "") {
			t.Errorf("Route(%q) = %+v, %v; want room %q", number, got, ok, want)
		}
	}
}

func TestFactoryFaults(t *testing.T) {
	for _, c := range []struct {
		rule Rule
		want string
	}{
		{Rule{Pattern: "conference", Factory: true, Room: "77"}, `rule 0: room "77": it has too few digits that are drawn`},
		{Rule{Pattern: "conference", Factory: true, Room: "77${FRESH:-2}"}, `write ${FRESH}, or ${FRESH:-4} for 4 of them`},
		{Rule{Pattern: "_9.", Factory: true, Room: "${EXTEN}${FRESH}"}, `only have fixed text and ${FRESH}`},
		{Rule{Pattern: "conference", Factory: true, Room: "${CALLERID(num)}${FRESH}"}, `only have fixed text and ${FRESH}`},
		{Rule{Pattern: "conference", Factory: true, Group: "100"}, `rule 0: group "100": nobody is called into a room that is made for its caller`},
		{Rule{Pattern: "conference", Factory: true, Room: strings.Repeat("a", 60) + "${FRESH}"}, `is no name of a room`},
		{Rule{Pattern: "conference", Factory: true, Room: "conf-${FRESH}"}, `nobody can dial that; leave the dashes out`},
		{Rule{Pattern: "conference", Factory: true, Room: "5${FRESH:-4}"}, `may be 51623, and rule 1 ("_5XXXX") leads that elsewhere`},
		{Rule{Pattern: "conference", Room: "77${FRESH}"}, `${FRESH} is for a rule with factory: true`},
		{Rule{Pattern: "conference", Room: "77", Group: "1${FRESH}"}, `${FRESH} is for a rule with factory: true`},
	} {
		_, err := Compile([]Rule{c.rule, {Pattern: "_5XXXX", Room: "lobby"}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v; want ...%s...", c.rule, err, c.want)
		}
	}
	compiled(t, Rule{Pattern: "conference", Factory: true, Room: "5${FRESH:-4}"}, Rule{Pattern: "_5XXXX", Room: "${EXTEN}"}) // they lead back there
}

// FuzzFactory: whatever an operator writes, a room that a factory makes has a good name, which leads back to it.
func FuzzFactory(f *testing.F) {
	f.Add("", "48151623")
	f.Add("77${FRESH:-4}", "00000000")
	f.Add("${FRESH:1:-1}a${FRESH:-9223372036854775808:3}", "99999999")
	f.Fuzz(func(t *testing.T, room, digits string) {
		if len(digits) != FreshDigits || strings.Trim(digits, "0123456789") != "" {
			return
		}
		p, err := Compile([]Rule{{Pattern: "conference", Factory: true, Room: room}, {Pattern: "_XXXX", Room: "${EXTEN}"}})
		if err != nil {
			return
		}
		target, _ := p.Route("conference", "")
		number := p.Fresh(target.Rule, digits)
		if got, ok := p.Route(number, ""); !ValidName(number) || !ok || got.Room != number {
			t.Errorf("%q: %q leads to %+v, %v", room, number, got, ok)
		}
	})
}
