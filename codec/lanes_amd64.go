package codec

// lanes is how many samples are worked on at once.
const lanes = 8

// The work of lanes_amd64.s, with SSE2, which every amd64 processor has.  n is a multiple of lanes, and not 0.

//go:noescape
func alawDecodeLanes(dst *int16, payload *byte, n int)

//go:noescape
func ulawDecodeLanes(dst *int16, payload *byte, n int)

//go:noescape
func alawEncodeLanes(dst *byte, frame *int16, n int)

//go:noescape
func ulawEncodeLanes(dst *byte, frame *int16, n int)

// decodeLanes decodes as many samples as fill lanes, and returns how many those are.
func (c *Codec) decodeLanes(dst []int16, payload []byte) int {
	n := len(dst) &^ (lanes - 1)
	switch {
	case n == 0:
	case c == PCMA:
		alawDecodeLanes(&dst[0], &payload[0], n)
	case c == PCMU:
		ulawDecodeLanes(&dst[0], &payload[0], n)
	default:
		return 0
	}
	return n
}

// encodeLanes encodes as many samples as fill lanes, and returns how many those are.
func (c *Codec) encodeLanes(dst []byte, frame []int16) int {
	n := len(dst) &^ (lanes - 1)
	switch {
	case n == 0:
	case c == PCMA:
		alawEncodeLanes(&dst[0], &frame[0], n)
	case c == PCMU:
		ulawEncodeLanes(&dst[0], &frame[0], n)
	default:
		return 0
	}
	return n
}
