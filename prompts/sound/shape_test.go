package sound

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestActiveLevelLeavesPausesOut(t *testing.T) {
	loud, soft, pause := tone(8000, 8000, 500, -20).Samples, tone(8000, 8000, 500, -55).Samples, make([]int16, 16000)
	for _, tt := range []struct {
		name    string
		samples []int16
		want    float64
	}{
		{"a tone", loud, -23},
		{"with pauses", slices.Concat(pause, loud, pause, loud), -23},
		{"with something 35 dB softer", slices.Concat(soft, loud, soft), -23},
		{"with something 10 dB softer", slices.Concat(loud, tone(8000, 8000, 500, -30).Samples), 10*math.Log10(0.55) - 23},
		{"silence", pause, Floor},
		{"nothing", nil, Floor},
	} {
		if got := (Sound{Rate: 8000, Samples: tt.samples}).ActiveLevel(); math.Abs(got-tt.want) > 0.05 {
			t.Errorf("%s: %.2f dBov, want %.2f", tt.name, got, tt.want)
		}
	}
}

func TestTrimLeavesWordsWhole(t *testing.T) {
	word := tone(8000, 4000, 500, -20).Samples
	faint := tone(8000, 800, 500, -55).Samples // 35 dB softer: an f or an s on the telephone
	s := Sound{Rate: 8000, Samples: slices.Concat(make([]int16, 3000), faint, word, faint, make([]int16, 5000))}
	got, err := s.Trim()
	if err != nil {
		t.Fatal(err)
	}
	if length := got.Length(); length < 700*time.Millisecond || length > 720*time.Millisecond {
		t.Errorf("700 ms were trimmed to %v", length)
	}
	if first, last := got.Samples[0], got.Samples[len(got.Samples)-1]; first != 0 || last != 0 {
		t.Errorf("it begins with %d and ends with %d", first, last)
	}
	if from := s.Samples[2960:]; !slices.Equal(got.Samples[40:5600], from[40:5600]) {
		t.Error("the word has changed, or was cut")
	}
	if s.Samples[3001] != faint[1] || s.Samples[3900] != word[100] {
		t.Error("the sound that was trimmed has itself changed")
	}
}

// A sound that begins and ends at full height is faded, for a step would click.
func TestTrimFades(t *testing.T) {
	got, err := Sound{Rate: 8000, Samples: slices.Repeat([]int16{10000}, 4000)}.Trim()
	if err != nil {
		t.Fatal(err)
	}
	before := int16(0)
	for i, v := range append(got.Samples, 0) {
		if step := int(v) - int(before); step > 500 || step < -500 {
			t.Errorf("a step of %d at %d", step, i)
		}
		before = v
	}
	if len(got.Samples) != 4000 || got.Samples[2000] != 10000 {
		t.Errorf("%d samples, %d in the middle", len(got.Samples), got.Samples[2000])
	}
	if _, err := (Sound{Rate: 8000, Samples: make([]int16, 900)}).Trim(); err == nil {
		t.Error("silence was trimmed to something")
	}
}

func TestRaise(t *testing.T) {
	for _, dB := range []float64{-50, -20, -3} {
		s := tone(8000, 8000, 500, dB)
		if room := s.Headroom(); math.Abs(room+dB) > 0.05 {
			t.Errorf("a peak of %.0f dBFS has %.2f dB of room", dB, room)
		}
		got := s.Raise(-26 - s.ActiveLevel())
		if math.Abs(got.ActiveLevel()+26) > 0.05 {
			t.Errorf("%.0f dBFS: %.2f dBov", dB, got.ActiveLevel())
		}
	}
	loudest := Sound{Rate: 8000, Samples: []int16{-32768, 100, 32767}}
	if room, got := loudest.Headroom(), loudest.Raise(6).Samples; room != 0 || !slices.Equal(got, []int16{-32768, 200, 32767}) {
		t.Errorf("%v dB of room, and raised %v", room, got)
	}
	if loudest.Samples[1] != 100 {
		t.Error("the sound that was raised has itself changed")
	}
}

func TestFill(t *testing.T) {
	for samples, want := range map[int]int{0: 0, 1: 160, 160: 160, 161: 320} {
		s := Sound{Rate: 8000, Samples: slices.Repeat([]int16{7}, samples)}
		got := s.Fill().Samples
		if len(got) != want || slices.Contains(got[samples:], 7) {
			t.Errorf("%d samples became %d, want %d", samples, len(got), want)
		}
	}
}
