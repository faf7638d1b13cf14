package media

import (
	"unsafe"

	"github.com/sipconf/sipconf/media/fetch"
)

// What the usual tick needs of a leg: where it begins and ends.
const (
	fetchOwn = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Figures) + unsafe.Offsetof(Figures{}.Malformed) // from the beginning up to there

	fetchKeying = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Keying) + unsafe.Offsetof(Keying{}.Keys) + unsafe.Offsetof(Keys{}.Count)
	fetchLatch  = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Latch) + unsafe.Offsetof(Latch{}.SDP)

	fetchPresses = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Presses) + unsafe.Offsetof(Presses{}.Active)
	fetchAgreed  = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Agreed) + unsafe.Offsetof(Agreed{}.Mux)

	fetchMuting = unsafe.Offsetof(Leg{}.state) + unsafe.Offsetof(LegState{}.Muting) + unsafe.Offsetof(Muting{}.Until)
	fetchEnd    = unsafe.Offsetof(Leg{}.jitter) + unsafe.Offsetof(jitter{}.JitterState) + unsafe.Offsetof(JitterState{}.Arrivals) + unsafe.Offsetof(Arrivals{}.Slow)
)

// Fetch has the processor bring the leg near, which is to be pulled as the next but one; FetchFar, thereafter, what lies elsewhere: the socket, and where
// the next packet goes.  Owner only.
func (l *Leg) Fetch() {
	fetch.Lines(unsafe.Pointer(l), 0, fetchOwn)
	fetch.Lines(unsafe.Pointer(l), fetchKeying, fetchLatch-fetchKeying)
	fetch.Lines(unsafe.Pointer(l), fetchPresses, fetchAgreed-fetchPresses)
	fetch.Lines(unsafe.Pointer(l), fetchMuting, fetchEnd-fetchMuting)
}

// FetchFar is the second half of Fetch, for the leg that is next: of the ring what is to be played, and where the next
// packet goes.
func (l *Leg) FetchFar() {
	fetchConn(l.conn)
	j := &l.jitter
	if len(j.ring.samples) == 0 {
		return
	}
	if j.End > j.Next {
		j.ring.fetch(j.Next, j.Frame)
	}
	j.ring.fetch(j.End, j.Frame)
}

// fetch has the processor bring near what is from a position on, or would be, up to the end of the memory.
func (r *ring) fetch(at int64, n int) {
	i := r.index(at)
	fetch.Lines(unsafe.Pointer(&r.samples[i]), 0, 2*uintptr(min(n, len(r.samples)-i)))
	fetch.Lines(unsafe.Pointer(&r.have[i>>6]), 0, uintptr(n)/8+8)
}
