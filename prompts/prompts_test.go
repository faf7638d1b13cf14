package prompts

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/prompts/sound"
)

// TestEveryNameSaysSomething: each constant is a row of the table, with a text in every language, and only one row.
func TestEveryNameSaysSomething(t *testing.T) {
	rows := map[Name]int{}
	for _, row := range texts {
		rows[row.name]++
		if row.en == "" || row.ru == "" {
			t.Errorf("%s says nothing: %q, %q", row.name, row.en, row.ru)
		}
	}
	names := constants(t)
	if len(names) < 70 {
		t.Fatalf("only %d constants were found", len(names))
	}
	for _, name := range names {
		if rows[name] != 1 {
			t.Errorf("%s is in %d rows of the table", name, rows[name])
		}
	}
}

// constants are those of type Name in texts.go.
func constants(t *testing.T) (names []Name) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "texts.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) == 0 {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Name" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, Name(value))
		}
		return true
	})
	return names
}

// TestPromptsAreFitToBePlayed holds every recording to what a listener and the mix need.
func TestPromptsAreFitToBePlayed(t *testing.T) {
	s := shippedSet(t)
	for _, lang := range Languages() {
		for name := range Texts(lang) {
			clip := s.Clip(lang, name)
			is := path.Join(lang, string(name))
			length := time.Duration(len(clip)) * time.Second / Rate
			if length < 150*time.Millisecond || length > 8*time.Second {
				t.Errorf("%s: %v long", is, length)
				continue
			}
			if len(clip)%frameSize != 0 {
				t.Errorf("%s: %d samples are no whole frames", is, len(clip))
			}
			if level := (sound.Sound{Rate: Rate, Samples: clip}).ActiveLevel(); math.Abs(level+26) > 1.5 {
				t.Errorf("%s: %.1f dBov, want -26", is, level)
			}
			millisecond := Rate / 1000
			for edge, samples := range map[string][]int16{"begin": clip[:millisecond], "end": clip[len(clip)-millisecond:]} {
				for _, v := range samples {
					if v < -100 || v > 100 { // -50 dBFS: no step that clicks
						t.Errorf("%s: a sample of %d within 1 ms of the %s", is, v, edge)
						break
					}
				}
			}
			if clip[0] != 0 || clip[len(clip)-1] != 0 {
				t.Errorf("%s: begins with %d and ends with %d", is, clip[0], clip[len(clip)-1])
			}
			if quiet := trailing(clip); quiet > frameSize+Rate/100 {
				t.Errorf("%s: ends with %d samples of silence", is, quiet)
			}
		}
	}
}

// TestTheVoicesHaveTheLevelOfSpeech measures everything that a voice says, in a row, as ITU-T P.56 has it.
func TestTheVoicesHaveTheLevelOfSpeech(t *testing.T) {
	s := shippedSet(t)
	for _, lang := range Languages() {
		var all []Part
		for name := range Texts(lang) {
			all = append(all, name)
		}
		if level := speechLevel(slices.Concat(s.Say(lang, all...)...)); math.Abs(level+26) > 1.5 {
			t.Errorf("%s: %.1f dBov, want -26", lang, level)
		}
	}
}

// speechLevel is the active speech level of P.56, method B, in dBov: with its envelope (two poles of 30 ms) and hangover
// (200 ms), which the maker does without. Thresholds are so near to each other that nothing is interpolated.
func speechLevel(clip []int16) float64 {
	var envelope []float64
	pole, first, second, energy := math.Exp(-1/(Rate*0.03)), 0.0, 0.0, 0.0
	for _, v := range clip {
		x := float64(v) / (1 << 15)
		energy += x * x
		first = pole*first + (1-pole)*math.Abs(x)
		second = pole*second + (1-pole)*first
		envelope = append(envelope, second)
	}
	for threshold := -60.0; threshold < 0; threshold += 0.25 {
		least, active, hangover := math.Pow(10, threshold/20), 0, 0
		for _, q := range envelope {
			if q >= least {
				hangover = Rate / 5
			}
			if hangover > 0 {
				active, hangover = active+1, hangover-1
			}
		}
		if level := 10 * math.Log10(energy/float64(max(active, 1))); level-threshold <= 15.9 {
			return level
		}
	}
	return 0
}

// trailing is how many zeros there are at the end.
func trailing(clip []int16) (n int) {
	for n < len(clip) && clip[len(clip)-1-n] == 0 {
		n++
	}
	return n
}

// TestOnlyPromptsAreShipped: a file that no name has is weight; and all of them together stay small.
func TestOnlyPromptsAreShipped(t *testing.T) {
	total := 0
	err := fs.WalkDir(files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := files.ReadFile(file)
		if err != nil {
			return err
		}
		total += len(b)
		lang, base := path.Split(file)
		name, _ := strings.CutSuffix(base, ".wav")
		for known := range Texts(path.Clean(lang)) {
			if name == string(known) {
				if recorded, err := sound.Parse(b); err != nil || recorded.Rate != Rate {
					t.Errorf("%s: %d Hz, %v", file, recorded.Rate, err)
				}
				return nil
			}
		}
		t.Errorf("%s is no prompt", file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if total < 1<<20 || total > 1800<<10 {
		t.Errorf("the prompts are %d KB", total>>10)
	}
}
