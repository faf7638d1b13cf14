package fetch

import (
	"testing"
	"unsafe"
)

// To ask is harmless wherever it is: at the end of a page behind which there is nothing, and of an address that is none.
func TestAskingIsHarmless(t *testing.T) {
	b := make([]byte, 1<<16)
	for from := range uintptr(200) {
		Lines(unsafe.Pointer(&b[len(b)-1]), from, 1<<12)
	}
	Lines(nil, 0, 64)
	if n := testing.AllocsPerRun(10, func() { Lines(unsafe.Pointer(&b[0]), 0, 1000) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
