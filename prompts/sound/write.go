package sound

import (
	"encoding/binary"

	"github.com/sipconf/sipconf/codec"
)

// MuLaw is the sound as a WAV file in G.711 mu-law: half the size of 16-bit PCM, and all that a caller could hear of
// it. Mu-law and not A-law, because its silence is zero. The comment and the software stand behind the samples, where
// players that know nothing of them do not stumble.
func (s Sound) MuLaw() []byte {
	data := make([]byte, len(s.Samples))
	codec.PCMU.Encode(data, s.Samples)

	muLaw := binary.LittleEndian.AppendUint16(layout(formatMuLaw, s.Rate, 8), 0) // bytes that follow here: whatever is not PCM says it

	body := []byte("WAVE")
	body = appendChunk(body, "fmt ", muLaw)
	body = appendChunk(body, "fact", binary.LittleEndian.AppendUint32(nil, uint32(len(data)))) // whatever is not PCM needs it
	body = appendChunk(body, "data", data)
	info := []byte("INFO")
	info = appendChunk(info, "ICMT", append([]byte(s.Comment), 0))
	info = appendChunk(info, "ISFT", append([]byte(s.Software), 0))
	body = appendChunk(body, "LIST", info)
	return appendChunk(nil, "RIFF", body)
}

// layout is the body of a "fmt " chunk of one channel; see format.
func layout(code uint16, rate, bits int) []byte {
	b := make([]byte, 0, 18)
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, 1) // channel
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits/8))
	return binary.LittleEndian.AppendUint16(b, uint16(bits))
}

// appendChunk writes four letters, the size and the bytes, and a zero behind them if they are odd.
func appendChunk(to []byte, id string, body []byte) []byte {
	to = append(to, id...)
	to = binary.LittleEndian.AppendUint32(to, uint32(len(body)))
	to = append(to, body...)
	if len(body)%2 == 1 {
		to = append(to, 0)
	}
	return to
}
