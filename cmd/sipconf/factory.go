package main

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/plan"
)

// mostDraws is how often a number is drawn for a new room. That even the second is taken takes more rooms than there are legs.
const mostDraws = 100

// seatFor reserves a seat where the plan says: in a room, or, of a factory, in a new one, whose number is the target's then.
func (s *server) seatFor(target *plan.Target, caller string) (*rooms.Seat, error) {
	if target.Factory {
		if s.drainer.begun() {
			return nil, errDraining
		}
	} else if err := s.newRoom(target.Room); err != nil {
		return nil, err
	} else {
		return s.rooms.Reserve(target.Room)
	}
	for range mostDraws {
		number := s.plan.Fresh(target.Rule, fmt.Sprintf("%0*d", plan.FreshDigits, rand.N(100_000_000)))
		if back, ok := s.plan.Route(number, caller); !ok || back.Room != number || back.Group != "" {
			continue // another rule leads that one elsewhere
		}
		seat, err := s.rooms.ReserveNew(number)
		if errors.Is(err, rooms.ErrTaken) {
			continue
		}
		target.Room = number
		return seat, err
	}
	return nil, rooms.ErrFull
}
