package main

import (
	"fmt"
	"math"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// plan says which leg is in which room and speaks which tone, on a line of the spectrum that the check takes. In a room every talker has
// a tone of his own; as long as there are tones enough, in the whole run. With more legs a tone is spoken in several rooms, few of which
// have all their tones in common, so that what leaks from another room is still heard.
type plan struct {
	window int       // samples of the spectrum, a power of two
	said   float64   // level of each talker, dBFS
	level  float64   // at which the others hear him: the same, or what levelling makes of it
	tones  []float64 // Hz
	legs   []seat
	spoken [][]bool // by room and tone
}

// seat is one leg's part of the plan.
type seat struct {
	room, place int
	tone        int
	hz          float64
	talks       bool
}

const (
	levelled        = -23.0         // dBFS: where levelling leaves a tone alone
	lowest, highest = 300.0, 3400.0 // Hz: what a telephone carries
	spacing         = 8             // lines between two tones: beyond 3 a Hann window hears nothing of the neighbour
)

func newPlan(legs, rooms, talkers int) (*plan, error) {
	p := &plan{window: 8192}
	line := phone.Rate / float64(p.window)
	for hz := line * math.Ceil(lowest/line); hz <= highest && len(p.tones) < legs; hz += line * spacing {
		p.tones = append(p.tones, hz)
	}
	for !p.seat(legs, rooms, talkers) {
		if p.tones = p.tones[:len(p.tones)-1]; len(p.tones) == 0 {
			return nil, fmt.Errorf("no tones for %d talkers in one room that can be told apart", talkers)
		}
	}
	// All talkers of a room at their peaks at once must not saturate.
	most := max(1, min(talkers, (legs+rooms-1)/rooms))
	p.level = min(levelled, 20*math.Log10(0.7/float64(most)))
	p.said = p.level
	return p, nil
}

// What levelling does for a soft voice.
const (
	levellingRises = 2.0  // dB a second
	levellingReach = 12.0 // dB
)

// seat deals out seats and tones in turn; false when two talkers of a room got the same tone.
func (p *plan) seat(legs, rooms, talkers int) bool {
	p.legs, p.spoken = make([]seat, legs), make([][]bool, rooms)
	for room := range p.spoken {
		p.spoken[room] = make([]bool, len(p.tones))
	}
	for i := range p.legs {
		tone := i % len(p.tones)
		s := seat{room: i % rooms, place: i / rooms, tone: tone, hz: p.tones[tone], talks: i/rooms < talkers}
		if p.legs[i] = s; !s.talks {
			continue
		}
		if p.spoken[s.room][tone] {
			return false
		}
		p.spoken[s.room][tone] = true
	}
	return true
}

// keepsLevel says that levelling would not change what is spoken, so that it may be on, as it is by default.
func (p *plan) keepsLevel() bool { return p.level > levelled-1 }

// heardBy are the tones that a leg hears.
func (p *plan) heardBy(s seat) (hz []float64) {
	for tone, spoken := range p.spoken[s.room] {
		if spoken && !(s.talks && tone == s.tone) {
			hz = append(hz, p.tones[tone])
		}
	}
	return hz
}

// length is the time of one window.
func (p *plan) length() time.Duration { return time.Duration(p.window) * time.Second / phone.Rate }

// rising is how long levelling takes to make of what is said what is heard.
func (p *plan) rising() time.Duration {
	return time.Duration((p.level - p.said) / levellingRises * float64(time.Second))
}
