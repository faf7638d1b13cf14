package phone

import "strings"

// Codec is one of the two laws of G.711, by its static payload type (RFC 3551 table 4).
type Codec uint8

const (
	PCMU Codec = 0
	PCMA Codec = 8
)

// String is the codec's name in an rtpmap.
func (c Codec) String() string {
	if c == PCMA {
		return "PCMA"
	}
	return "PCMU"
}

func codecByName(name string) (Codec, bool) {
	switch strings.ToUpper(name) {
	case "PCMA":
		return PCMA, true
	case "PCMU":
		return PCMU, true
	}
	return 0, false
}

// The tables are computed from the text of ITU-T G.711 and not taken from a library, so that the phone and
// the server disagree if one of them is wrong.
var (
	muDecode, aDecode [256]int16
	muEncode, aEncode [1 << 16]byte // by the sample as uint16
)

func init() {
	for i := range 256 {
		muDecode[i] = expandMu(byte(i))
		aDecode[i] = expandA(byte(i))
	}
	for i := range 1 << 16 {
		muEncode[i] = compressMu(int32(int16(i)))
		aEncode[i] = compressA(int32(int16(i)))
	}
}

// expandMu: all bits are inverted on the line; 1 sign, 3 segment, 4 step; the segments are offset by 33 in 14 bits,
// which is 132 in 16.
func expandMu(code byte) int16 {
	code = ^code
	magnitude := ((int32(code&0x0f)<<3 + 132) << (code >> 4 & 7)) - 132
	if code&0x80 != 0 {
		return int16(-magnitude)
	}
	return int16(magnitude)
}

func compressMu(sample int32) byte {
	sign := byte(0)
	if sample < 0 {
		sign, sample = 0x80, -sample
	}
	sample = min(sample, 32635) + 132
	segment := byte(0)
	for sample>>(segment+8) != 0 {
		segment++
	}
	return ^(sign | segment<<4 | byte(sample>>(segment+3))&0x0f)
}

// expandA: even bits are inverted on the line; the sign bit is set for positive values.
func expandA(code byte) int16 {
	code ^= 0x55
	segment := code >> 4 & 7
	magnitude := int32(code&0x0f)<<4 + 8
	if segment > 0 {
		magnitude = (magnitude + 256) << (segment - 1)
	}
	if code&0x80 != 0 {
		return int16(magnitude)
	}
	return int16(-magnitude)
}

func compressA(sample int32) byte {
	sign := byte(0x80)
	if sample < 0 {
		sign, sample = 0, -sample-1 // the negative half is one step down, so that -1 is the first negative code
	}
	sample = min(sample, 32767)
	segment := byte(0)
	for sample>>(segment+8) != 0 {
		segment++
	}
	step := byte(sample>>4) & 0x0f
	if segment > 0 {
		step = byte(sample>>(segment+3)) & 0x0f
	}
	return (sign | segment<<4 | step) ^ 0x55
}

func (c Codec) encode(payload []byte, frame []int16) {
	table := &muEncode
	if c == PCMA {
		table = &aEncode
	}
	for i, s := range frame {
		payload[i] = table[uint16(s)]
	}
}

func (c Codec) decode(frame []int16, payload []byte) {
	table := &muDecode
	if c == PCMA {
		table = &aDecode
	}
	for i, b := range payload {
		frame[i] = table[b]
	}
}

// Encode returns pcm in this codec, one byte per sample.
func (c Codec) Encode(pcm []int16) []byte {
	payload := make([]byte, len(pcm))
	c.encode(payload, pcm)
	return payload
}
