package media

import (
	"slices"
	"testing"
	"unsafe"
)

// What each tick needs lies within what is fetched, which is little: a new field belongs beside it only if each tick needs it.
func TestEachTickNeedsLittle(t *testing.T) {
	l := NewLeg(LegConfig{}, deaf{}) // on the heap, where it begins is the runtime's affair: 8 bytes after a line, behind a word of the collector's (Go 1.26)
	base := uintptr(unsafe.Pointer(l))
	ranges := [][2]uintptr{{0, fetchOwn}, {fetchKeying, fetchLatch}, {fetchPresses, fetchAgreed}, {fetchMuting, fetchEnd}}
	for name, field := range map[string]unsafe.Pointer{
		"conn": unsafe.Pointer(&l.conn), "shut": unsafe.Pointer(&l.shut), "work": unsafe.Pointer(&l.work), "out": unsafe.Pointer(&l.out),
		"levels": unsafe.Pointer(&l.levels), "mutesMusic": unsafe.Pointer(&l.mutesMusic),
		"state.Sender": unsafe.Pointer(&l.state.Sender), "state.Source": unsafe.Pointer(&l.state.Source),
		"state.Levelling": unsafe.Pointer(&l.state.Levelling), "state.Figures.HeardAt": unsafe.Pointer(&l.state.Figures.HeardAt),
		"state.Muting.Until":      unsafe.Pointer(&l.state.Muting.Until),
		"state.Keying.Keys.Count": unsafe.Pointer(&l.state.Keying.Keys.Count), "state.Keying.Next": unsafe.Pointer(&l.state.Keying.Next),
		"state.Keying.Phase": unsafe.Pointer(&l.state.Keying.Phase), "state.Presses.Active": unsafe.Pointer(&l.state.Presses.Active),
		"state.Latch.Source": unsafe.Pointer(&l.state.Latch.Source), "state.Agreed.Codec": unsafe.Pointer(&l.state.Agreed.Codec),
		"state.Agreed.Listens": unsafe.Pointer(&l.state.Agreed.Listens),
		"jitter.have":          unsafe.Pointer(&l.jitter.have), "jitter.Next": unsafe.Pointer(&l.jitter.Next),
		"jitter.Concealed": unsafe.Pointer(&l.jitter.Concealed), "jitter.Arrivals.Count": unsafe.Pointer(&l.jitter.Arrivals.Count),
	} {
		at := uintptr(field) - base
		if !slices.ContainsFunc(ranges, func(r [2]uintptr) bool { return at >= r[0] && at < r[1] }) {
			t.Errorf("%s is at %d, and what is fetched is %d", name, at, ranges)
		}
	}
	lines := make(map[uintptr]bool)
	for _, r := range ranges {
		for at := r[0]; at < r[1]; at++ {
			lines[(base+at)/64] = true
		}
	}
	if len(lines) > 11 {
		t.Errorf("%d lines of a leg are fetched for each tick, want 11 at most", len(lines))
	}
}
