package main

import (
	"fmt"
	"math"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// plan says which leg is in which room and speaks which tone. Every leg of the whole run has a tone of its own, on
// a line of the spectrum that the check takes, so that a tone from another room has a name.
type plan struct {
	window int     // samples of the spectrum, a power of two
	level  float64 // of each talker, dBFS
	legs   []seat
}

// seat is one leg's part of the plan.
type seat struct {
	room, place int
	hz          float64
	talks       bool
}

const (
	lowest, highest = 300.0, 3400.0 // Hz: what a telephone carries
	spacing         = 8             // lines between two tones: beyond 3 a Hann window hears nothing of the neighbour
)

func newPlan(legs, rooms, talkers int) (*plan, error) {
	p := &plan{window: 8192}
	for p.tones() < legs {
		if p.window *= 2; p.window > 1<<15 {
			return nil, fmt.Errorf("no %d tones that can be told apart", legs)
		}
	}
	line := phone.Rate / float64(p.window)
	first := math.Ceil(lowest / line)
	most := 0
	for i := range legs {
		s := seat{room: i % rooms, place: i / rooms, hz: line * (first + float64(i*spacing))}
		s.talks = s.place < talkers
		if s.talks {
			most = max(most, s.place+1)
		}
		p.legs = append(p.legs, s)
	}
	// All talkers of a room at their peaks at once must not saturate.
	p.level = min(-25, 20*math.Log10(0.7/float64(max(1, most))))
	return p, nil
}

func (p *plan) tones() int {
	line := phone.Rate / float64(p.window)
	return int((highest-lowest)/line) / spacing
}

// length is the time of one window.
func (p *plan) length() time.Duration { return time.Duration(p.window) * time.Second / phone.Rate }
