//go:build e2e

package asterisk_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
)

// TestE2EDialplanInAEL gives the AEL of docs/asterisk.md to a real Asterisk: it is read without
// a warning, and leads where extensions.conf leads.
func TestE2EDialplanInAEL(t *testing.T) {
	t.Parallel()
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.0.211", Ports: rig.Ports{First: 39400, Last: 39499},
		AEL: quoted(t, "ael"),
	})
	for number, want := range map[string][]string{
		"*15234": {"'_*1XXXX'", "Dial(PJSIP/${EXTEN}@sipconf,10)", "sipconf-failed-ael,s,1"},
		"5234":   {"'_XXXX'", "Dial(PJSIP/${EXTEN}@sipconf,10)", "sipconf-failed-ael,s,1"},
	} {
		got := pbx.CLI("dialplan show " + number + "@sipconf-ael")
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s does not lead to %q:\n%s", number, part, got)
			}
		}
	}
	for line := range strings.Lines(pbx.Log()) {
		if strings.Contains(line, "] WARNING[") || strings.Contains(line, "] ERROR[") {
			t.Errorf("Asterisk complains: %s", line)
		}
	}
}

// quoted is the first block of that language in docs/asterisk.md.
func quoted(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/asterisk.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), "\n```"+language+"\n")
	if !ok {
		t.Fatalf("docs/asterisk.md has no block of %s", language)
	}
	text, _, _ = strings.Cut(text, "\n```")
	return text
}
