package media_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"github.com/sipconf/sipconf/media/mediatest/quality"
)

// TestE2ESynthesisedVoicesEndAlike: three voices of espeak-ng say their text three times, on quiet phones and on loud ones, in silence and over noise.
// The table is that of docs/quality.md; QUALITY=1 writes it there.
func TestE2ESynthesisedVoicesEndAlike(t *testing.T) {
	const quiet, asWanted, loud, hiss = -34, -23, -13, -48 // dBFS
	var table strings.Builder
	var ends []float64
	for _, s := range []struct{ voice, text string }{
		{"en-us", "The conference begins at half past nine. Please say your name, and press the pound key. When the sunlight strikes raindrops in the air, they act as a prism and form a rainbow."},
		{"en-us+f3", "She had your dark suit in greasy wash water all year. A large size in stockings is hard to sell. Five zero three four, thank you. Where were you while we were away?"},
		{"ru", "Добрый день, коллеги. Начинаем совещание. Прошу всех представиться по очереди. Съешь же ещё этих мягких французских булок, да выпей чаю."},
	} {
		voice := quality.Speech(t, s.voice, s.text)
		voice = voice[:len(voice)/160*160]
		for _, dBFS := range []float64{quiet, asWanted, loud} {
			for _, noisy := range []bool{false, true} {
				l := newLevelled(t, codec.PCMA)
				said := slices.Repeat(louder(voice, dBFS), 3)
				over := "silence"
				if noisy {
					said = with(said, noise(hiss, float64(len(said))/rate, false))
					over = fmt.Sprintf("%d dBFS", hiss)
				}
				l.sends(said)
				l.wantSteady()
				turn := len(voice) / 160 // frames
				end, moved := speechLevel(l.last(turn)), slices.Max(l.gains[2*turn:])-slices.Min(l.gains[2*turn:])
				settled := 1 + lastIndex(l.gains, func(gain float64) bool { return math.Abs(gain-l.gain()) > 1.5 })
				fmt.Fprintf(&table, "| %s | %.0f dBFS | %s | %.1f dBFS | %.0f s | %.1f dB |\n", s.voice, dBFS, over, end, float64(settled)/50, moved)
				if moved > 1.5 {
					t.Errorf("%s at %.0f dBFS, noise: %v: in the last turn the gain moves by %.1f dB", s.voice, dBFS, noisy, moved)
				}
				ends = append(ends, end)
			}
		}
	}
	t.Logf("\n%s", table.String())
	if least, most := slices.Min(ends), slices.Max(ends); most-least > 3 || least < -25.5 || most > -20.5 {
		t.Errorf("they end at %.1f to %.1f dBFS, want 3 dB between them at most, and each within 2.5 of -23", least, most)
	}
	if os.Getenv("QUALITY") != "" {
		quality.WriteTable(t, "../docs/quality.md", "levelling", table.String())
	}
}

// louder is the voice at that level of active speech.
func louder(voice []int16, dBFS float64) []int16 {
	floats := make([]float64, len(voice))
	for i, s := range voice {
		floats[i] = float64(s)
	}
	return scaled(floats, dBFS, loudFrame(floats))
}

// lastIndex is where it last was so; -1: nowhere.
func lastIndex(gains []float64, so func(float64) bool) int {
	for i, gain := range slices.Backward(gains) {
		if so(gain) {
			return i
		}
	}
	return -1
}
