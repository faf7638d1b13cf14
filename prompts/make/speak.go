package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sipconf/sipconf/prompts"
	"github.com/sipconf/sipconf/prompts/sound"
)

// aim is the level of speech in dBov: that to which media.level brings everybody.
const aim = -26.0

// speakAll makes all files anew, and removes those that no prompt has.
func speakAll(folder string) error {
	program, err := findSpeaker()
	if err != nil {
		return err
	}
	for _, lang := range prompts.Languages() {
		here := filepath.Join(folder, lang)
		if err := os.MkdirAll(here, 0o755); err != nil {
			return err
		}
		var names []string
		bytes, length := 0, 0.0
		for name, text := range prompts.Texts(lang) {
			made, err := program.speak(lang, name, text)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", lang, name, err)
			}
			file := filepath.Join(here, string(name)+".wav")
			written := made.MuLaw()
			if err := os.WriteFile(file, written, 0o644); err != nil {
				return err
			}
			names = append(names, file)
			bytes, length = bytes+len(written), length+made.Length().Seconds()
		}
		if err := removeOthers(here, names); err != nil {
			return err
		}
		fmt.Printf("%s: %d prompts, %.0f s, %d KB\n", lang, len(names), length, bytes>>10)
	}
	return nil
}

// speak makes one prompt: spoken, at our rate, without silence around it, as loud as all, in whole frames.
func (p speaker) speak(lang string, name prompts.Name, text string) (sound.Sound, error) {
	said, options := pronounced(text), options(lang, name)
	spoken, err := p.run(said, options)
	if err != nil {
		return sound.Sound{}, err
	}
	if spoken, err = spoken.Resample(prompts.Rate); err != nil {
		return sound.Sound{}, err
	}
	if spoken, err = spoken.Trim(); err != nil {
		return sound.Sound{}, err
	}
	gain := aim - spoken.ActiveLevel()
	if room := spoken.Headroom(); gain > room {
		return sound.Sound{}, fmt.Errorf("at %v dBov a peak would be %.1f dB over full scale", aim, gain-room)
	}
	spoken = spoken.Raise(gain).Fill()
	spoken.Comment, spoken.Software = said, p.stamp(options)
	return spoken, nil
}

// removeOthers removes the WAV files that are not among the names.
func removeOthers(folder string, names []string) error {
	there, err := filepath.Glob(filepath.Join(folder, "*.wav"))
	if err != nil {
		return err
	}
	for _, file := range there {
		if !slices.Contains(names, file) {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}
