package codec

import "github.com/zaf/g711"

// The tables say what the laws are.  On amd64 they serve for what does not fill the lanes (lanes_amd64.s): between two packets the kernel drives them
// out of the first-level cache.
//
// The laws throw away at least the two lowest bits of a 16-bit sample, so a table over the upper 14 bits is exact
// (a test compares all 65,536 samples), and a quarter of what one over all 16 would be.
const (
	encodeShift = 2
	encodeSize  = 1 << (16 - encodeShift)
)

var (
	alawDecode, ulawDecode [256]int16
	alawEncode, ulawEncode [encodeSize]byte
)

func init() {
	for i := range 256 {
		alawDecode[i] = g711.DecodeAlawFrame(uint8(i))
		ulawDecode[i] = g711.DecodeUlawFrame(uint8(i))
	}
	for i := range encodeSize {
		sample := int16(uint16(i << encodeShift))
		alawEncode[i] = g711.EncodeAlawFrame(sample)
		ulawEncode[i] = g711.EncodeUlawFrame(sample)
	}
}

// Decode writes the samples of payload to dst and returns how many there are: those that fit.
func (c *Codec) Decode(dst []int16, payload []byte) int {
	n := min(len(dst), len(payload))
	table, dst, payload := c.decode, dst[:n], payload[:n]
	for i := c.decodeLanes(dst, payload); i < n; i++ {
		dst[i] = table[payload[i]]
	}
	return n
}

// Encode writes the code words of frame to dst and returns how many bytes there are: those that fit.
func (c *Codec) Encode(dst []byte, frame []int16) int {
	n := min(len(dst), len(frame))
	table, dst, frame := c.encode, dst[:n], frame[:n]
	for i := c.encodeLanes(dst, frame); i < n; i++ {
		dst[i] = table[uint16(frame[i])>>encodeShift]
	}
	return n
}

// Silence is the code word of the sample 0: what a payload that says nothing is filled with.
func (c *Codec) Silence() byte { return c.encode[0] }
