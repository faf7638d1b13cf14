package rooms

import (
	"time"

	"github.com/sipconf/sipconf/media"
)

// loopTime is how long anybody waits for a loop to run a function: fifty ticks. A loop that takes
// longer has failed, and a call that waited for it for ever would fail with it.
const loopTime = time.Second

// runOn runs f on the loop and waits for it. False when the loop is closed or does not get to it
// in loopTime; f may still run later then.
func runOn(loop *media.Loop, f func()) bool {
	done := make(chan struct{})
	if !loop.Do(func() { defer close(done); f() }) {
		return false
	}
	late := time.NewTimer(loopTime)
	defer late.Stop()
	select {
	case <-done:
		return true
	case <-late.C:
		return false
	}
}
