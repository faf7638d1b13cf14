package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// Tape is a WAV file that grows: one channel of 16-bit PCM, which every player and editor takes, and which keeps a mix as it is;
// G.711 would be half the size and distort it a second time. The sizes in its header are written as it goes on, so that it
// can be played whatever happens to the program, up to what has been written. Not safe for concurrent use.
type Tape struct {
	file    tapeFile
	name    string
	rate    int
	samples int64
	bytes   []byte // what is being written
	unsure  int    // samples that are perhaps not on the disk yet
}

// tapeFile is what a tape needs of an *os.File.
type tapeFile interface {
	io.WriterAt
	io.Closer
	Sync() error
}

// The tape's header, and what its sizes can say: at 8,000 samples a second, 74 hours.
//
//	 0  4  "RIFF"                            20 16  the format: see format
//	 4  4  size of all that follows          36  4  "data"
//	 8  4  "WAVE"                            40  4  size of the samples
//	12  8  "fmt " and its size, 16           44     the samples
const (
	tapeHeader  = 44
	mostSamples = (math.MaxUint32 - tapeHeader) / 2
)

// syncTime is how many seconds of sound are on the disk at last when the machine fails.
const syncTime = 5

// ErrTapeFull says that a WAV file cannot be larger: 4 GB.
var ErrTapeFull = errors.New("a WAV file cannot be larger than 4 GB")

// CreateTape makes a new file. One that exists is left alone; the error is fs.ErrExist then.
func CreateTape(name string, rate int) (*Tape, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	t := &Tape{file: f, name: name, rate: rate}
	if err := t.label(0); err != nil {
		f.Close()
		os.Remove(name)
		return nil, err
	}
	return t, nil
}

// ContinueTape goes on with a file that has so many samples, which another process has written perhaps. What it has
// besides was never counted, and is cut off.
func ContinueTape(name string, rate int, samples int64) (*Tape, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	if err := cutTape(f, rate, samples); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &Tape{file: f, name: name, rate: rate, samples: samples, unsure: syncTime * rate} // nobody knows what of it is on the disk
	if err := t.label(samples); err != nil {
		f.Close()
		return nil, err
	}
	return t, nil
}

// cutTape makes sure that f is a tape of so many samples, and cuts off what it has besides.
func cutTape(f *os.File, rate int, samples int64) error {
	is, want := make([]byte, tapeHeader), tapeLabel(rate, 0)
	if _, err := f.ReadAt(is, 0); err != nil {
		return errors.New("this is no recording: it is too short")
	}
	if !bytes.Equal(is[:4], want[:4]) || !bytes.Equal(is[8:40], want[8:40]) {
		return fmt.Errorf("this is no recording of ours at %d samples a second", rate)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if most := (size - tapeHeader) / 2; samples < 0 || samples > most {
		return fmt.Errorf("it has %d samples, not %d", most, samples)
	}
	return f.Truncate(tapeHeader + 2*samples)
}

// Name is the path of the file.
func (t *Tape) Name() string { return t.name }

// Samples is how many there are.
func (t *Tape) Samples() int64 { return t.samples }

// Write adds samples: all, or, when there is an error, none, and they may be tried again. The error is ErrTapeFull or the file's.
func (t *Tape) Write(samples []int16) error {
	after := t.samples + int64(len(samples))
	if after > mostSamples {
		return ErrTapeFull
	}
	t.bytes = t.bytes[:0]
	for _, v := range samples {
		t.bytes = binary.LittleEndian.AppendUint16(t.bytes, uint16(v))
	}
	if _, err := t.file.WriteAt(t.bytes, tapeHeader+2*t.samples); err != nil {
		return err
	}
	unsure := t.unsure + len(samples)
	if unsure >= syncTime*t.rate { // before the header says that they are there
		if err := t.file.Sync(); err != nil {
			return err
		}
		unsure = 0
	}
	if err := t.label(after); err != nil {
		return err
	}
	t.samples, t.unsure = after, unsure
	return nil
}

// Close ends the tape when all is on the disk. The file is closed in any case.
func (t *Tape) Close() error { return errors.Join(t.file.Sync(), t.file.Close()) }

// label writes the header of a tape of so many samples.
func (t *Tape) label(samples int64) error {
	_, err := t.file.WriteAt(tapeLabel(t.rate, samples), 0)
	return err
}

// tapeLabel is the header of a tape of so many samples.
func tapeLabel(rate int, samples int64) []byte {
	size := uint32(2 * samples)
	b := append(make([]byte, 0, tapeHeader), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, tapeHeader-8+size)
	b = append(b, "WAVE"...)
	b = appendChunk(b, "fmt ", layout(formatPCM, rate, 16))
	b = append(b, "data"...)
	return binary.LittleEndian.AppendUint32(b, size)
}
