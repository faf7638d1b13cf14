package media

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// log2 is that of package math, but for 2e-7.
func TestLog2Property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := math.Exp2(rapid.Float64Range(-40, 40).Draw(t, "exponent"))
		if got, want := log2(x), math.Log2(x); math.Abs(got-want) > 2e-7 {
			t.Errorf("log2(%v) is %v, want %v", x, got, want)
		}
	})
	for _, x := range []float64{0.75, 1, 1.5, math.Nextafter(1.5, 2), math.Nextafter(2, 1), 1 << 30} {
		if got, want := log2(x), math.Log2(x); math.Abs(got-want) > 2e-7 {
			t.Errorf("log2(%v) is %v, want %v", x, got, want)
		}
	}
}
