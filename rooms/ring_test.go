package rooms

import (
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestRingIsAQueue holds it against a slice, with frames of any size, any order of putting and skipping, and a ring that no
// number of frames fills exactly.
func TestRingIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "size")
		r := newRing(size)
		var want []int16
		next := int16(0)
		for _, step := range rapid.SliceOf(rapid.IntRange(-40, 40)).Draw(t, "steps") {
			if step >= 0 {
				frame := make([]int16, step)
				for i := range frame {
					next++
					frame[i] = next
				}
				fits := len(want)+step <= size
				if got := r.put(frame); got != fits {
					t.Fatalf("%d samples to %d of %d: put says %v", step, len(want), size, got)
				}
				if fits {
					want = append(want, frame...)
				}
			} else {
				got := r.peek()
				if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || len(got) == 0 && len(want) > 0 {
					t.Fatalf("it shows %d, of %d", got, want)
				}
				n := min(-step, len(got))
				r.skip(n)
				want = want[n:]
			}
			if r.waiting() != len(want) {
				t.Fatalf("%d are waiting, want %d", r.waiting(), len(want))
			}
		}
	})
}

// TestRingBetweenTwo: one puts as fast as he can, another one takes; what was put comes out, in order and once.
func TestRingBetweenTwo(t *testing.T) {
	const frames = 20_000
	r := newRing(7 * 160)
	put, over := make([]bool, frames), make(chan struct{})
	var w sync.WaitGroup
	w.Go(func() {
		defer close(over)
		frame := make([]int16, 160)
		for n := range frames {
			for i := range frame {
				frame[i] = int16(n)
			}
			put[n] = r.put(frame)
		}
	})
	var got []int16 // one for each frame
	for open := true; open; {
		select {
		case <-over:
			open = false
		default:
		}
		for part := r.peek(); len(part) > 0; part = r.peek() {
			for len(part) >= 160 { // whole frames, for the ring holds a whole number of them
				if slices.Min(part[:160]) != slices.Max(part[:160]) {
					t.Fatalf("a frame is %d", part[:160])
				}
				got = append(got, part[0])
				part = part[160:]
				r.skip(160)
			}
		}
	}
	w.Wait()
	var want []int16
	for n, was := range put {
		if was {
			want = append(want, int16(n))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d frames came out, %d were put, or others", len(got), len(want))
	}
	t.Logf("%d of %d frames found room", len(want), frames)
}
