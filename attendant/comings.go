package attendant

import (
	"slices"
	"time"
)

// How a room is told who comes and goes.
const (
	gather = 2 * time.Second // from the first of whom it is to be told, for others to be told of with him
	apart  = 5 * time.Second // at least, from the beginning of one announcement to that of the next
	peace  = 2 * time.Second // at least, from the end of one announcement to the beginning of the next
)

// comings decides what a room is told of those who come and go: when, and of how many at once. Who has gone before
// anybody was told of his coming is never told of, and neither is who has come back, under the same number, before
// anybody was told that he had gone.
//
// Plain data; the zero value is an empty room. It knows no clock: each event comes with its time.
type comings struct {
	Here []person  // in the order of joining
	Gone []string  // the numbers of those who have left, and of whom the room is not told yet
	Due  time.Time // when it is told; zero: there is nothing to tell
	Free time.Time // it is not told anything before
}

// person is somebody who is in the room.
type person struct {
	Call, Number string
	Known        bool // the room was told of him, or there was nobody to be told
}

// tidings are what a room is told at once.
type tidings struct {
	joined, left []string // numbers
	except       []string // the calls of those who have joined: they know
}

func (c *comings) join(now time.Time, call, number string) {
	if c.index(call) >= 0 {
		return
	}
	who := person{Call: call, Number: number, Known: len(c.Here) == 0}
	if i := slices.Index(c.Gone, number); i >= 0 && number != "" {
		c.Gone, who.Known = slices.Delete(c.Gone, i, i+1), true // he is back
	}
	c.Here = append(c.Here, who)
	c.plan(now)
}

func (c *comings) leave(now time.Time, call string) {
	i := c.index(call)
	if i < 0 {
		return
	}
	who := c.Here[i]
	c.Here = slices.Delete(c.Here, i, i+1)
	switch {
	case len(c.Here) == 0:
		c.Gone = nil // nobody is there to be told
	case who.Known && !c.replace(who.Number):
		c.Gone = append(c.Gone, who.Number)
	}
	c.plan(now)
}

// replace lets somebody stand for one who has left, of whom the room is not told yet and who has the same number.
func (c *comings) replace(number string) bool {
	i := slices.IndexFunc(c.Here, func(p person) bool { return !p.Known && p.Number == number && number != "" })
	if i < 0 {
		return false
	}
	c.Here[i].Known = true
	return true
}

// rename says that another number is on a call now.
func (c *comings) rename(call, number string) {
	if i := c.index(call); i >= 0 {
		c.Here[i].Number = number
	}
}

// move says that another call is in the place of that one.
func (c *comings) move(call, to string) {
	if i := c.index(call); i >= 0 {
		c.Here[i].Call = to
	}
}

func (c *comings) index(call string) int {
	return slices.IndexFunc(c.Here, func(p person) bool { return p.Call == call })
}

// plan sets the time at which the room is told, or takes it back when nothing is left to be told.
func (c *comings) plan(now time.Time) {
	switch {
	case len(c.Gone) == 0 && !slices.ContainsFunc(c.Here, func(p person) bool { return !p.Known }):
		c.Due = time.Time{}
	case c.Due.IsZero():
		c.Due = later(now.Add(gather), c.Free)
	}
}

// tell is what the room is to be told now, if that is due and there is anybody to be told. It counts as told then; how long
// it takes is to be said by spoke.
func (c *comings) tell(now time.Time) (t tidings, ok bool) {
	if c.Due.IsZero() || now.Before(c.Due) {
		return tidings{}, false
	}
	ok = slices.ContainsFunc(c.Here, func(p person) bool { return p.Known })
	t.left, c.Gone, c.Due = c.Gone, nil, time.Time{}
	for i := range c.Here {
		if p := &c.Here[i]; !p.Known {
			p.Known = true
			t.joined, t.except = append(t.joined, p.Number), append(t.except, p.Call)
		}
	}
	return t, ok
}

// spoke says that an announcement has begun, and how long it is.
func (c *comings) spoke(now time.Time, length time.Duration) {
	c.Free = now.Add(max(apart, length+peace))
	if !c.Due.IsZero() {
		c.Due = later(c.Due, c.Free)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
