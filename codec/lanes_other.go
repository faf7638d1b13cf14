//go:build !amd64

package codec

// decodeLanes and encodeLanes leave all to the tables.
func (c *Codec) decodeLanes([]int16, []byte) int { return 0 }
func (c *Codec) encodeLanes([]byte, []int16) int { return 0 }
