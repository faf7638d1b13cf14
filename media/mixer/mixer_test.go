package mixer

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMinusTakesOutExactlyOnesOwnVoice(t *testing.T) {
	frames := [][]int16{{1, 32767, -32768, 100}, {2, 32767, -32768, -100}, {3, -5, 5, 7}}
	sum := make([]int32, 4)
	for _, f := range frames {
		Add(sum, f)
	}
	tests := []struct {
		own  int
		want []int16
	}{
		{0, []int16{5, 32762, -32763, -93}},
		{1, []int16{4, 32762, -32763, 107}},
		{2, []int16{3, 32767, -32768, 0}}, // two at full scale: cut, not wrapped
	}
	for _, tt := range tests {
		got := make([]int16, 4)
		Minus(got, sum, frames[tt.own])
		for i := range got {
			if got[i] != tt.want[i] {
				t.Errorf("mix-minus of %d = %v, want %v", tt.own, got, tt.want)
				break
			}
		}
	}
}

// With any voices whatever, what one hears is what the others said, cut to 16 bits, and never depends on oneself.
func TestMixMinusProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = 8
		voices := rapid.SliceOfN(rapid.SliceOfN(rapid.Int16(), size, size), 1, 6).Draw(t, "voices")
		own := rapid.IntRange(0, len(voices)-1).Draw(t, "own")
		sum, others, want, got := make([]int32, size), make([]int32, size), make([]int16, size), make([]int16, size)
		for i, v := range voices {
			Add(sum, v)
			if i != own {
				Add(others, v)
			}
		}
		Minus(got, sum, voices[own])
		Saturate(want, others)
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("sample %d: got %d, want %d", i, got[i], want[i])
			}
		}
		Zero(sum)
		for i := range sum {
			if sum[i] != 0 {
				t.Fatalf("Zero left %d", sum[i])
			}
		}
	})
}

// A frame is still if and only if no sample differs from the first, whatever its length and wherever it lies in memory.
func TestStillProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 40), rapid.SampledFrom([]int{80, 160, 240, 320, 480, 960})).Draw(t, "n") // 8 to 48 kHz
		from := rapid.IntRange(0, 8).Draw(t, "from")
		around := rapid.SliceOfN(rapid.Int16(), from+n+8, from+n+8).Draw(t, "around")
		frame, at := around[from:from+n], rapid.Int16().Draw(t, "at")
		for i := range frame {
			frame[i] = at
		}
		if !Still(frame) {
			t.Fatalf("%d samples of %d are not still", n, at)
		}
		if n < 2 {
			return
		}
		i, change := rapid.IntRange(0, n-1).Draw(t, "i"), rapid.Uint16Range(1, math.MaxUint16).Draw(t, "change")
		if frame[i] ^= int16(change); Still(frame) {
			t.Fatalf("%d samples of %d are still, though that at %d is %d", n, at, i, frame[i])
		}
	})
}

// The lanes do what the loops say, for any samples and any length.
func TestLanesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		frame := rapid.SliceOfN(rapid.OneOf(rapid.Int16(), rapid.Just(int16(math.MinInt16)), rapid.Just(int16(math.MaxInt16))), n, n).Draw(t, "frame")
		sum := rapid.SliceOfN(rapid.Int32Range(-1<<30, 1<<30), n, n).Draw(t, "sum")
		dst, want := make([]int16, n), make([]int16, n)
		Minus(dst, sum, frame)
		minusEach(want, sum, frame)
		if !slices.Equal(dst, want) {
			t.Errorf("Minus %v, want %v", dst, want)
		}
		Saturate(dst, sum)
		saturateEach(want, sum)
		if !slices.Equal(dst, want) {
			t.Errorf("Saturate %v, want %v", dst, want)
		}
		if got, want := Energy(frame), energyEach(frame); got != want {
			t.Errorf("Energy %d, want %d", got, want)
		}
		if got, want := Peak(frame), peakEach(frame); got != want {
			t.Errorf("Peak %d, want %d", got, want)
		}
		reach := rapid.SliceOfN(rapid.Float32Range(0, 1<<20), n, n).Draw(t, "reach")
		reached := slices.Clone(reach)
		Reach(reached, sum, frame)
		reachEach(reach, sum, frame)
		if !slices.Equal(reached, reach) {
			t.Errorf("Reach %v, want %v", reached, reach)
		}
		if got, want := most(reach), mostEach(reach); got != want {
			t.Errorf("most %v, want %v", got, want)
		}
		gain := rapid.SliceOfN(rapid.Float32Range(0, 1), n, n).Draw(t, "gain")
		Shape(dst, sum, frame, gain)
		shapeEach(want, sum, frame, gain)
		if !slices.Equal(dst, want) {
			t.Errorf("Shape %v, want %v", dst, want)
		}
		from, to := rapid.Float32Range(0, 4).Draw(t, "from"), rapid.Float32Range(0, 4).Draw(t, "to")
		ramped, ramp := slices.Clone(frame), slices.Clone(frame)
		Ramp(ramped, from, to)
		rampEach(ramp, from, (to-from)/float32(max(1, n)), 0)
		if !slices.Equal(ramped, ramp) {
			t.Errorf("Ramp %v, want %v", ramped, ramp)
		}
		added := slices.Clone(sum)
		Add(sum, frame)
		addEach(added, frame)
		if !slices.Equal(sum, added) {
			t.Errorf("Add %v, want %v", sum, added)
		}
	})
}

// Neither reads nor writes beyond the shorter slice.
func TestLengthsMayDiffer(t *testing.T) {
	dst, sum, own := make([]int16, 20), make([]int32, 11), make([]int16, 30)
	for i := range sum {
		sum[i] = 5
	}
	Minus(dst, sum, own)
	Add(sum[:9], own)
	if dst[10] != 5 || dst[11] != 0 {
		t.Errorf("mix-minus of 11 samples: %v", dst)
	}
	gain := make([]float32, 10)
	for i := range gain {
		gain[i] = 1
	}
	clear(dst)
	Shape(dst, sum, own, gain)
	if dst[9] != 5 || dst[10] != 0 {
		t.Errorf("mix-minus of 10 samples with their gain: %v", dst)
	}
	Reach(gain[:9], sum, own)
	if gain[8] != 5 || gain[9] != 1 {
		t.Errorf("reach of 9 samples: %v", gain)
	}
	Minus(nil, sum, own)
	Ramp(nil, 1, 2)
	if Energy(nil) != 0 || Peak(nil) != 0 {
		t.Error("nothing has energy or a peak")
	}
}

func BenchmarkEnergy(b *testing.B) {
	frame := make([]int16, 160)
	for b.Loop() {
		Energy(frame)
	}
}

func BenchmarkPeak(b *testing.B) {
	frame := make([]int16, 160)
	for b.Loop() {
		Peak(frame)
	}
}

func BenchmarkStill(b *testing.B) {
	for _, name := range []string{"still", "sound"} {
		frame := make([]int16, 160)
		for i := range frame {
			if frame[i] = 8; name == "sound" {
				frame[i] = int16(i * 397)
			}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Still(frame)
			}
		})
	}
}

func BenchmarkReach(b *testing.B) {
	reach, sum, own := make([]float32, 160), make([]int32, 160), make([]int16, 160)
	for b.Loop() {
		Reach(reach, sum, own)
	}
}

func BenchmarkShape(b *testing.B) {
	dst, sum, own, gain := make([]int16, 160), make([]int32, 160), make([]int16, 160), make([]float32, 160)
	for b.Loop() {
		Shape(dst, sum, own, gain)
	}
}

func BenchmarkRamp(b *testing.B) {
	frame := make([]int16, 160)
	for b.Loop() {
		Ramp(frame, 1, 0.5)
	}
}

func BenchmarkAdd(b *testing.B) {
	sum, frame := make([]int32, 160), make([]int16, 160)
	for b.Loop() {
		Add(sum, frame)
	}
}

func BenchmarkMinus(b *testing.B) {
	dst, sum, own := make([]int16, 160), make([]int32, 160), make([]int16, 160)
	for i := range sum {
		sum[i], own[i] = int32(i*i*7-90000), int16(i)
	}
	for b.Loop() {
		Minus(dst, sum, own)
	}
}

func BenchmarkSaturate(b *testing.B) {
	dst, sum := make([]int16, 160), make([]int32, 160)
	for b.Loop() {
		Saturate(dst, sum)
	}
}
