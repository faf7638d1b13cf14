package mixer

// lanes is how many samples are worked on at once.
const lanes = 8

// The work of lanes_amd64.s, with SSE2, which every amd64 processor has.  n is a multiple of lanes, and not 0.

//go:noescape
func addLanes(sum *int32, frame *int16, n int)

//go:noescape
func minusLanes(dst *int16, sum *int32, own *int16, n int)

//go:noescape
func saturateLanes(dst *int16, sum *int32, n int)

//go:noescape
func energyLanes(frame *int16, n int) uint64

//go:noescape
func peakLanes(frame *int16, n int) int

//go:noescape
func reachLanes(reach *float32, sum *int32, own *int16, n int)

//go:noescape
func mostLanes(reach *float32, n int) float32

//go:noescape
func shapeLanes(dst *int16, sum *int32, own *int16, gain *float32, n int)

//go:noescape
func rampLanes(frame *int16, n int, from, step float32)
