package dialout

import "runtime/debug"

// guard runs f, and reports whether it has returned. If it panics, that is our bug, and the end of one dial-out and not of all the
// conferences that there are: it is counted and logged. To be used where code that is not ours is called, and at the begin of goroutines.
func (d *Dialer) guard(in string, f func()) (ok bool) {
	defer func() {
		if reason := recover(); reason != nil {
			d.panics.Add(1)
			d.log.Error("panic while dialling: please report it", "in", in, "err", reason, "stack", string(debug.Stack()))
		}
	}()
	f()
	return true
}
