package media

import (
	"testing"
	"time"
)

// TestASlowLoopIsFullSooner: what its ticks take at the least decides, not one that was interrupted; and when it has nothing to do any more it is as good as new.
func TestASlowLoopIsFullSooner(t *testing.T) {
	var l Loop
	second := func(took ...time.Duration) {
		for i := range perSecond {
			one := int64(took[i%len(took)])
			l.clock.ran(one, one)
		}
	}
	for _, when := range []struct {
		what string
		do   func()
		full bool

		labours bool
	}{
		{"nothing is known", func() {}, false, false},
		{"4.9 ms", func() { second(4900 * time.Microsecond) }, false, false},
		{"most are interrupted", func() { second(30*time.Millisecond, 12*time.Millisecond, 4*time.Millisecond) }, false, false},
		{"each takes 5 ms", func() { second(9*time.Millisecond, 5*time.Millisecond) }, true, false},
		{"each takes 12 ms", func() { second(30*time.Millisecond, 12*time.Millisecond) }, true, true},
		{"half a second later", func() { l.clock.ran(0, int64(time.Millisecond)) }, true, true},
		{"rooms have ended", func() { second(2 * time.Millisecond) }, false, false},
		{"long ticks again", func() { second(8 * time.Millisecond); second(8 * time.Millisecond) }, true, false},
		{"the last room has ended", func() { l.clock.rested() }, false, false},
		{"1023 legs to come", func() { l.Expect(1023) }, false, false},
		{"and one more", func() { l.Expect(1) }, true, false},
	} {
		if when.do(); l.full() != when.full {
			t.Errorf("%s: full: %v, want %v", when.what, l.full(), when.full)
		}
		if l.Labours() != when.labours {
			t.Errorf("%s: labours: %v, want %v", when.what, l.Labours(), when.labours)
		}
	}
}
