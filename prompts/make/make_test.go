package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
)

// TestFilesSayWhatTheTableSays: each file keeps what was spoken and how. A text, a voice or a phoneme that was changed since is
// found by that.
func TestFilesSayWhatTheTableSays(t *testing.T) {
	for _, lang := range prompts.Languages() {
		for name, text := range prompts.Texts(lang) {
			file := filepath.Join("..", lang, string(name)+".wav")
			b, err := os.ReadFile(file)
			if err != nil {
				t.Errorf("%v: run make prompts", err)
				continue
			}
			made, err := sound.Parse(b)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if want := pronounced(text); made.Comment != want {
				t.Errorf("%s says %q, the table %q: run make prompts", file, made.Comment, want)
			}
			how, by := strings.Join(options(lang, name), " "), made.Software
			if program, ok := strings.CutSuffix(by, " "+how); !ok || !strings.HasPrefix(program, "espeak-ng ") {
				t.Errorf("%s was made by %q, and not with %q: run make prompts", file, by, how)
			}
		}
	}
}

// TestFilesAreAsTheyAreMade speaks every fifth prompt anew. Another version of espeak-ng speaks another way, and another
// processor rounds another way; then there is nothing to compare.
func TestFilesAreAsTheyAreMade(t *testing.T) {
	program, err := findSpeaker()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: %v", err)
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("SKIPPED: the files were made on amd64")
	}
	compared := 0
	for _, lang := range prompts.Languages() {
		nth := 0
		for name, text := range prompts.Texts(lang) {
			if nth++; nth%5 != 0 {
				continue
			}
			want, err := os.ReadFile(filepath.Join("..", lang, string(name)+".wav"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(want, []byte("espeak-ng "+program.version+" ")) {
				t.Skipf("SKIPPED: the files were made by another espeak-ng than %s", program.version)
			}
			made, err := program.speak(lang, name, text)
			if err != nil {
				t.Fatalf("%s, %s: %v", lang, name, err)
			}
			if !bytes.Equal(made.MuLaw(), want) {
				t.Errorf("%s/%s.wav is not what is made now: run make prompts", lang, name)
			}
			compared++
		}
	}
	if compared < 40 {
		t.Errorf("only %d were compared", compared)
	}
}

// TestNothingIsFetched: what makes the prompts has no part of Go's that speaks to a network, and starts nothing but espeak-ng.
func TestNothingIsFetched(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "github.com/sipconf/sipconf/prompts") {
		t.Fatalf("these are not its packages: %v", deps)
	}
	for _, dep := range deps {
		if dep == "net" || strings.HasPrefix(dep, "net/") {
			t.Errorf("it imports %s", dep)
		}
	}
}

// TestOldFilesGo: a prompt that has another name now leaves no file behind; what is no WAV file stays.
func TestOldFilesGo(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"busy.wav", "engaged.wav", "README"} {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeOthers(folder, []string{filepath.Join(folder, "busy.wav")}); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{filepath.Join(folder, "README"), filepath.Join(folder, "busy.wav")}; !slices.Equal(left, want) {
		t.Errorf("left: %v, want %v", left, want)
	}
}
