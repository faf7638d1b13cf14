package plan

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestTemplatesAsAsteriskExpandsThem holds the examples of docs.asterisk.org, "Manipulating
// Variables Basics" (98765), and what pbx_variables.c does with numbers beyond the ends.
func TestTemplatesAsAsteriskExpandsThem(t *testing.T) {
	for template, want := range map[string]string{
		"${EXTEN}":               "98765",
		"${EXTEN:0}":             "98765",
		"${EXTEN:2}":             "765",
		"${EXTEN:5}":             "",
		"${EXTEN:9}":             "",
		"${EXTEN:-2}":            "65",
		"${EXTEN:-9}":            "98765",
		"${EXTEN:0:3}":           "987",
		"${EXTEN:1:3}":           "876",
		"${EXTEN:1:99}":          "8765",
		"${EXTEN:-3:2}":          "76",
		"${EXTEN:1:-1}":          "876",
		"${EXTEN:3:-2}":          "",
		"${EXTEN:3:-9}":          "",
		"${CALLERID(num)}":       "+491234",
		"${CALLERID(num):-4}":    "1234",
		"r${EXTEN:3}.${EXTEN:4}": "r65.5",
		"lobby":                  "lobby",
	} {
		parsed, err := parseTemplate(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got := parsed.expand("98765", "+491234"); got != want {
			t.Errorf("%s is %q, want %q", template, got, want)
		}
	}
}

func TestSliceIsAlwaysAPiece(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		skip, length := rapid.Int().Draw(t, "skip"), rapid.Int().Draw(t, "length")
		got := slice(s, skip, length)
		if !strings.Contains(s, got) {
			t.Fatalf("slice(%q, %d, %d) = %q", s, skip, length, got)
		}
		if length >= 0 && len(got) > length {
			t.Fatalf("slice(%q, %d, %d) = %q is too long", s, skip, length, got)
		}
	})
}
