package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
)

// voices are the voices of espeak-ng.
var voices = map[string]string{prompts.English: "en-us", prompts.Russian: "ru"}

// Words per minute: somewhat slower than espeak-ng's 175, for it is a synthesiser on a telephone; and digits as they are
// dictated.
const (
	speed       = "165"
	speedDigits = "140"
)

// phonemes are the texts that espeak-ng says wrong, in its own phonemes: it puts the stress of сорок on the second syllable.
var phonemes = map[string]string{"сорок,": "[[s'orVk]],"}

// pronounced is what espeak-ng is given for a text.
func pronounced(text string) string {
	if spelt, ok := phonemes[text]; ok {
		return spelt
	}
	return text
}

// speaker is espeak-ng.
type speaker struct{ path, version string }

func findSpeaker() (speaker, error) {
	path, err := exec.LookPath("espeak-ng")
	if err != nil {
		return speaker{}, fmt.Errorf("%w: apt-get install espeak-ng", err)
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return speaker{}, fmt.Errorf("espeak-ng --version: %w", err)
	}
	version := regexp.MustCompile(`\d+(\.\d+)+`).Find(out)
	if version == nil {
		return speaker{}, fmt.Errorf("espeak-ng --version: %q", out)
	}
	return speaker{path, string(version)}, nil
}

// options are those that make espeak-ng say a prompt as it should.
func options(lang string, name prompts.Name) []string {
	if len(name) == 1 {
		return []string{"-v", voices[lang], "-s", speedDigits}
	}
	return []string{"-v", voices[lang], "-s", speed}
}

// stamp is what a file says of how it was made.
func (p speaker) stamp(options []string) string {
	return "espeak-ng " + p.version + " " + strings.Join(options, " ")
}

// run has it said.
func (p speaker) run(said string, options []string) (sound.Sound, error) {
	folder, err := os.MkdirTemp("", "prompt-")
	if err != nil {
		return sound.Sound{}, err
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "said.wav")
	cmd := exec.Command(p.path, append(slices.Clone(options), "-w", file, said)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return sound.Sound{}, fmt.Errorf("espeak-ng: %w: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return sound.Sound{}, err
	}
	spoken, err := sound.Parse(b)
	if err != nil {
		return sound.Sound{}, fmt.Errorf("what espeak-ng wrote: %w", err)
	}
	return spoken, nil
}
