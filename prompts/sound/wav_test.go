package sound

import (
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, samples := range []int{0, 1, 159, 160, 8001} {
		wrote := tone(8000, samples, 440, -10)
		wrote.Comment, wrote.Software = "Занято.", "a test"
		got, err := Parse(wrote.MuLaw())
		if err != nil {
			t.Fatalf("%d samples: %v", samples, err)
		}
		want := make([]int16, samples)
		law := make([]byte, samples)
		codec.PCMU.Encode(law, wrote.Samples)
		codec.PCMU.Decode(want, law)
		if got.Rate != 8000 || !slices.Equal(got.Samples, want) {
			t.Errorf("%d samples: read %d of %d Hz, or others", samples, len(got.Samples), got.Rate)
		}
		if got.Comment != wrote.Comment || got.Software != wrote.Software {
			t.Errorf("read %q by %q", got.Comment, got.Software)
		}
	}
}

func TestParse(t *testing.T) {
	guid := []byte("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
	extensible := slices.Concat([]byte{22, 0, 16, 0, 0, 0, 0, 0, 1, 0}, guid)
	odd := appendChunk(nil, "bext", []byte("odd"))
	for _, tt := range []struct {
		name string
		file []byte
		rate int
		want []int16
	}{
		{"PCM", wav(fmtChunk(1, 1, 16000, 16), pcmChunk(1, -2, 32767, -32768)), 16000, []int16{1, -2, 32767, -32768}},
		{"two channels", wav(fmtChunk(1, 2, 48000, 16), pcmChunk(100, 300, -32768, -32768, 7, -7)), 48000, []int16{200, -32768, 0}},
		{"three and a sample too many", wav(fmtChunk(1, 3, 48000, 16), pcmChunk(3, 3, 3, 9)), 48000, []int16{3}},
		{"A-law", wav(fmtChunk(6, 1, 8000, 8), appendChunk(nil, "data", []byte{0xd5, 0x2a})), 8000, []int16{8, -32256}},
		{"mu-law", wav(fmtChunk(7, 1, 8000, 8, 0, 0), appendChunk(nil, "data", []byte{0xff, 0x00})), 8000, []int16{0, -32124}},
		{"extensible", wav(fmtChunk(0xfffe, 1, 8000, 16, extensible...), pcmChunk(5)), 8000, []int16{5}},
		{"other parts, and of odd length", wav(odd, fmtChunk(1, 1, 8000, 16), odd, pcmChunk(1, 2), odd), 8000, []int16{1, 2}},
		{"half a sample at the end", wav(fmtChunk(1, 1, 8000, 16), appendChunk(nil, "data", []byte{1, 0, 9})), 8000, []int16{1}},
		{"no sample", wav(fmtChunk(1, 1, 8000, 16), pcmChunk()), 8000, []int16{}},
		{"texts that are damaged", wav(fmtChunk(1, 1, 8000, 16), appendChunk(nil, "LIST", []byte("INFOICMT\xff\xff\xff\xff")), pcmChunk(4)), 8000, []int16{4}},
	} {
		got, err := Parse(tt.file)
		if err != nil || got.Rate != tt.rate || !slices.Equal(got.Samples, tt.want) {
			t.Errorf("%s: %d Hz, %v, %v; want %d Hz, %v", tt.name, got.Rate, got.Samples, err, tt.rate, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := wav(fmtChunk(1, 1, 8000, 16), pcmChunk(1, 2, 3))
	for _, tt := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "no WAV file"},
		{"an MP3", []byte("ID3\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00"), "no WAV file"},
		{"other RIFF", []byte("RIFF\x04\x00\x00\x00AVI LIST"), "no WAV file"},
		{"the half of one", good[:len(good)-2], `cut short: 4 bytes of 6 in its part "data"`},
		{"a size of streams", slices.Replace(slices.Clone(good), len(good)-10, len(good)-6, 0xff, 0xff, 0xff, 0xff), "cut short"},
		{"no format", wav(pcmChunk(1)), "no format or no sound"},
		{"no sound", wav(fmtChunk(1, 1, 8000, 16)), "no format or no sound"},
		{"a short format", wav(appendChunk(nil, "fmt ", []byte{1, 0, 1, 0}), pcmChunk(1)), "format is cut short"},
		{"24 bits", wav(fmtChunk(1, 1, 8000, 24), pcmChunk(1)), "format 1, 24 bits"},
		{"floating point", wav(fmtChunk(3, 1, 8000, 32), pcmChunk(1)), "format 3, 32 bits"},
		{"no bits", wav(fmtChunk(1, 1, 8000, 0), pcmChunk(1)), "format 1, 0 bits"},
		{"no channel", wav(fmtChunk(1, 0, 8000, 16), pcmChunk(1)), "0 channels"},
		{"many channels", wav(fmtChunk(1, 60000, 8000, 16), pcmChunk(1)), "60000 channels"},
	} {
		if _, err := Parse(tt.file); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzParse: whatever the file, it is read or refused, and what was read can be worked on as a prompt is.
func FuzzParse(f *testing.F) {
	whole := tone(8000, 400, 440, -20)
	whole.Comment = "one"
	f.Add(whole.MuLaw())
	f.Add(wav(fmtChunk(1, 2, 48000, 16), pcmChunk(100, 300, -32768, -32768, 7, -7)))
	f.Add(wav(fmtChunk(0xfffe, 1, 44100, 16, make([]byte, 24)...), pcmChunk(5)))
	f.Add([]byte("RIFF00000000LIST\f\x00\x000INFO")) // kept go-audio/wav busy for 19 s
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := Parse(file)
		if err != nil {
			return
		}
		if len(s.Samples) > len(file) {
			t.Fatalf("%d samples of %d bytes", len(s.Samples), len(file))
		}
		got, err := s.Resample(8000)
		if err != nil {
			return
		}
		if seconds := s.Length() - got.Length(); seconds.Abs().Milliseconds() > 1 {
			t.Fatalf("%v of sound became %v", s.Length(), got.Length())
		}
		if filled := got.Fill(); len(filled.Samples)%160 != 0 || len(filled.Samples)-len(got.Samples) >= 160 {
			t.Fatalf("%d samples were filled to %d", len(got.Samples), len(filled.Samples))
		}
		if level := got.ActiveLevel(); level < Floor || level > 0 {
			t.Fatalf("a level of %v", level)
		}
		_, _ = got.Trim() // an error is that there is no sound
	})
}
