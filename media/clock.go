package media

import "time"

// frameTime is the length of a tick and of a frame.
const frameTime = 20 * time.Millisecond

// epoch is the wall time at which the monotonic clock of the ticks stood at 0, as seen when the process started.
var epoch = time.Now().Add(-time.Duration(monotonic()))
