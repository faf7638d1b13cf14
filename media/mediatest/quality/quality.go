// Package quality is what tests of the sound's quality share: speech that anybody can make again, and the tables of docs/quality.md, which the tests
// write.
package quality

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// Speech is a voice of espeak-ng at 8 kHz, at -23 dBov of active speech or so, as G.711 leaves it.  Without espeak-ng the test is skipped, but not in
// CI.
func Speech(t testing.TB, voice, text string) []int16 {
	t.Helper()
	name := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := exec.Command("espeak-ng", "-v", voice, "-w", name, text).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("espeak-ng: %v: %s", err, out)
		}
		t.Skipf("no speech to judge by: install espeak-ng (%v)", err)
	}
	wav, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	const header = 44 // of a canonical WAV file, as espeak-ng writes it
	rate := int(binary.LittleEndian.Uint32(wav[24:]))
	raw := make([]float64, (len(wav)-header)/2)
	for i := range raw {
		raw[i] = float64(int16(binary.LittleEndian.Uint16(wav[header+2*i:])))
	}
	pcm := narrowband(raw, rate)
	words := make([]byte, len(pcm))
	codec.PCMA.Encode(words, pcm)
	codec.PCMA.Decode(pcm, words)
	return pcm
}

// narrowband brings sound to 8 kHz, by a windowed sinc of 3.6 kHz, and to its level.
func narrowband(raw []float64, rate int) []int16 {
	const half = 40
	taps := make([][]float64, 8000/divisor(8000, rate)) // of each place between two samples that occurs
	for p := range taps {
		from := float64(p*rate%8000) / 8000
		for k := -half; k <= half; k++ {
			x := from - float64(k)
			taps[p] = append(taps[p], sinc(x/float64(rate)*2*3600)*(0.5+0.5*math.Cos(math.Pi*x/(half+1))))
		}
	}
	padded := append(append(make([]float64, half), raw...), make([]float64, half+1)...)
	out := make([]float64, len(raw)*8000/rate)
	var energy float64
	for i := range out {
		near := padded[i*rate/8000:]
		for k, tap := range taps[i%len(taps)] {
			out[i] += near[k] * tap
		}
		energy += out[i] * out[i]
	}
	gain := 32768 * math.Pow(10, -25.0/20) / math.Sqrt(energy/float64(len(out)))
	pcm := make([]int16, len(out))
	for i, s := range out {
		pcm[i] = int16(max(-32768, min(32767, math.Round(s*gain))))
	}
	return pcm
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// divisor is the greatest common one.
func divisor(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// WriteTable puts the rows of a table in the place of those that a document has between its marks.
func WriteTable(t testing.TB, name, mark, rows string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(b), "<!-- "+mark+" -->\n")
	_, tail, found := strings.Cut(rest, "<!-- end -->")
	if !found {
		t.Fatalf("%s has no marks for %q", name, mark)
	}
	if err := os.WriteFile(name, []byte(head+"<!-- "+mark+" -->\n"+rows+"<!-- end -->"+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}
