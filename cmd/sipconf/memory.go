package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// gcPercent is how much the heap may grow, in percent of what lives, before it is collected.  Go's own 100 doubles it: half the
// memory would be garbage, or kept for some.  A server in which everybody talks makes next to none, as neither the tick nor the reports by RTCP
// allocate, so that collecting after a quarter costs a few milliseconds now and then, while calls come in.
const gcPercent = 25

// saveMemory sets that, unless the operator has set GOGC himself.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// uncollected has nothing be collected until again is called: while a process hands over to another one and nobody hears anything, a collection would take as
// long as all the rest.
func uncollected() (again func()) {
	before := debug.SetGCPercent(-1)
	return func() { debug.SetGCPercent(before) }
}

// growHeap has the heap grow now by what will be allocated while nothing is collected: the kernel's share in that, page by page, is as long as all the rest.
func growHeap(bytes int) {
	memory := make([]byte, bytes)
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	runtime.GC() // and so it is free again
}
