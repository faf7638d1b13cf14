package media

import (
	"testing"
	"time"
)

// A sound with twice the clock: 8 s of it do not fit the 16 bits of an event's length, so it ends before that.
func TestAnEventFitsItsLength(t *testing.T) {
	keys, err := NewKeys(false, Stroke{Key: '1', Length: 8 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	var k Keying
	k.set(keys, 0, 320)
	var last cue
	for ts := uint32(7); !last.end; ts += 320 {
		c := k.frame(ts, 320, true, true)
		if c.part != partEvent || uint32(c.duration) != uint32(last.duration)+320 {
			t.Fatalf("%+v after %+v", c, last)
		}
		last = c
	}
	if last.duration < 0xffff-2*320 {
		t.Errorf("it ends after %d", last.duration)
	}
}

// Events are agreed no more while the end of one is being told: that is over, and nothing is sent of it by another payload type.
func TestTheEndOfAnEventThatMayNotBeTold(t *testing.T) {
	keys, err := NewKeys(false, Stroke{Key: '1', Length: 40 * time.Millisecond, Gap: 60 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	var k Keying
	k.set(keys, 0, 160)
	for i, want := range []part{partEvent, partEvent, partEvent, partRest, partRest, partNone} {
		if c := k.frame(uint32(i)*160, 160, true, i < 3); c.part != want {
			t.Errorf("frame %d: %+v", i, c)
		}
	}
}
