package media

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The bitmap against the simplest thing that could be right.
func TestRingKnowsWhatItHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r ring
		r.fit(leastRing)
		var model [leastRing]bool
		base := rapid.Int64Range(-3*leastRing, 3*leastRing).Draw(t, "base")
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			at, n := base+rapid.Int64Range(0, leastRing).Draw(t, "at"), rapid.IntRange(0, 500).Draw(t, "n")
			here := rapid.Bool().Draw(t, "here")
			r.mark(at, n, here)
			for i := range n {
				model[(at+int64(i))&(leastRing-1)] = here
			}
			from, length, want := base+rapid.Int64Range(0, leastRing).Draw(t, "from"), rapid.IntRange(0, 500).Draw(t, "length"), rapid.Bool().Draw(t, "want")
			run := 0
			for run < length && model[(from+int64(run))&(leastRing-1)] == want {
				run++
			}
			if got := r.run(from, length, want); got != run {
				t.Fatalf("run(%d, %d, %v) = %d, want %d", from, length, want, got, run)
			}
		}
	})
}

// FuzzJitter throws packets of any length at any place into the playout: it gives a frame each tick, holds back no more than the cap
// and one packet, and never plays a sample out of its place, nor more than a pitch period twice.
func FuzzJitter(f *testing.F) {
	f.Add([]byte{1, 0, 0, 20, 1, 1, 0, 20, 0, 0, 0, 0, 1, 0, 200, 60})
	f.Add([]byte{1, 0xff, 0xff, 200, 0, 0, 0, 0, 1, 0x80, 0, 10, 1, 0x80, 1, 10})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var j jitter
		j.setUp(160, 100*time.Millisecond)
		frame := make([]int16, 160)
		base := int64(1 << 33)
		for ; len(raw) >= 4; raw = raw[4:] {
			if raw[0]&1 == 1 {
				pcm := make([]int16, (int(raw[3])%200+1)*8)
				at := base + int64(int16(uint16(raw[1])<<8|uint16(raw[2])))*int64(1+raw[0]>>5)
				for i := range pcm {
					pcm[i] = int16(at+int64(i)) | 1
				}
				j.put(at, pcm, int64(raw[0]>>3)*12-160)
			}
			if raw[0]&2 != 0 {
				j.silence(base)
			}
			if raw[0]&4 == 0 {
				before := j.JitterState
				j.pop(frame)
				base += 160
				if j.Playing && j.onHand() > j.Limit+1600 {
					t.Fatalf("%d samples on hand, the limit is %d and the longest packet 1600", j.onHand(), j.Limit)
				}
				if before.Playing && j.Next < before.Next+160-int64(pitchMax(160)) {
					t.Fatalf("played from %d, then %d", before.Next, j.Next)
				}
			}
		}
	})
}

func TestSequence(t *testing.T) {
	tests := []struct {
		name              string
		numbers           []uint16
		lost, twice, seen int64
	}{
		{"in order", []uint16{1, 2, 3, 4}, 0, 0, 4},
		{"over the wrap", []uint16{65534, 65535, 0, 1}, 0, 0, 4},
		{"one lost", []uint16{1, 2, 4, 5}, 1, 0, 4},
		{"overtaken", []uint16{1, 3, 2, 4}, 0, 0, 4},
		{"overtaken at the beginning", []uint16{65535, 65534, 0}, 0, 0, 3},
		{"twice", []uint16{1, 2, 2, 1, 3}, 0, 2, 3},
		{"the sender jumps", []uint16{1, 2, 4, 30000, 30001}, 1, 0, 2},
		{"far behind is neither", []uint16{1000, 1100, 1001}, 99, 0, 2},
	}
	for _, tt := range tests {
		var s Sequence
		var twice int64
		for _, n := range tt.numbers {
			if !s.add(n) {
				twice++
			}
		}
		if s.Lost() != tt.lost || twice != tt.twice || s.Received != tt.seen {
			t.Errorf("%s: lost %d, twice %d, received %d, want %d, %d, %d", tt.name, s.Lost(), twice, s.Received, tt.lost, tt.twice, tt.seen)
		}
	}
}

// hum is a voice of 100 Hz with ten harmonics, whose periods become longer by that factor.
func hum(samples int, slide float64) []int16 {
	sound := make([]int16, samples)
	turn, step := 0.0, 2*math.Pi/80
	for i := range sound {
		for h := 1.0; h <= 10; h++ {
			sound[i] += int16(2000 / math.Sqrt(h) * math.Sin(h*turn+h*h))
		}
		turn += step
		step /= math.Pow(slide, step/(2*math.Pi))
	}
	return sound
}

// What is made up for a voice whose melody falls, or rises, is in step with it after 20 ms; with a period that stays the same it would not be.
func TestConcealmentFollowsTheMelody(t *testing.T) {
	for _, slide := range []float64{0.98, 1, 1.02, 1.03} {
		said := hum(960, slide)
		var r ring
		r.fit(leastRing)
		var c concealer
		c.fit(160)
		r.paste(0, said[:800])
		c.learn(&r, 800, 800, 160)
		made := make([]int16, 160)
		c.fill(made, 0, 160)
		end := func(sound []int16) []int16 { return sound[len(sound)-80:] } // the last 10 ms
		var signal, noise float64
		for i, s := range end(said) {
			d := float64(s) - float64(end(made)[i])*160/140 // it has begun to fade
			signal, noise = signal+float64(s)*float64(s), noise+d*d
		}
		if snr := 10 * math.Log10(signal/noise); snr < 4 {
			t.Errorf("periods that become longer by %.2f: what is made up has a signal-to-noise ratio of %.1f dB after 10 ms, want 4", slide, snr)
		}
	}
}

// A made-up tone goes on in its phase and is gone after 60 ms.
func TestConcealment(t *testing.T) {
	var r ring
	r.fit(leastRing)
	var c concealer
	c.fit(160)
	period := hum(800, 1)
	r.paste(0, period)
	c.learn(&r, 800, 800, 160)
	if c.period != 80 {
		t.Fatalf("pitch period %d, want 80", c.period)
	}
	made := make([]int16, 640)
	if !c.fill(made[:160], 0, 160) || !c.fill(made[160:480], 160, 160) || c.fill(made[480:], 480, 160) {
		t.Error("want 60 ms to be heard and no more")
	}
	for i := range 80 {
		if d := int(made[i]) - int(period[i]); d > 400 || d < -400 {
			t.Fatalf("sample %d is %d, the tone would have %d", i, made[i], period[i])
		}
	}
	for i, s := range made[480:] {
		if s != 0 {
			t.Fatalf("sample %d is %d after the end", i, s)
		}
	}
}

// What another process was in the midst of is gone on with, if it can be: a process that knew of no turns, or a damaged image, must not have us read
// beside the period.
func TestTurnsOfAnotherProcess(t *testing.T) {
	whole := Turn{Length: 79.6, At: 79.9, Step: 1.05, Slide: 1 + slideMost}
	if got := whole.within(80); got != whole {
		t.Errorf("got %+v, want %+v", got, whole)
	}
	for _, wrong := range []Turn{{}, {79.6, math.NaN(), 1, 1}, {79.6, 80, 1, 1}, {79.6, -5, 1, 1}, {40, 0, 1, 1}, {79.6, 0, 100, 1}, {79.6, 0, 1, 2}} {
		if got := wrong.within(80); got != steady(80) {
			t.Errorf("of %+v: %+v", wrong, got)
		}
	}
}

func BenchmarkConcealment(b *testing.B) {
	var r ring
	r.fit(leastRing)
	var c concealer
	c.fit(160)
	r.paste(0, hum(800, 1.02))
	made := make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		c.learn(&r, 800, 512, 160)
		c.fill(made, 0, 160)
	}
}
