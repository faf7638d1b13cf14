package sound

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sipconf/sipconf/codec"
)

// The formats of samples that are read (RFC 2361): 16-bit PCM and both laws of G.711. Extensible is a long form of each.
const (
	formatPCM        = 1
	formatALaw       = 6
	formatMuLaw      = 7
	formatExtensible = 0xfffe
)

// maxChannels is more than a microphone has; a header that says more is damaged.
const maxChannels = 8

// format is a "fmt " chunk.
//
//	0  2  format of the samples         12  2  bytes of one sample of all channels
//	2  2  channels                      14  2  bits of one sample
//	4  4  samples per second            24  2  extensible: the format of the samples
//	8  4  bytes per second
type format struct {
	code     uint16
	channels int
	rate     int
	bits     int
}

// Parse reads a WAV file. Several channels become one, their mean. Chunks that it does not know are skipped.
func Parse(file []byte) (Sound, error) {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return Sound{}, errors.New("this is no WAV file")
	}
	var s Sound
	var f *format
	var data []byte
	for rest := file[12:]; len(rest) >= 8; {
		id, body, after, err := cutChunk(rest)
		if err != nil {
			return Sound{}, err
		}
		switch rest = after; id {
		case "fmt ":
			if f, err = parseFormat(body); err != nil {
				return Sound{}, err
			}
		case "data":
			data = body
		case "LIST":
			s.parseInfo(body)
		}
	}
	if f == nil || data == nil {
		return Sound{}, errors.New("the file has no format or no sound in it")
	}
	s.Rate, s.Samples = f.rate, f.samples(data)
	return s, nil
}

// cutChunk takes the first chunk off: four letters, its size, so many bytes, and one more if they are odd.
func cutChunk(b []byte) (id string, body, after []byte, err error) {
	size := uint64(binary.LittleEndian.Uint32(b[4:]))
	if size > uint64(len(b)-8) {
		return "", nil, nil, fmt.Errorf("the file is cut short: %d bytes of %d in its part %q", len(b)-8, size, b[:4])
	}
	end := 8 + size
	return string(b[:4]), b[8:end:end], b[min(end+size%2, uint64(len(b))):], nil
}

func parseFormat(b []byte) (*format, error) {
	if len(b) < 16 {
		return nil, errors.New("its format is cut short")
	}
	f := &format{
		code:     binary.LittleEndian.Uint16(b),
		channels: int(binary.LittleEndian.Uint16(b[2:])),
		rate:     int(binary.LittleEndian.Uint32(b[4:])),
		bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if f.code == formatExtensible && len(b) >= 26 {
		f.code = binary.LittleEndian.Uint16(b[24:])
	}
	switch {
	case f.channels < 1 || f.channels > maxChannels:
		return nil, fmt.Errorf("it has %d channels", f.channels)
	case f.code == formatPCM && f.bits == 16, f.code == formatALaw && f.bits == 8, f.code == formatMuLaw && f.bits == 8:
		return f, nil
	}
	return nil, fmt.Errorf("its samples (format %d, %d bits) are neither 16-bit PCM nor G.711", f.code, f.bits)
}

// samples are those of a data chunk; an incomplete one at its end is left out.
func (f *format) samples(data []byte) []int16 {
	all := make([]int16, 8*len(data)/f.bits)
	switch f.code {
	case formatALaw:
		codec.PCMA.Decode(all, data)
	case formatMuLaw:
		codec.PCMU.Decode(all, data)
	default:
		for i := range all {
			all[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
		}
	}
	if f.channels == 1 {
		return all
	}
	mean := all[:len(all)/f.channels]
	for i := range mean {
		sum := 0
		for _, v := range all[i*f.channels:][:f.channels] {
			sum += int(v)
		}
		mean[i] = int16(sum / f.channels)
	}
	return mean
}

// parseInfo reads the texts of a LIST chunk. They are told, not needed: what cannot be read ends it.
func (s *Sound) parseInfo(b []byte) {
	rest, ok := bytes.CutPrefix(b, []byte("INFO"))
	for ok && len(rest) >= 8 {
		id, body, after, err := cutChunk(rest)
		if err != nil {
			return
		}
		rest = after
		switch said := string(bytes.TrimRight(body, "\x00")); id {
		case "ICMT":
			s.Comment = said
		case "ISFT":
			s.Software = said
		}
	}
}
