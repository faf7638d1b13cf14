package main

import (
	"fmt"
	"math"
)

// axis says what one of the two is.
type axis struct {
	name     string
	from, to float64
	log      bool // from is greater than 0 then
	percent  bool // values are shares of 1
}

// part is how far along the axis a value lies, 0 to 1.
func (a axis) part(v float64) float64 {
	v = min(max(v, a.from), a.to)
	if a.log {
		return math.Log(v/a.from) / math.Log(a.to/a.from)
	}
	return (v - a.from) / (a.to - a.from)
}

// ticks are round values: 1, 2 and 5 times a power of ten; over more than three decades only the powers.
func (a axis) ticks() (at []float64) {
	if a.log {
		for power := math.Floor(math.Log10(a.from)); power <= math.Log10(a.to)+1e-9; power++ {
			for _, times := range []float64{1, 2, 5} {
				v := times * math.Pow(10, power)
				if within := v >= a.from*0.999 && v <= a.to*1.001; within && (times == 1 || a.to/a.from <= 1000) {
					at = append(at, v)
				}
			}
		}
		return at
	}
	step := math.Pow(10, math.Floor(math.Log10((a.to-a.from)/4)))
	for _, times := range []float64{5, 2} {
		if (a.to-a.from)/(times*step) >= 4 {
			step *= times
			break
		}
	}
	for v := math.Ceil(a.from/step) * step; v <= a.to+step/1000; v += step {
		at = append(at, v)
	}
	return at
}

func (a axis) label(v float64) string {
	if a.percent {
		return fmt.Sprintf("%.4g %%", 100*v)
	}
	return fmt.Sprintf("%.4g", v)
}

// brief is a label of three figures: a bar is narrow.
func (a axis) brief(v float64) string {
	if a.percent {
		return fmt.Sprintf("%.3g %%", 100*v)
	}
	return fmt.Sprintf("%.3g", v)
}
