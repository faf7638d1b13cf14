package prompts

import (
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"path"

	"github.com/sipconf/sipconf/prompts/sound"
)

//go:embed en/*.wav ru/*.wav
var files embed.FS

// Load makes a set of the recordings in the binary and of those in the folder, which take their places: "folder/en/busy.wav".
// Any of them may be missing; with the folder "" none is read. What is in the folder and cannot be said is an error, all
// such errors in one (errors.Join). What does not come to the level of the rest is logged.
func Load(folder string, log *slog.Logger) (*Set, error) {
	s := &Set{clips: map[string]map[Name][]int16{}}
	for _, lang := range Languages() {
		s.clips[lang] = map[Name][]int16{}
		for name := range Texts(lang) {
			clip, err := shipped(lang, name)
			if err != nil {
				return nil, err
			}
			s.clips[lang][name] = clip
		}
	}
	if folder == "" {
		return s, nil
	}
	replaced, faults := s.replace(folder, log)
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	log.Info("prompts are replaced by those of a folder", "folder", folder, "prompts", replaced)
	return s, nil
}

// shipped is a recording of ours.
func shipped(lang string, name Name) ([]int16, error) {
	file := path.Join(lang, string(name)+".wav")
	b, err := files.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("prompt: %w", err)
	}
	recorded, err := sound.Parse(b)
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %w", file, err)
	}
	return recorded.Fill().Samples, nil
}
