package sip

import (
	"fmt"
	"strings"
	"testing"
)

// TestExtraHeadersOfAnINVITE: those that begin with X- outlive it, but no more
// of them than a program has use for.
func TestExtraHeadersOfAnINVITE(t *testing.T) {
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("X-%d: %d", i, i))
	}
	for _, test := range []struct {
		headers    []string
		name, want string
	}{
		{[]string{"X-Room: 5234"}, "X-Room", "5234"},
		{[]string{"x-rOOM: 5234"}, "X-Room", "5234"},
		{[]string{"X-Room: 5234"}, "x-room", "5234"},
		{[]string{"X-Room: 1", "X-Room: 2"}, "X-Room", "1"},
		{[]string{"X-Room: 5234"}, "X-Other", ""},
		{[]string{"Subject: 5234"}, "Subject", ""},
		{[]string{"x: 600"}, "x", ""}, // Session-Expires
		{[]string{"X-Long: " + strings.Repeat("a", 1000)}, "X-Long", strings.Repeat("a", 200)},
		{[]string{"X-" + strings.Repeat("a", 1000) + ": 1"}, "X-" + strings.Repeat("a", 1000), ""},
		{many, "X-7", "7"},
		{many, "X-8", ""},
	} {
		inWorld(t, nil, func(w *world) {
			p := w.phone()
			call := p.calls(test.headers...)
			if got := call.Extra(test.name); got != test.want {
				t.Errorf("%.100q: %q is %.100q, want %.100q", test.headers, test.name, got, test.want)
			}
			p.hangsUp()
		})
	}
}
