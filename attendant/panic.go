package attendant

import (
	"log/slog"
	"runtime/debug"
)

// A panic is our own bug, and costs the one call that it happened to, and no other. That of somebody who has called is survived by
// whoever calls Serve; those on goroutines of ours are survived here.

// survived takes a panic: it is counted, told, and the call is hung up; nil: it was nobody's.
func (o *Office) survived(r any, where string, log *slog.Logger, call interface{ Hangup(reason string) }) {
	if r == nil {
		return
	}
	o.panics.Add(1)
	log.Error("panic in an attendant: please report it", "in", where, "err", r, "stack", string(debug.Stack()))
	if call != nil {
		call.Hangup("internal error")
	}
}

// Panics is how many panics were survived.
func (o *Office) Panics() uint64 { return o.panics.Load() }
