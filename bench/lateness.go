package main

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// lateness is how late the ticks of a sipconf began, as its metrics say: how many in all, and how many at most so late. The zero value
// knows of none. Plain data.
type lateness struct {
	bounds []time.Duration
	below  []uint64
	ticks  uint64
}

// read takes one line of the histogram: what follows its name, and the count.
func (l *lateness) read(rest string, count uint64) error {
	if rest == "_count" {
		l.ticks = count
	}
	le, ok := strings.CutPrefix(rest, `_bucket{le="`)
	if !ok || strings.HasPrefix(le, "+Inf") {
		return nil
	}
	bound, err := strconv.ParseFloat(strings.TrimSuffix(le, `"}`), 64)
	l.bounds, l.below = append(l.bounds, seconds(bound)), append(l.below, count)
	return err
}

// since is what has been added to another reading of the same server.
func (l lateness) since(before lateness) lateness {
	if !slices.Equal(l.bounds, before.bounds) {
		return lateness{}
	}
	l.below = slices.Clone(l.below)
	for i := range l.below {
		l.below[i] -= before.below[i]
	}
	l.ticks -= before.ticks
	return l
}

// plus is both together.
func (l lateness) plus(o lateness) lateness {
	if o.ticks == 0 || l.ticks > 0 && !slices.Equal(l.bounds, o.bounds) {
		return l
	}
	sum := lateness{o.bounds, slices.Clone(o.below), o.ticks + l.ticks}
	for i, n := range l.below {
		sum.below[i] += n
	}
	return sum
}

// later is the share of the ticks that began later than the i-th bound.
func (l lateness) later(i int) float64 { return 1 - float64(l.below[i])/float64(l.ticks) }
