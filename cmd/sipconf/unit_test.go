package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestUnit: what docs/sipconf.service has systemd run is what this program understands, and both commands mean the same server.
func TestUnit(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "sipconf.service"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			values[key] = value
		}
	}
	parse := func(key string) (all commands) {
		t.Helper()
		program, args, _ := strings.Cut(values[key], " ")
		if filepath.Base(program) != "sipconf" {
			t.Fatalf("%s=%s", key, values[key])
		}
		parser, err := kong.New(&all, kong.Bind(&process{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(strings.Fields(args)); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		return all
	}
	start, reload := parse("ExecStart").Serve, parse("ExecReload").Ctl
	if start.Config != reload.Config || start.Config == "" || start.PIDFile != values["PIDFile"] || !reload.Upgrade.Wait {
		t.Errorf("started with %q and %q, reloaded with %q, PIDFile=%s", start.Config, start.PIDFile, reload.Config, values["PIDFile"])
	}
	for key, want := range map[string]string{"Type": "notify", "NotifyAccess": "all", "RuntimeDirectory": "sipconf", "KillMode": "mixed"} {
		if values[key] != want {
			t.Errorf("%s=%s, want %s", key, values[key], want)
		}
	}
}
