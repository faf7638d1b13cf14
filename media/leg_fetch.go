package media

import (
	"unsafe"

	"github.com/sipconf/sipconf/media/fetch"
)

// What the usual tick needs of a leg: where it begins, and how many bytes it is.
const (
	fetchTicks = unsafe.Offsetof(Leg{}.board) + unsafe.Offsetof(board{}.ticks)
	fetchKeys  = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Muting) - 8 // the end of Presses, and the beginning of Muting
	fetchFirst = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Agreed) + unsafe.Offsetof(Agreed{}.Codec)
	fetchEnd   = unsafe.Offsetof(Leg{}.jitter) + unsafe.Offsetof(jitter{}.JitterState) + unsafe.Offsetof(JitterState{}.Arrivals) + unsafe.Offsetof(Arrivals{}.Slow)
)

// Fetch has the processor bring the leg near, which is to be pulled as the next but one; FetchFar, thereafter, what lies elsewhere: the socket, and where
// the next packet goes.  Owner only.
func (l *Leg) Fetch() {
	fetch.Lines(unsafe.Pointer(l), fetchFirst, fetchEnd-fetchFirst)
	fetch.Lines(unsafe.Pointer(l), fetchTicks, 1)
	fetch.Lines(unsafe.Pointer(l), fetchKeys, 16)
}

// FetchFar is the second half of Fetch, for the leg that is next.
func (l *Leg) FetchFar() {
	fetchConn(l.conn)
	r := &l.jitter.ring
	if len(r.samples) == 0 {
		return
	}
	at := r.index(l.jitter.End)
	fetch.Lines(unsafe.Pointer(&r.samples[at]), 0, 2*uintptr(min(l.jitter.Frame, len(r.samples)-at)))
	fetch.Lines(unsafe.Pointer(&r.have[at>>6]), 0, 24)
}
