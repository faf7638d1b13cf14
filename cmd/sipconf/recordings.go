package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
	"github.com/sipconf/sipconf/rooms"
)

// RecordingsConfig is the section recordings.
type RecordingsConfig struct {
	Folder string // empty: nobody records
}

// tapes makes the function that opens the file of a recording; nil when nobody records.
func (c *RecordingsConfig) tapes() func(room string) (rooms.Tape, error) {
	if c.Folder == "" {
		return nil
	}
	return func(room string) (rooms.Tape, error) {
		tape, err := newTape(c.Folder, room, time.Now())
		if err != nil {
			return nil, err // and no tape at all
		}
		return tape, nil
	}
}

// goesOn opens the file of a recording of the process before, to go on where that has stopped.
func (c *RecordingsConfig) goesOn(im rooms.TapeImage) (rooms.Tape, error) {
	tape, err := sound.ContinueTape(im.File, prompts.Rate, im.Samples)
	if err != nil {
		return nil, err // and no tape at all
	}
	return tape, nil
}

// mostTapes is how many recordings of one room may begin in one second.
const mostTapes = 100

// newTape makes the file of a recording that begins now: ROOM-20261122-093015.wav, or with -2 and so on behind that if there is one.
func newTape(folder, room string, now time.Time) (*sound.Tape, error) {
	name := filepath.Join(folder, safeName(room)+now.Format("-20060102-150405"))
	for n := 1; ; n++ {
		file := name + ".wav"
		if n > 1 {
			file = fmt.Sprintf("%s-%d.wav", name, n)
		}
		tape, err := sound.CreateTape(file, prompts.Rate)
		if n == mostTapes || !errors.Is(err, fs.ErrExist) {
			return tape, err
		}
	}
}

// longestName is what of a room's number is left in a file name, which may be 255 bytes long.
const longestName = 100

// safeName is a room's number as a part of a file name: whoever chooses the number he dials chooses it.
func safeName(room string) string {
	safe := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' {
			return c
		}
		return '_'
	}, room)
	return safe[:min(len(safe), longestName)]
}

// recordingsTrouble is a warning if there is no such folder.
func recordingsTrouble(cfg *Config) (warnings faults) {
	folder := cfg.Recordings.Folder
	if folder == "" {
		return nil
	}
	text := ""
	switch info, err := os.Stat(folder); {
	case errors.Is(err, fs.ErrNotExist):
		text = folder + " does not exist: make it, and let sipconf write there"
	case err != nil:
		text = err.Error()
	case !info.IsDir():
		text = folder + " is no folder"
	default:
		return nil
	}
	return faults{{path: "recordings.folder", text: text + ". Nothing could be recorded", warning: true}}
}
