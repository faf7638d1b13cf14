package media

import (
	"testing"
	"unsafe"
)

// What each tick needs lies within what is fetched, which is little: a new field of a leg belongs before it or behind it, unless each tick needs it.
func TestEachTickNeedsLittle(t *testing.T) {
	var l Leg
	base := uintptr(unsafe.Pointer(&l))
	for name, field := range map[string]unsafe.Pointer{
		"state.Agreed.Codec": unsafe.Pointer(&l.state.Agreed.Codec), "state.Latch.Source": unsafe.Pointer(&l.state.Latch.Source),
		"state.Source": unsafe.Pointer(&l.state.Source), "state.Levelling": unsafe.Pointer(&l.state.Levelling),
		"state.Figures.HeardAt": unsafe.Pointer(&l.state.Figures.HeardAt), "conn": unsafe.Pointer(&l.conn), "shut": unsafe.Pointer(&l.shut),
		"work": unsafe.Pointer(&l.work), "out": unsafe.Pointer(&l.out), "jitter.have": unsafe.Pointer(&l.jitter.have),
		"jitter.Next": unsafe.Pointer(&l.jitter.Next), "jitter.Concealed": unsafe.Pointer(&l.jitter.Concealed),
		"jitter.Arrivals.Count": unsafe.Pointer(&l.jitter.Arrivals.Count),
	} {
		if at := uintptr(field) - base; at < fetchFirst || at >= fetchEnd {
			t.Errorf("%s is at %d, and %d to %d is fetched", name, at, fetchFirst, fetchEnd)
		}
	}
	if keys := unsafe.Offsetof(l.state) + unsafe.Offsetof(l.state.Presses) + unsafe.Offsetof(l.state.Presses.Active); keys < fetchKeys || keys >= fetchKeys+16 {
		t.Errorf("state.Presses.Active is at %d, and 16 bytes from %d on are fetched", keys, fetchKeys)
	}
	if n := fetchEnd - fetchFirst; n > 1024 {
		t.Errorf("%d bytes of a leg are fetched for each tick, want 1024 at most", n)
	}
}
