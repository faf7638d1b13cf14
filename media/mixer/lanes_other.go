//go:build !amd64

package mixer

import "unsafe"

// lanes: one sample at a time is enough for other processors until somebody measures them.
const lanes = 1

func addLanes(sum *int32, frame *int16, n int) { addEach(unsafe.Slice(sum, n), unsafe.Slice(frame, n)) }

func minusLanes(dst *int16, sum *int32, own *int16, n int) {
	minusEach(unsafe.Slice(dst, n), unsafe.Slice(sum, n), unsafe.Slice(own, n))
}

func saturateLanes(dst *int16, sum *int32, n int) {
	saturateEach(unsafe.Slice(dst, n), unsafe.Slice(sum, n))
}

func energyLanes(frame *int16, n int) uint64 { return energyEach(unsafe.Slice(frame, n)) }

func peakLanes(frame *int16, n int) int { return peakEach(unsafe.Slice(frame, n)) }

func reachLanes(reach *float32, sum *int32, own *int16, n int) {
	reachEach(unsafe.Slice(reach, n), unsafe.Slice(sum, n), unsafe.Slice(own, n))
}

func mostLanes(reach *float32, n int) float32 { return mostEach(unsafe.Slice(reach, n)) }

func shapeLanes(dst *int16, sum *int32, own *int16, gain *float32, n int) {
	shapeEach(unsafe.Slice(dst, n), unsafe.Slice(sum, n), unsafe.Slice(own, n), unsafe.Slice(gain, n))
}

func rampLanes(frame *int16, n int, from, step float32) {
	rampEach(unsafe.Slice(frame, n), from, step, 0)
}
