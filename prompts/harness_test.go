package prompts

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// shippedSet is the prompts without a folder.
func shippedSet(t *testing.T) *Set {
	t.Helper()
	s, err := Load("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// heard is the transcript of frames: the names of the prompts in their order, each heard to its end, and between them the
// number of silent frames, as "~3".
func heard(t *testing.T, s *Set, lang string, frames [][]int16) string {
	t.Helper()
	begins := map[*int16]Name{}
	for name := range Texts(lang) {
		begins[&s.Clip(lang, name)[0]] = name
	}
	var said []string
	quiet := 0
	tell := func() {
		if quiet > 0 {
			said = append(said, fmt.Sprint("~", quiet))
		}
		quiet = 0
	}
	for len(frames) > 0 {
		name, ok := begins[&frames[0][0]]
		if !ok {
			for _, v := range frames[0] {
				if v != 0 {
					t.Fatalf("a frame after %q is neither silence nor the begin of a prompt", said)
				}
			}
			quiet, frames = quiet+1, frames[1:]
			continue
		}
		tell()
		clip := s.Clip(lang, name)
		for i := 0; i < len(clip); i += frameSize {
			if len(frames) == 0 || len(frames[0]) != frameSize || &frames[0][0] != &clip[i] {
				t.Fatalf("%s is not heard to its end", name)
			}
			frames = frames[1:]
		}
		said = append(said, string(name))
	}
	tell()
	return strings.Join(said, " ")
}

// spelt is what a phrase says, in the words of the table.
func spelt(lang string, parts ...Part) string {
	var said []string
	for _, step := range Phrase(parts).steps(nil, lang) {
		for name, text := range Texts(lang) {
			if name == step.name {
				said = append(said, strings.TrimRight(text, ".,:"))
			}
		}
	}
	return strings.Join(said, " ")
}
