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

func TestPlayoutDelays(t *testing.T) {
	e := &Engine{legs: make(map[*Leg]struct{})}
	for i := range 100 {
		l := NewLeg(LegConfig{}, deaf{})
		l.jitter.Playing, l.jitter.Next, l.jitter.End = i < 50, 1000, 1000+int64(i)*8
		l.show()
		e.legs[l] = struct{}{}
	}
	got := e.PlayoutDelays(0, 0.5, 0.99, 1)
	for i, want := range []time.Duration{0, 25 * time.Millisecond, 49 * time.Millisecond, 49 * time.Millisecond} {
		if got[i] != want {
			t.Errorf("delay %d is %v, want %v", i, got[i], want)
		}
	}
	if got := (&Engine{}).PlayoutDelays(0.5); got[0] != 0 {
		t.Errorf("without legs: %v", got)
	}
}
