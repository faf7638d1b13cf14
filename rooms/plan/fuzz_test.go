package plan

import (
	"strings"
	"testing"
)

// FuzzRoute compiles what an operator might write and dials what a stranger might dial. Whatever
// comes out is a room that we may name in a SIP URI, a log line and a file.
func FuzzRoute(f *testing.F) {
	for _, r := range Default() {
		f.Add(r.Pattern, r.Room, r.Group, "*15234", "12")
	}
	f.Add("_[1-", "${EXTEN:-1:3}", "${CALLERID(num)}", "1\x00", "../..")
	f.Add("_[[-]]!", "a${EXTEN:9223372036854775807:-9223372036854775808}", "", "[]", "")
	f.Fuzz(func(t *testing.T, pattern, room, group, number, caller string) {
		p, err := Compile([]Rule{{Pattern: pattern, Room: room, Group: group}})
		if err != nil {
			if p != nil || !strings.HasPrefix(err.Error(), "rule 0: ") {
				t.Fatalf("Compile(%q, %q, %q) = %v, %v", pattern, room, group, p, err)
			}
			return
		}
		target, ok := p.Route(number, caller)
		if !ok {
			return
		}
		if target.Rule != 0 || !ValidName(target.Room) || (group != "") != (target.Group != "") || group != "" && !ValidName(target.Group) {
			t.Fatalf("%q -> room %q, group %q: Route(%q, %q) = %+v", pattern, room, group, number, caller, target)
		}
	})
}

// BenchmarkRoute is a call's share of the plan: the last of the default rules, with expansion.
func BenchmarkRoute(b *testing.B) {
	p := compiled(b, Default()...)
	for b.Loop() {
		if _, ok := p.Route("5234", "12"); !ok {
			b.Fatal("5234 leads nowhere")
		}
	}
}
