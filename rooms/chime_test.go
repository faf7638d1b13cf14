package rooms

import (
	"slices"
	"testing"
)

// rings runs a chime for so many ticks and returns the ticks in which a tone began: positive for
// joined, negative for left, counted from 1.
func (c *chime) rings(t *testing.T, tones *tones, ticks int) (begins []int) {
	t.Helper()
	for i := 1; i <= ticks; i++ {
		switch frame := c.frame(tones); {
		case frame == nil:
		case &frame[0] == &tones.joined[0][0]:
			begins = append(begins, i)
		case &frame[0] == &tones.left[0][0]:
			begins = append(begins, -i)
		}
	}
	return begins
}

func TestChime(t *testing.T) {
	tones := newTones(mixRate)
	length := len(tones.joined)

	var c chime
	if got := c.rings(t, tones, 100); got != nil {
		t.Errorf("nobody came, it rings at %v", got)
	}
	for range 5 {
		c.join()
	}
	if got := c.rings(t, tones, 200); !slices.Equal(got, []int{1}) {
		t.Errorf("five at once: rings at %v", got)
	}

	c.join()
	if got := c.rings(t, tones, 5); !slices.Equal(got, []int{1}) {
		t.Errorf("one alone: rings at %v", got)
	}
	for range 4 { // four more while it rings and in the second after it
		c.join()
		c.leave()
		if got := c.rings(t, tones, 5); got != nil {
			t.Errorf("it rings again at %v", got)
		}
	}
	next := length + chimeRest - 5 - 20 + 1 // one tone and one rest after the beginning
	if got := c.rings(t, tones, 300); !slices.Equal(got, []int{next, -next - length - chimeRest}) {
		t.Errorf("those who came and went meanwhile: rings at %v, want %v and %v", got, next, -next-length-chimeRest)
	}
}

func TestChimeIsNotForTheNewcomer(t *testing.T) {
	tones := newTones(mixRate)
	var c chime
	first := c.join()
	c.frame(tones)
	if c.heardBy(first) || !c.heardBy(0) {
		t.Error("the first one's tone is heard by himself, or not by the others")
	}
	second := c.join() // while the tone for the first plays
	if !c.heardBy(second) {
		t.Error("the second one does not hear the first one's tone")
	}
	c.rings(t, tones, len(tones.joined)+chimeRest)
	if !c.announcing || c.heardBy(second) || !c.heardBy(first) {
		t.Error("the second one's tone is heard by himself, or not by the first")
	}
	c.leave()
	c.rings(t, tones, len(tones.joined)+chimeRest)
	if !c.heardBy(first) || !c.heardBy(second) {
		t.Error("a tone for leaving is not heard by all")
	}
}

func TestChimeWithoutTones(t *testing.T) {
	var c chime
	c.join()
	if c.frame(nil) != nil {
		t.Error("it rings without tones")
	}
}
