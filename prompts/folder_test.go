package prompts

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/prompts/sound"
)

// An operator has a folder of prompts of his own.
type operator struct {
	*testing.T
	folder string
}

func newOperator(t *testing.T) operator {
	t.Helper()
	return operator{t, t.TempDir()}
}

// puts puts a file into the folder.
func (o operator) puts(file string, content []byte) {
	o.Helper()
	at := filepath.Join(o.folder, file)
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		o.Fatal(err)
	}
	if err := os.WriteFile(at, content, 0o644); err != nil {
		o.Fatal(err)
	}
}

// starts loads the folder, and tells what was logged.
func (o operator) starts() (*Set, string, error) {
	var logged bytes.Buffer
	s, err := Load(o.folder, slog.New(slog.NewTextHandler(&logged, nil)))
	return s, logged.String(), err
}

// wantFault expects an error that has all of that in it.
func (o operator) wantFault(want ...string) {
	o.Helper()
	s, _, err := o.starts()
	if err == nil || s != nil {
		o.Errorf("it starts; want an error with %q", want)
		return
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			o.Errorf("%q is not in the error: %v", w, err)
		}
	}
}

// pcm is a WAV file of a second of a tone of 1 kHz, in 16-bit PCM, its peak at that level in dBFS.
func pcm(rate, channels int, dB float64) []byte {
	var data []byte
	for i := range rate {
		v := int16(math.Round(32767 * math.Pow(10, dB/20) * math.Sin(2*math.Pi*1000*float64(i)/float64(rate))))
		for range channels {
			data = binary.LittleEndian.AppendUint16(data, uint16(v))
		}
	}
	le := binary.LittleEndian
	b := append([]byte("RIFF"), le.AppendUint32(nil, uint32(36+len(data)))...)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00"...)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*2))
	b = le.AppendUint16(b, uint16(channels*2))
	b = append(b, "\x10\x00data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestAFolderReplacesPrompts(t *testing.T) {
	shipped := shippedSet(t)
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		for _, channels := range []int{1, 2} {
			o := newOperator(t)
			o.puts("ru/busy.wav", pcm(rate, channels, -23))
			o.puts("ru/README", []byte("our own"))
			o.puts("LICENCE", nil)
			o.puts(".git/HEAD", nil)
			s, logged, err := o.starts()
			if err != nil {
				t.Fatalf("%d Hz, %d channels: %v", rate, channels, err)
			}
			clip := s.Clip(Russian, Busy)
			if level := (sound.Sound{Rate: Rate, Samples: clip}).ActiveLevel(); len(clip) != Rate || math.Abs(level+26) > 0.1 {
				t.Errorf("%d Hz, %d channels: %d samples at %.1f dBov, want 8000 at -26", rate, channels, len(clip), level)
			}
			if len(s.Say(Russian, Busy)) != 50 {
				t.Errorf("%d Hz, %d channels: %d frames", rate, channels, len(s.Say(Russian, Busy)))
			}
			for _, other := range []struct {
				lang string
				name Name
			}{{English, Busy}, {Russian, Declined}} {
				if got, want := s.Clip(other.lang, other.name), shipped.Clip(other.lang, other.name); len(got) != len(want) || got[500] != want[500] {
					t.Errorf("%s/%s is another, too", other.lang, other.name)
				}
			}
			if !strings.Contains(logged, "prompts=1") || strings.Contains(logged, "WARN") {
				t.Errorf("logged: %s", logged)
			}
		}
	}
}

// A recording in a part of a frame is filled with silence.
func TestAReplacementIsFilled(t *testing.T) {
	o := newOperator(t)
	o.puts("en/busy.wav", sound.Sound{Rate: 8000, Samples: []int16{1000, 2000, 3000}}.MuLaw())
	s, _, err := o.starts()
	if err != nil {
		t.Fatal(err)
	}
	if clip := s.Clip("en", Busy); len(clip) != frameSize || clip[2] == 0 || clip[3] != 0 {
		t.Errorf("%d samples: %v", len(clip), clip)
	}
}

// What is recorded from the shipped files' own format comes back as it is.
func TestAPromptMayTakeAnothersPlace(t *testing.T) {
	o := newOperator(t)
	declined, err := files.ReadFile("en/declined.wav")
	if err != nil {
		t.Fatal(err)
	}
	o.puts("en/busy.WAV", declined)
	s, _, err := o.starts()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Clip("en", Busy), s.Clip("en", Declined); len(got) != len(want) || got[1000] != want[1000] {
		t.Errorf("%d samples, want %d", len(got), len(want))
	}
}

// A recording becomes as loud as ours, by 12 dB at most; where that is not enough the log tells.
func TestReplacementsAreLevelled(t *testing.T) {
	for _, tt := range []struct {
		name    string
		peak    float64 // dBFS of a tone, which is 3 dB more than dBov
		want    float64
		warning string
	}{
		{"very soft", -45, -33, "off=\"-10 dB\""},
		{"soft", -34, -23, ""},
		{"as it should be", -23, -23, ""},
		{"as loud as Asterisk's", -12, -23, ""},
		{"very loud", -6, -18, "off=\"+5 dB\""},
	} {
		o := newOperator(t)
		o.puts("en/busy.wav", pcm(8000, 1, tt.peak))
		s, logged, err := o.starts()
		if err != nil {
			t.Fatal(err)
		}
		if got := (sound.Sound{Rate: Rate, Samples: s.Clip("en", Busy)}).ActiveLevel() + 3; math.Abs(got-tt.want) > 0.1 {
			t.Errorf("%s: %.1f dBFS, want %.0f", tt.name, got, tt.want)
		}
		if warned := strings.Contains(logged, "WARN"); warned != (tt.warning != "") || !strings.Contains(logged, tt.warning) {
			t.Errorf("%s: logged, want %q:\n%s", tt.name, tt.warning, logged)
		}
	}
}

// A peak in a soft recording is not cut off.
func TestAPeakKeepsAReplacementSoft(t *testing.T) {
	o := newOperator(t)
	soft := make([]int16, 8000)
	for i := range soft {
		soft[i] = int16(300 * math.Sin(2*math.Pi*1000*float64(i)/8000))
	}
	soft[4000] = 16000
	o.puts("en/busy.wav", sound.Sound{Rate: 8000, Samples: soft}.MuLaw())
	s, _, err := o.starts()
	if err != nil {
		t.Fatal(err)
	}
	clip := s.Clip("en", Busy)
	if peak, beside := slices.Max(clip), slices.Max(clip[:3000]); peak < 32000 || beside < 550 || beside > 650 {
		t.Errorf("the peak of 16,000 is now %d, and what had 300 has %d", peak, beside)
	}
}

// Whoever wants something not to be said puts silence in its place.
func TestSilenceIsAReplacement(t *testing.T) {
	o := newOperator(t)
	o.puts("en/busy.wav", sound.Sound{Rate: 8000, Samples: make([]int16, 100)}.MuLaw())
	s, logged, err := o.starts()
	if err != nil {
		t.Fatal(err)
	}
	if clip := s.Clip("en", Busy); len(clip) != frameSize || slices.Max(clip) != 0 || strings.Contains(logged, "WARN") {
		t.Errorf("%d samples up to %d; logged: %s", len(clip), slices.Max(clip), logged)
	}
}

func TestBadFoldersAreExplained(t *testing.T) {
	t.Run("no folder", func(t *testing.T) {
		o := newOperator(t)
		o.folder = filepath.Join(o.folder, "nowhere")
		o.wantFault(o.folder, "no such file")
	})
	t.Run("a file", func(t *testing.T) {
		o := newOperator(t)
		o.puts("file", nil)
		o.folder = filepath.Join(o.folder, "file")
		o.wantFault(o.folder)
	})
	for _, tt := range []struct {
		name, file string
		content    []byte
		want       []string
	}{
		{"a name that is none", "en/busi.wav", pcm(8000, 1, -23), []string{"en/busi.wav", `no prompt "busi"`, "docs/prompts.md"}},
		{"another language", "de/busy.wav", pcm(8000, 1, -23), []string{"/de: ", "en and ru"}},
		{"no language", "busy.wav", pcm(8000, 1, -23), []string{"busy.wav: ", "en/busy.wav"}},
		{"MP3", "en/busy.mp3", []byte("ID3"), []string{"en/busy.mp3", "only WAV files", "sox"}},
		{"MP3 that says WAV", "en/busy.wav", []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), []string{"en/busy.wav", "no WAV file", "sox"}},
		{"empty", "en/busy.wav", nil, []string{"en/busy.wav", "no WAV file"}},
		{"cut", "en/busy.wav", pcm(8000, 1, -23)[:9000], []string{"en/busy.wav", "cut short", "sox"}},
		{"without samples", "en/busy.wav", sound.Sound{Rate: 8000}.MuLaw(), []string{"en/busy.wav", "no sound in it", "remove the file"}},
		{"an odd rate", "en/busy.wav", pcm(22000, 1, -23), []string{"en/busy.wav", "22000", "sox"}},
		{"long", "en/busy.wav", sound.Sound{Rate: 8000, Samples: make([]int16, 61*8000)}.MuLaw(), []string{"en/busy.wav", "1m1s long", "at most 1m0s"}},
		{"large", "en/busy.wav", make([]byte, 17<<20), []string{"en/busy.wav", "17 MB"}},
		{"a folder in its place", "en/busy.wav/x", nil, []string{"en/busy.wav", "no file"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOperator(t)
			o.puts("ru/goodbye.wav", pcm(8000, 1, -23)) // which is good
			o.puts(tt.file, tt.content)
			o.wantFault(tt.want...)
		})
	}
}

func TestAllFaultsAreToldAtOnce(t *testing.T) {
	o := newOperator(t)
	o.puts("en/busi.wav", nil)
	o.puts("en/busy.wav", nil)
	o.puts("ru/busy.wav", nil)
	o.puts("rus/busy.wav", nil)
	o.wantFault("en/busi.wav", "en/busy.wav", "ru/busy.wav", "/rus: ")
}

// A file that cannot be read at all, here because it leads nowhere.
func TestABrokenLinkIsExplained(t *testing.T) {
	o := newOperator(t)
	o.puts("en/README", nil)
	if err := os.Symlink("nowhere", filepath.Join(o.folder, "en", "busy.wav")); err != nil {
		t.Fatal(err)
	}
	o.wantFault("en/busy.wav", "no such file")
}
