package media_test

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// A leg whose socket knows when packets come holds back no more than the wait for the tick; one that does not know, a frame more.
func TestLegPlaysByArrival(t *testing.T) {
	for _, tt := range []struct {
		before time.Duration // of the tick
		known  bool
		want   int64 // samples left after a tick
	}{{10 * time.Millisecond, true, 0}, {time.Millisecond, true, 160}, {0, false, 160}} {
		c := newCall(t, codec.PCMA)
		for range 250 {
			if tt.known {
				c.Now = c.now + int64(20*time.Millisecond-tt.before)
			}
			c.ticks(1)
		}
		if got := c.slack(); got != tt.want {
			t.Errorf("%v before the tick, known %v: %d samples held back, want %d", tt.before, tt.known, got, tt.want)
		}
		if s := c.Leg.Stats(); s.Concealed != 0 || s.Jitter != 0 {
			t.Errorf("%v before the tick: concealed %v, jitter %v, want none", tt.before, s.Concealed, s.Jitter)
		}
	}
}
