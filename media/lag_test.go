package media

import (
	"testing"
	"time"
)

// A lag grows and shrinks by a step from tick to tick, and gets where it should.
func TestLag(t *testing.T) {
	var l lag
	for _, wanted := range []time.Duration{mostLag, 0, mostLag / 2, lagStep / 2, 0} {
		l.wanted.Store(int64(wanted))
		for range mostLag / lagStep {
			before := l.now
			if after := l.next(); after-before > int64(lagStep) || before-after > int64(lagStep) {
				t.Errorf("from %d to %d ns from one tick to the next", before, after)
			}
		}
		if l.next() != int64(wanted) {
			t.Errorf("%d ns, want %v", l.now, wanted)
		}
	}
}
