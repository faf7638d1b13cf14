package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A recording never takes the place of another one, nor leaves the folder, whatever the room is called.
func TestNamesOfRecordings(t *testing.T) {
	folder := t.TempDir()
	at := time.Date(2026, 11, 22, 9, 30, 15, 999, time.UTC)
	for _, c := range []struct{ room, want string }{
		{"5234", "5234-20261122-093015.wav"},
		{"5234", "5234-20261122-093015-2.wav"},
		{"5234", "5234-20261122-093015-3.wav"},
		{"+78121234567", "+78121234567-20261122-093015.wav"},
		{"../../etc/passwd", "______etc_passwd-20261122-093015.wav"},
		{"..", "__-20261122-093015.wav"},
		{"a b\x00\n", "a_b__-20261122-093015.wav"},
		{"Совет", "_____-20261122-093015.wav"},
		{"", "-20261122-093015.wav"},
		{strings.Repeat("5", 1000), strings.Repeat("5", 100) + "-20261122-093015.wav"},
	} {
		tape, err := newTape(folder, c.room, at)
		if err != nil {
			t.Errorf("%q: %v", c.room, err)
			continue
		}
		if got := tape.Name(); got != filepath.Join(folder, c.want) {
			t.Errorf("%q: %s, want %s", c.room, got, c.want)
		}
		if err := tape.Close(); err != nil {
			t.Error(err)
		}
	}
	if tape, err := newTape(filepath.Join(folder, "none"), "5234", at); tape != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v, %v", tape, err)
	}
	for n := 4; n <= mostTapes; n++ {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("5234-20261122-093015-%d.wav", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if tape, err := newTape(folder, "5234", at); tape != nil || !errors.Is(err, fs.ErrExist) {
		t.Errorf("all names taken: %v, %v", tape, err)
	}
}

func TestTapes(t *testing.T) {
	if (&RecordingsConfig{}).tapes() != nil {
		t.Error("no folder, and somebody records")
	}
	tapes := (&RecordingsConfig{Folder: t.TempDir()}).tapes()
	tape, err := tapes("5234")
	if err != nil || !strings.Contains(tape.Name(), "/5234-2") {
		t.Fatal(tape, err)
	}
	tape.Close()
	if tape, err := (&RecordingsConfig{Folder: tape.Name()}).tapes()("5234"); tape != nil || err == nil {
		t.Errorf("a file in the place of the folder: %v, %v", tape, err)
	}
}

// check says that nothing could be recorded.
func TestRecordingsTrouble(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]string{
		"": "", folder: "", folder + "/none": "none does not exist", file: "file is no folder", file + "/none": "not a directory",
	} {
		environ := []string{"SIPCONF_RECORDINGS_FOLDER=" + where}
		t.Setenv("SIPCONF_CONFIG", "")
		t.Chdir(folder)
		status, _, stderr := runCommand(environ, "check")
		if status != exitGood {
			t.Errorf("%s: exit status %d", where, status)
		}
		if want == "" && stderr != "" || want != "" && (!strings.Contains(stderr, want) || !strings.Contains(stderr, "warning: recordings.folder: ")) {
			t.Errorf("%s: %q, want %q", where, stderr, want)
		}
	}
}
