package media

import (
	"testing"
	"time"
)

func TestDistributionCountsAtItsBounds(t *testing.T) {
	var h, other histogram
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 3 * time.Millisecond, 30 * time.Millisecond} {
		h.add(int64(d))
	}
	other.add(int64(time.Second))
	bounds := []time.Duration{time.Millisecond, 5 * time.Millisecond, 40 * time.Millisecond, 2 * time.Second}
	d := distribution([]*histogram{&h, &other}, bounds)
	if d.Count != 5 || d.Sum != time.Second+33100*time.Microsecond {
		t.Errorf("%d, %v in all", d.Count, d.Sum)
	}
	for i, want := range []uint64{2, 3, 4, 5} {
		if got := d.Below[bounds[i]]; got != want {
			t.Errorf("%d below %v, want %d", got, bounds[i], want)
		}
	}
}
