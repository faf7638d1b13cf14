package main

import (
	"fmt"
	"slices"
	"time"
)

// shape is how the legs of a run sit in rooms. A rung is one of the ladder's: rooms of ten, and more legs from rung to rung.
type shape struct {
	legs, rooms, talkers int
	rung                 bool
}

func (s shape) String() string {
	if s.rung {
		return fmt.Sprintf("%d legs", s.legs)
	}
	return s.seats()
}

// seats is how they sit.
func (s shape) seats() string {
	rooms, talk := "rooms", ""
	if s.rooms == 1 {
		rooms = "room"
	}
	if size := s.legs / s.rooms; size > 10 || s.talkers == 0 {
		talk = fmt.Sprintf(", %d speak", s.talkers)
	}
	return fmt.Sprintf("%d %s of %d%s", s.rooms, rooms, s.legs/s.rooms, talk)
}

// of is the options of a run of that shape.
func (s shape) of(o *options) *options {
	one := *o
	one.legs, one.rooms, one.talkers = s.legs, s.rooms, s.talkers
	if s.legs == s.rooms && o.ladder {
		one.bursts = 0 // nobody is there to hear them
	}
	return &one
}

// judged says that what is taken of the bare loop's CPU is promised there.
func (s shape) judged() bool {
	return slices.ContainsFunc(promises(), func(p promise) bool { return p.what == overBare && p.at == s })
}

// bigTalkers is how many speak at once in the big rooms that grow.
const bigTalkers = 10

func rung(legs int) shape { return shape{legs, legs / 10, 10, true} }

// ladder is all shapes of a comparison, in the order in which each round goes through them: a contender that breaks down at a rung
// is not asked for more legs in that round. 2,400 legs are more than two cores can send and receive.
func ladder() []shape {
	return []shape{rung(50), rung(200), rung(400), rung(1000), rung(1500), rung(2000), rung(2400),
		{1000, 1, 1, false}, {1000, 1, bigTalkers, false}, {1500, 1, bigTalkers, false}, {2000, 1, bigTalkers, false}, {999, 333, 10, false}, alone, idle}
}

// Rooms of one: each says something that nobody hears, or nothing.
var (
	alone = shape{500, 500, 10, false}
	idle  = shape{500, 500, 0, false}
)

// step is one run of a round.
type step struct {
	shape     shape
	contender *contender
}

// steps is one round of the shapes. A ConfBridge that holds twice as many legs as any that we have seen is asked for more, but not
// planned for: what it does not run takes no time.
func (c *comparison) steps(shapes []shape) (all []step) {
	for _, s := range shapes {
		for _, one := range c.contenders {
			if one != c.bare || s.judged() || !c.o.ladder {
				all = append(all, step{s, one})
			}
		}
	}
	return all
}

// quickly chooses the steps of a round that fit into the time, the more telling ones first: the 200 legs that we promise and
// where ConfBridge ends, then where we end, then what is idle. What does not fit is in left.
func (c *comparison) quickly(most time.Duration) (chosen, left []step) {
	server, bare, floor, bridge := c.server, c.bare, c.floor, c.bridge
	wishes := []struct {
		shape shape
		who   []*contender
	}{
		{rung(200), []*contender{server, floor, bridge}},
		{rung(1000), []*contender{server, bare, floor}},
		{rung(400), []*contender{server, bridge}},
		{idle, []*contender{server, bare}},
		{alone, []*contender{server, bare}},
		{shape{1000, 1, bigTalkers, false}, []*contender{server}},
		{shape{1000, 1, 1, false}, []*contender{server}},
		{shape{999, 333, 10, false}, []*contender{server}},
		{rung(50), []*contender{server, floor, bridge}},
	}
	for _, wish := range wishes {
		var steps []step
		var sum time.Duration
		for _, one := range wish.who {
			steps = append(steps, step{wish.shape, one})
			sum += one.estimate(wish.shape.of(c.o))
		}
		if sum > most {
			left = append(left, steps...)
			continue
		}
		chosen, most = append(chosen, steps...), most-sum
	}
	order := ladder()
	slices.SortStableFunc(chosen, func(a, b step) int { return slices.Index(order, a.shape) - slices.Index(order, b.shape) })
	return chosen, left
}
