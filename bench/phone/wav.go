package phone

import (
	"encoding/binary"
	"fmt"
	"io"
)

// WriteWAV writes pcm (Rate, 16 bit, one channel) as a WAV file: the 44 bytes of RIFF header and the samples.
func WriteWAV(w io.Writer, pcm []int16) error {
	size := uint32(2 * len(pcm))
	header := make([]byte, 0, 44)
	header = append(header, "RIFF"...)
	header = binary.LittleEndian.AppendUint32(header, 36+size)
	header = append(header, "WAVEfmt "...)
	header = binary.LittleEndian.AppendUint32(header, 16)     // size of this chunk
	header = binary.LittleEndian.AppendUint16(header, 1)      // PCM
	header = binary.LittleEndian.AppendUint16(header, 1)      // channels
	header = binary.LittleEndian.AppendUint32(header, Rate)   // samples per second
	header = binary.LittleEndian.AppendUint32(header, 2*Rate) // bytes per second
	header = binary.LittleEndian.AppendUint16(header, 2)      // bytes per sample
	header = binary.LittleEndian.AppendUint16(header, 16)     // bits per sample
	header = append(header, "data"...)
	header = binary.LittleEndian.AppendUint32(header, size)
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("wav header: %w", err)
	}
	data := make([]byte, 0, size)
	for _, v := range pcm {
		data = binary.LittleEndian.AppendUint16(data, uint16(v))
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("wav samples: %w", err)
	}
	return nil
}
