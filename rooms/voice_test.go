package rooms

import "testing"

// after feeds n frames of a level and returns how often talking changed.
func (v *voice) after(n, level int) (changes int) {
	for range n {
		if v.frame(level) {
			changes++
		}
	}
	return changes
}

func TestTalkingHasHysteresis(t *testing.T) {
	var v voice
	for _, step := range []struct {
		frames, level int
		what          string
		talking       bool
	}{
		{50, -127, "silence", false},
		{2, -10, "a click of 40 ms", false},
		{1, -60, "then nothing", false},
		{2, -10, "another click", false},
		{1, -10, "60 ms of it", true},
		{100, -41, "speech that fades, but not to a pause", true},
		{24, -60, "a pause of 480 ms", true},
		{1, -41, "between the levels: the pause is not over", true},
		{1, -60, "500 ms of pause", false},
		{100, -41, "noise between the levels begins nothing", false},
		{3, -38, "just loud enough", true},
		{24, -44, "just not a pause", true},
		{24, -45, "a pause", true},
		{1, -20, "a word in time", true},
		{24, -45, "the pause counts from the start", true},
		{1, -45, "and ends it", false},
	} {
		v.after(step.frames, step.level)
		if v.Talking != step.talking {
			t.Fatalf("%s (%d frames at %d dBFS): talking %v, want %v", step.what, step.frames, step.level, v.Talking, step.talking)
		}
	}
}

func TestTalkingStopsAtOnce(t *testing.T) {
	var v voice
	if v.stop() {
		t.Error("somebody silent has stopped talking")
	}
	v.after(3, -20)
	if !v.stop() || v.Talking || v.Level != silence {
		t.Errorf("after stop: %+v", v)
	}
}

func TestLevelStaysInItsScale(t *testing.T) {
	var v voice
	if v.frame(-500); v.Level != -127 {
		t.Errorf("level %d", v.Level)
	}
	if v.frame(9); v.Level != 0 {
		t.Errorf("level %d", v.Level)
	}
}
