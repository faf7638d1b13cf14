package media

import (
	"math"

	"github.com/sipconf/sipconf/media/mixer"
)

// levelOut levels the frame of this tick, which is heard.  Of a frame that is made up, in whole or in part, nothing is learnt; but it gets the gain
// that the others have.
func (l *Leg) levelOut(real bool) {
	v := &l.state.Levelling
	before := v.Gain
	if square := meanSquare(l.frame); real && square > 0 {
		level := decibels(square)
		l.level = int32(rounded(level))
		v.hear(level, square)
	}
	if before == 0 && v.Gain == 0 && v.Limiter.Cut == 0 {
		return
	}
	from := factor(before)
	to := from
	if v.Gain != before {
		to = factor(v.Gain)
	}
	l.amplify(from, to)
}

// amplify brings the frame from one gain to another.  A peak that would then not fit takes the gain down for a moment.
func (l *Leg) amplify(from, to float32) {
	if most := max(from, to); l.state.Levelling.Limiter.Cut == 0 && (most <= 1 || most*float32(mixer.Peak(l.frame)) <= math.MaxInt16) {
		mixer.Ramp(l.frame, from, to) // nearly always
		return
	}
	curve := l.desk().curve[:len(l.frame)]
	step := (to - from) / float32(len(curve))
	for i, s := range l.frame {
		curve[i] = max(float32(s), -float32(s)) * (from + step*float32(i+1))
	}
	if !l.state.Levelling.Limiter.Frame(curve) {
		mixer.Ramp(l.frame, from, to)
		return
	}
	for i, s := range l.frame {
		louder := int32(float32(s) * (from + step*float32(i+1)) * curve[i])
		l.frame[i] = int16(max(math.MinInt16, min(louder, math.MaxInt16)))
	}
}

// Level is the loudness of what the peer said in dBov, before it is levelled: 0 is a square wave at full scale, -127 silence (RFC 6464).
// Owner only, after Pull.
func (l *Leg) Level() int {
	if l.level == levelUnknown {
		l.level = silent
		if square := meanSquare(l.frame); square > 0 {
			l.level = int32(rounded(decibels(square)))
		}
	}
	return int(l.level)
}

// levelUnknown says that the level of the frame was not asked for yet; silent is that of nothing at all.
const (
	levelUnknown = math.MinInt32
	silent       = -127
)

// rounded is a level as RFC 6464 has it.
func rounded(level float64) int { return max(silent, int(math.Round(level))) }

func meanSquare(frame []int16) float64 { return float64(mixer.Energy(frame)) / float64(len(frame)) }

// decibels is the level of a mean square, in dBov.
func decibels(square float64) float64 { return 10 * math.Ln2 / math.Ln10 * (log2(square) - 30) }

// log2 is the logarithm of a number that is positive, and neither infinite nor so small that it is not normal, to within 2e-7: a leg
// that is heard and levelled asks for it twice in a tick, and package math takes longer.  The mantissa's is that of (1+t)/(1-t), whose series is 2(t + t^3/3 + t^5/5 + ...), with t up to 1/5.
func log2(x float64) float64 {
	const one = 1023 << 52
	b := math.Float64bits(x)
	exponent, mantissa := int(b>>52)-1023, math.Float64frombits(b&(1<<52-1)|one)
	if mantissa > 1.5 {
		exponent, mantissa = exponent+1, mantissa/2
	}
	t := (mantissa - 1) / (mantissa + 1)
	s := t * t
	return float64(exponent) + 2*math.Log2E*t*(1+s*(1./3+s*(1./5+s*(1./7))))
}

// factor is what samples are multiplied by, exactly 1 at 0 dB.
func factor(gain float64) float32 { return float32(math.Exp2(gain * (math.Log2E * math.Ln10 / 20))) }
