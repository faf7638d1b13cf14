package media

import (
	"math/bits"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Words, smallest to largest: a part is some legs of a bus, one after the other; a step is one pass over all its legs, in parts of which none needs
// another; the tick of a large bus is some steps, and what its loop does alone between them.

// Shared is a Bus that is so large that a Crew does its tick: for one core it would be too much.
type Shared interface {
	Bus
	// Part does the step under way for the legs from first up to end, of which there may be none.  h is whose part it is: other hands do other
	// parts at the same time.  What holds for Tick holds for it, but that it leaves the loop alone.  After a panic in it the other parts are
	// done all the same.
	Part(h *Hand, first, end int)
}

const (
	parts    = 64 // of a step: they are the bits of a word
	legsEach = 32 // 0.1 to 0.2 ms of work: with fewer a hand is not worth waking
)

// Crew does the steps of a large bus's tick together: the goroutine whose tick it is, the owner, and hands that sleep between ticks.  Each takes
// part after part until there are none left, and the owner waits only for parts that are under way.  So a hand whose core is busy with
// something else costs nothing: the owner does it all.  (But who is stopped in the middle of a part, by the system, stops the tick, as it would
// if the loop were stopped.)
//
// Nothing gets another owner: in a step the hands work for the loop, and between steps nobody but the loop touches a bus or a leg.
//
// The zero value is of no use.  Step, Ready and Close are for the owner only.
type Crew struct {
	hands   []*Hand // the first is the owner
	frames  []int16 // of one tick: each part has its own stretch
	frame   int     // samples of a leg
	running sync.WaitGroup
	done    chan struct{} // what a hand says that did the last part of a step; holds one

	// The step.  The owner writes it while no part is open or under way; a hand reads it with a part in hand.
	bus  Shared
	legs int

	open   atomic.Uint64            // the parts that nobody has taken
	left   atomic.Int32             // parts that are not done
	broken atomic.Pointer[breakage] // a panic in a part, on its way to the owner
}

// Hand is one who does parts of a step, with a desk of its own.  Made by a Crew.
type Hand struct {
	number int
	desk   scratch
	wake   chan struct{} // holds one; nil: it is the owner
	before *scratch      // what the leg in hand was on
}

// NewCrew starts so many hands, 63 at most, besides the owner, who is whoever calls.  Close ends them.  A Loop has one for its buses.
func NewCrew(hands int) *Crew {
	c := &Crew{done: make(chan struct{}, 1), hands: []*Hand{{}}}
	for i := range min(hands, parts-1) {
		h := &Hand{number: i + 1, wake: make(chan struct{}, 1)}
		c.hands = append(c.hands, h)
		c.running.Add(1)
		go h.run(c) // ends when Close closes wake; Close waits
	}
	return c
}

// Close ends the hands and waits for them.  After the last step.
func (c *Crew) Close() {
	for _, h := range c.hands[1:] {
		close(h.wake)
	}
	c.running.Wait()
}

// Hands is how many there are, with the owner; their numbers begin at 0, which is his.
func (c *Crew) Hands() int { return len(c.hands) }

// Ready makes room for the frames of so many legs, of so many samples each.  Off the tick.
func (c *Crew) Ready(legs, frame int) {
	if c.frame = max(c.frame, frame); legs*c.frame > len(c.frames) {
		c.frames = make([]int16, 2*legs*c.frame)
	}
}

// Step does one step of the bus's tick, over so many legs, and returns when all of it is done.  A panic in a part comes out of it when no part is under way any more.
//
// To wake the hands, to wait for them and to be told is what channels do: that takes a lock for some nanoseconds, which nobody holds for longer,
// and no memory.  To keep them awake between two steps of a tick, by looking for the next one all the time, was not faster.
func (c *Crew) Step(bus Shared, legs int) {
	c.bus, c.legs = bus, legs
	c.left.Store(parts)
	c.open.Store(1<<parts - 1)
	for _, h := range c.hands[1:min(len(c.hands), 1+legs/legsEach)] {
		select {
		case h.wake <- struct{}{}:
		default: // it has been woken already and has not come yet
		}
	}
	if !c.work(c.hands[0]) {
		<-c.done // whoever does the last part says so
	}
	c.bus = nil
	if b := c.broken.Swap(nil); b != nil {
		panic(b)
	}
}

// work takes parts as long as there are any, and says whether it did the last one that was not done.  A hand need not know for which step it was
// woken: one that comes too late finds the parts of the next, or none.
func (c *Crew) work(h *Hand) (last bool) {
	for part := c.take(h); part >= 0; part = c.take(h) {
		c.do(h, part)
		last = c.left.Add(-1) == 0
	}
	return last
}

// take is an open part, or -1.  Everybody begins in a place of his own, and so has mostly the legs that he had in the last step: what they are made of
// is still in the cache of his core.
func (c *Crew) take(h *Hand) int {
	first := h.number * parts / len(c.hands)
	for {
		open := c.open.Load()
		if open == 0 {
			return -1
		}
		part := (first + bits.TrailingZeros64(bits.RotateLeft64(open, -first))) % parts
		if c.open.CompareAndSwap(open, open&^(1<<part)) {
			return part
		}
	}
}

// do does one part.
func (c *Crew) do(h *Hand, part int) {
	defer func() {
		if reason := recover(); reason != nil {
			c.broken.CompareAndSwap(nil, &breakage{c.bus, reason, debug.Stack()})
		}
	}()
	first, end := c.legs*part/parts, c.legs*(part+1)/parts
	h.desk.frames, h.desk.used = nil, 0
	if end*c.frame <= len(c.frames) {
		h.desk.frames = c.frames[first*c.frame : end*c.frame]
	}
	c.bus.Part(h, first, end)
}

func (h *Hand) run(c *Crew) {
	defer c.running.Done()
	for range h.wake {
		if c.work(h) {
			c.done <- struct{}{} // has room: the owner takes it before the next step
		}
	}
}

// Take puts a leg on the hand's desk, for what is to be done with it in this part: Pull, Push and all else that is for its owner.
func (h *Hand) Take(l *Leg) { h.before, l.work = l.work, &h.desk }

// Give puts the leg that was taken last back where it was.
func (h *Hand) Give(l *Leg) { l.work = h.before }

// Number tells the hands of a crew apart: the owner is 0.
func (h *Hand) Number() int { return h.number }
