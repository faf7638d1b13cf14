package prompts

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/prompts/sound"
)

// What is taken from a folder.
const (
	longest  = 60 * time.Second
	largest  = 16 << 20 // bytes: the longest at 48 kHz in stereo is 11.5 MB
	whatToDo = "make it one with: sox FILE -r 8000 -c 1 -b 16 new.wav"
)

// How loud it becomes: as the speech of callers does by media.level, and by as much.
const (
	aim    = -26.0 // dBov of active speech
	near   = 1.0   // dB off the aim that are let be
	reach  = 12.0  // dB, either way
	unlike = 3.0   // dB off the aim that are worth a warning
)

// replace puts the recordings of the folder in the place of ours and returns how many there were.
func (s *Set) replace(folder string, log *slog.Logger) (replaced int, faults []error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return 0, []error{fmt.Errorf("the folder of prompts: %w", err)}
	}
	for _, entry := range entries {
		name := entry.Name()
		at := filepath.Join(folder, name)
		info, err := os.Stat(at)
		switch {
		case strings.HasPrefix(name, "."):
		case err != nil:
			faults = append(faults, fmt.Errorf("the folder of prompts: %w", err))
		case info.IsDir() && slices.Contains(Languages(), name):
			n, wrong := s.replaceLanguage(folder, name, log)
			replaced, faults = replaced+n, append(faults, wrong...)
		case info.IsDir() || isWAV(name):
			faults = append(faults, fmt.Errorf("prompt %s: prompts are in folders of the languages %s, such as %s",
				at, strings.Join(Languages(), " and "), filepath.Join(folder, English, string(Busy)+".wav")))
		}
	}
	return replaced, faults
}

func (s *Set) replaceLanguage(folder, lang string, log *slog.Logger) (replaced int, faults []error) {
	entries, err := os.ReadDir(filepath.Join(folder, lang))
	if err != nil {
		return 0, []error{fmt.Errorf("the folder of prompts: %w", err)}
	}
	for _, entry := range entries {
		taken, err := s.replaceOne(folder, lang, entry.Name(), log)
		if err != nil {
			faults = append(faults, fmt.Errorf("prompt %s: %w", filepath.Join(folder, lang, entry.Name()), err))
		} else if taken {
			replaced++
		}
	}
	return replaced, faults
}

func isWAV(file string) bool { return strings.EqualFold(filepath.Ext(file), ".wav") }

// replaceOne takes a file, if it is to be a prompt: what is no WAV file and has no prompt's name, such as a README, is let be.
func (s *Set) replaceOne(folder, lang, file string, log *slog.Logger) (taken bool, err error) {
	name := Name(strings.TrimSuffix(file, filepath.Ext(file)))
	_, known := s.clips[lang][name]
	switch {
	case strings.HasPrefix(file, "."), !known && !isWAV(file):
		return false, nil
	case !known:
		return false, fmt.Errorf("there is no prompt %q: docs/prompts.md lists them", name)
	case !isWAV(file):
		return false, errors.New("only WAV files are read: " + whatToDo)
	}
	recorded, err := readFile(filepath.Join(folder, lang, file))
	if err != nil {
		return false, err
	}
	recorded = levelled(recorded)
	if off := recorded.ActiveLevel() - aim; math.Abs(off) > unlike && off+aim > sound.Floor {
		log.Warn("a prompt remains louder or softer than the others", "prompt", filepath.Join(lang, file), "off", fmt.Sprintf("%+.0f dB", off))
	}
	s.clips[lang][name] = recorded.Fill().Samples
	return true, nil
}

// levelled is the recording at the level of ours, or as near to it as the reach and its peaks allow.
func levelled(recorded sound.Sound) sound.Sound {
	level := recorded.ActiveLevel()
	gain := max(-reach, min(aim-level, reach))
	if level <= sound.Floor || math.Abs(gain) < near {
		return recorded // which may be silence, so that nothing is said
	}
	return recorded.Raise(min(gain, recorded.Headroom()))
}

// readFile reads a recording and brings it to our rate. Its errors say what is to be done.
func readFile(file string) (sound.Sound, error) {
	b, err := readMost(file)
	if err != nil {
		return sound.Sound{}, err
	}
	recorded, err := sound.Parse(b)
	if err != nil {
		return sound.Sound{}, fmt.Errorf("%w: %s", err, whatToDo)
	}
	if length := recorded.Length(); length > longest {
		return sound.Sound{}, fmt.Errorf("it is %s long: at most %s are read", length.Round(time.Second), longest)
	}
	if recorded, err = recorded.Resample(Rate); err != nil {
		return sound.Sound{}, fmt.Errorf("%w: %s", err, whatToDo)
	}
	if len(recorded.Samples) == 0 {
		return sound.Sound{}, errors.New("there is no sound in it: remove the file, or put some silence into it if nothing is to be said")
	}
	return recorded, nil
}

// readMost reads a file that has a reasonable size, and no device or pipe, which might never end.
func readMost(file string) ([]byte, error) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	case info.Size() > largest:
		return nil, fmt.Errorf("it has %d MB: prompts have at most %d", info.Size()>>20, largest>>20)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, largest))
}
