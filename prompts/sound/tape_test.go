package sound

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// onDisk is what a player finds in a file.
func onDisk(t *testing.T, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Parse(b)
	if err != nil || s.Rate != 8000 {
		t.Fatalf("%s: %d Hz, %v", name, s.Rate, err)
	}
	return s.Samples
}

// Whatever happens to the program, there is a WAV file with all that was written so far.
func TestTapeCanAlwaysBePlayed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "5234.wav")
	tape, err := CreateTape(name, 8000)
	if err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, name); len(got) != 0 {
		t.Errorf("a new one has %d samples", len(got))
	}
	wrote := tone(8000, 50_000, 440, -3).Samples
	wrote[0], wrote[1] = -32768, 32767
	for begin, n := 0, 1; begin < len(wrote); begin, n = begin+n, 3*n {
		n = min(n, len(wrote)-begin)
		if err := tape.Write(wrote[begin : begin+n]); err != nil {
			t.Fatal(err)
		}
		if got := onDisk(t, name); !slices.Equal(got, wrote[:begin+n]) || tape.Samples() != int64(begin+n) {
			t.Fatalf("after %d samples it has %d, or others, and says %d", begin+n, len(got), tape.Samples())
		}
	}
	if err := tape.Close(); err != nil || !slices.Equal(onDisk(t, name), wrote) {
		t.Errorf("closed: %v", err)
	}
	if _, err := CreateTape(name, 8000); !errors.Is(err, fs.ErrExist) || !slices.Equal(onDisk(t, name), wrote) {
		t.Errorf("another one of that name: %v", err)
	}
	if _, err := CreateTape(filepath.Join(name, "5.wav"), 8000); err == nil {
		t.Error("a folder that is none: no error")
	}
}

// One process writes, and dies in the middle of a write; the next one goes on where the first one had counted.
func TestTapeGoesOn(t *testing.T) {
	name := filepath.Join(t.TempDir(), "5234.wav")
	first, err := CreateTape(name, 8000)
	if err != nil {
		t.Fatal(err)
	}
	first.Write([]int16{1, 2, 3})
	count := first.Samples()
	first.file.WriteAt([]byte("half of a write"), tapeHeader+6)
	first.file.Close()
	second, err := ContinueTape(name, 8000, count)
	if err != nil {
		t.Fatal(err)
	}
	if got := onDisk(t, name); !slices.Equal(got, []int16{1, 2, 3}) || second.Name() != name || second.Samples() != 3 {
		t.Errorf("it has %d, and says %d", got, second.Samples())
	}
	disk := &fullFile{File: second.file.(*os.File), room: 1000}
	second.file = disk
	second.Write([]int16{4, 5})
	if disk.syncs != 1 {
		t.Errorf("what the first process has left is put on the disk %d times with the first sound, want once", disk.syncs)
	}
	if err := second.Close(); err != nil || !slices.Equal(onDisk(t, name), []int16{1, 2, 3, 4, 5}) {
		t.Errorf("%v: %d", err, onDisk(t, name))
	}
}

func TestTapeThatCannotGoOn(t *testing.T) {
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		name = filepath.Join(folder, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := wav(fmtChunk(1, 1, 8000, 16), pcmChunk(1, 2, 3))
	for _, c := range []struct {
		name    string
		content []byte
		samples int64
		want    string
	}{
		{"short.wav", good[:40], 0, "too short"},
		{"text.wav", []byte(strings.Repeat("no recording ", 10)), 0, "no recording of ours"},
		{"wide.wav", wav(fmtChunk(1, 1, 16000, 16), pcmChunk(1, 2, 3)), 3, "8000 samples a second"},
		{"lost.wav", good, 4, "it has 3 samples, not 4"},
		{"less.wav", good, -1, "it has 3 samples, not -1"},
	} {
		name := write(c.name, c.content)
		if tape, err := ContinueTape(name, 8000, c.samples); tape != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if now, _ := os.ReadFile(name); !slices.Equal(now, c.content) {
			t.Errorf("%s has changed", c.name)
		}
	}
	if _, err := ContinueTape(filepath.Join(folder, "none.wav"), 8000, 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// fullFile is a file with room for so many bytes, of which it may take a part of a write, as a disk does.
type fullFile struct {
	*os.File
	room  int64
	syncs int
	fails error // of Sync
}

func (f *fullFile) WriteAt(b []byte, at int64) (int, error) {
	if fits := f.room - at; fits < int64(len(b)) {
		n, _ := f.File.WriteAt(b[:max(0, fits)], at)
		return n, errors.New("no space left on device")
	}
	return f.File.WriteAt(b, at)
}

func (f *fullFile) Sync() error { f.syncs++; return f.fails }

// The disk becomes full in the middle of a write and has room again later: what was refused can be written then, and meanwhile the file is
// good.
func TestTapeOnAFullDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "5234.wav")
	tape, err := CreateTape(name, 8000)
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullFile{File: tape.file.(*os.File), room: tapeHeader + 8}
	tape.file = disk
	if err := tape.Write([]int16{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := tape.Write([]int16{4, 5}); err == nil || tape.Samples() != 3 || !slices.Equal(onDisk(t, name), []int16{1, 2, 3}) {
			t.Fatalf("full: %v, %d", err, onDisk(t, name))
		}
	}
	disk.room = 1 << 20
	if err := tape.Write([]int16{4, 5}); err != nil || !slices.Equal(onDisk(t, name), []int16{1, 2, 3, 4, 5}) {
		t.Errorf("%v: %d", err, onDisk(t, name))
	}
	if disk.syncs != 0 {
		t.Errorf("the disk was waited for %d times in 5 samples", disk.syncs)
	}
	disk.fails = errors.New("input/output error")
	if err := tape.Write(make([]int16, 40_000)); err == nil || tape.Samples() != 5 || disk.syncs != 1 {
		t.Errorf("the disk has lost it: %v, %d samples", err, tape.Samples())
	}
	disk.fails = nil
	for range 10 {
		if err := tape.Write(make([]int16, 8_000)); err != nil {
			t.Fatal(err)
		}
	}
	if disk.syncs != 3 {
		t.Errorf("the disk was waited for %d times in 15 s, want 3", disk.syncs)
	}
	disk.fails = errors.New("input/output error")
	if err := tape.Close(); err == nil {
		t.Error("closed without a fault")
	}
	if err := disk.File.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Error("the file is still open")
	}
}

// 74 hours are as much as the header can say.
func TestTapeHasAnEnd(t *testing.T) {
	tape := &Tape{samples: mostSamples - 2}
	if err := tape.Write(make([]int16, 3)); !errors.Is(err, ErrTapeFull) {
		t.Errorf("%v", err)
	}
	label := tapeLabel(8000, mostSamples)
	if len(label) != tapeHeader || mostSamples/8000/3600 != 74 || label[7] != 0xff || label[43] != 0xff {
		t.Errorf("% x", label)
	}
}
