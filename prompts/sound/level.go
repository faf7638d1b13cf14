package sound

import "math"

// Floor is the level of silence, in dBov.
const Floor = -100.0

// activeMargin is how far below the level of active speech a frame may be that still counts, in dB: what has been brought to
// -26 dBov counts down to the -55 of media.level.
const activeMargin = 29

// ActiveLevel is the level of the speech without its pauses, in dBov: the mean power of those frames of 20 ms that are not
// more than 29 dB below it. ITU-T P.56 counts the pauses of up to 200 ms between words as well, so it finds 1 dB less; of a
// single word, which is what many prompts are, it says nothing that can be used.
func (s Sound) ActiveLevel() float64 {
	squares := s.squares(50)
	level := Floor
	for least := 0.0; ; {
		sum, active := 0.0, 0
		for _, square := range squares {
			if square > 0 && square >= least {
				sum, active = sum+square, active+1
			}
		}
		if active == 0 {
			return Floor
		}
		mean := sum / float64(active)
		if now := max(Floor, decibels(mean)); now > level {
			level, least = now, mean*math.Pow(10, -activeMargin/10)
			continue // with a higher level fewer frames count, which makes it higher still, until none goes
		}
		return level
	}
}

// squares are the mean squares of the sound in so many pieces a second; full scale is 1. A rest that is shorter than half a
// piece is left out.
func (s Sound) squares(pieces int) []float64 {
	size := s.Rate / pieces
	if size == 0 {
		return nil
	}
	var squares []float64
	for rest := s.Samples; len(rest) > size/2; {
		piece := rest[:min(size, len(rest))]
		rest = rest[len(piece):]
		sum := 0.0
		for _, v := range piece {
			sum += float64(v) * float64(v)
		}
		squares = append(squares, sum/float64(len(piece))/(1<<30))
	}
	return squares
}

// decibels is the level of a mean square.
func decibels(square float64) float64 { return 10 * math.Log10(square) }
