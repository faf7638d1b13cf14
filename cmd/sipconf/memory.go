package main

import (
	"os"
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
