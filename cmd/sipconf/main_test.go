package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
)

func TestCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("SIPCONF_CONFIG", "")
	for _, c := range []struct {
		args           string
		status         int
		stdout, stderr string // parts of them; empty: nothing at all
	}{
		{"--help", exitGood, "Usage: sipconf <command>", ""},
		{"check --help", exitGood, "--print", ""},
		{"demo --help", exitGood, "--wav=FILE", ""},
		{"serve --help", exitGood, "--config=FILE", ""},
		{"ctl --help", exitGood, "3 no server answers", ""},
		{"ctl mute --help", exitGood, "<call-or-number>", ""},
		{"", exitUsage, "", `expected one of "serve"`},
		{"chekc", exitUsage, "", `did you mean "check"`},
		{"check --loud", exitUsage, "", "unknown flag --loud"},
		{"version 2", exitUsage, "", "unexpected argument 2"},
		{"version", exitGood, "sipconf ", ""},
		{"check", exitGood, "would listen on udp://0.0.0.0:5060 and tcp://0.0.0.0:5060, with RTP on UDP ports 20000-29999", ""},
		{"check --config none.yaml", exitFault, "", "none.yaml: no such file"},
	} {
		t.Run(c.args, func(t *testing.T) {
			status, stdout, stderr := runCommand(nil, strings.Fields(c.args)...)
			if status != c.status {
				t.Errorf("exit status: got %d, want %d", status, c.status)
			}
			wantText(t, "stdout", stdout, c.stdout)
			wantText(t, "stderr", stderr, c.stderr)
		})
	}
}

// wantText wants part in got, or got to be empty if part is.
func wantText(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) || (part == "" && got != "") {
		t.Errorf("%s: got %q, want %q", what, got, part)
	}
}

// TestConfigVariable: SIPCONF_CONFIG names the file as --config does.
func TestConfigVariable(t *testing.T) {
	t.Setenv("SIPCONF_CONFIG", "elsewhere.yaml")
	status, _, stderr := runCommand(nil, "check")
	if status != exitFault {
		t.Errorf("exit status: got %d, want %d", status, exitFault)
	}
	wantText(t, "stderr", stderr, "elsewhere.yaml: no such file")
}

func TestVersionText(t *testing.T) {
	built := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "2f42d0bb1c6e6f7a"}, {Key: "vcs.time", Value: "2025-11-21T20:33:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}
	built.Main.Version = "v0.0.0-2025"
	for _, c := range []struct {
		linked string
		info   *debug.BuildInfo
		want   string
	}{
		{"v1.2.3", built, "v1.2.3 (revision 2f42d0bb1c6e, 2025-11-21T20:33:00Z, modified)"},
		{"", built, "v0.0.0-2025 (revision 2f42d0bb1c6e, 2025-11-21T20:33:00Z, modified)"},
		{"", nil, "(devel)"},
	} {
		if got := versionText(c.linked, c.info); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestLogger(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&b, LogConfig{Level: slog.LevelInfo, Format: logJSON})
	log.Debug("not this")
	log.Info("joined", "room", "5234")
	var line struct{ Level, Msg, Room string }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line.Msg != "joined" || line.Room != "5234" {
		t.Errorf("got %q (%v), want one line of JSON with msg and room", &b, err)
	}
	b.Reset()
	newLogger(&b, LogConfig{Level: slog.LevelDebug, Format: logText}).Debug("this", "call", "abc")
	wantText(t, "text log", b.String(), "level=DEBUG msg=this call=abc")
}
