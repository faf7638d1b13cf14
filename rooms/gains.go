package rooms

import "math"

// gains are how loud somebody wants it, in steps. The zero value is as it comes. Plain data.
type gains struct {
	hear  int8 // what he hears
	speak int8 // what he says
}

// A step is 3 dB, and there are four either way.
const (
	gainStep  = 3.0
	gainSteps = 4
)

func (g gains) hearing() float32  { return factor(g.hear) }
func (g gains) speaking() float32 { return factor(g.speak) }

func factor(steps int8) float32 { return float32(math.Pow(10, gainStep*float64(steps)/20)) }

// turned is a number of steps that is changed by some, as far as that goes.
func turned(steps int8, by int) int8 {
	return int8(max(-gainSteps, min(int(steps)+by, gainSteps)))
}
