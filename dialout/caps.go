package dialout

import (
	"maps"
	"time"
)

// Limits are how much may be dialled: against fraud, and against a key that is stuck. 0: no limit.
type Limits struct {
	RoomAtOnce   int // dial-outs of one room that ring or talk
	CallerAtOnce int // those that one caller has asked for
	RoomDaily    int // dial-outs of one room from midnight to midnight, local time, but for those to colleagues (Trunk.Internal)
	CallerDaily  int // those of them that one caller has asked for
}

// Usage is what has been dialled. Plain data: it can be written down and read back. A dial-out counts
// once, however many trunks it takes, not before it has a line, and not for the day
// if it was given up before an INVITE was sent. Callers without a number share one count. The zero Usage is that
// of a new server.
type Usage struct {
	Day     string // the local date that Today is about, as in 2026-12-31
	Rooms   map[string]Count
	Callers map[Key]Count
	Trunks  map[string]int // lines that were given since midnight, by the trunk's name
}

// Count is the dial-outs of one room or caller.
type Count struct {
	Now   int // that ring or talk
	Today int // that have begun since midnight over a trunk that is not internal
}

// dayOf is the local date.
func dayOf(now time.Time, where *time.Location) string { return now.In(where).Format(time.DateOnly) }

// now says which limit of what may be dialled at once is reached.
func (u *Usage) now(room string, caller Key, limits Limits) Cause {
	switch {
	case reached(u.Rooms[room].Now, limits.RoomAtOnce):
		return RoomAtOnce
	case reached(u.Callers[caller].Now, limits.CallerAtOnce):
		return CallerAtOnce
	}
	return ""
}

// today says which limit of what may be dialled in a day is reached.
func (u *Usage) today(room string, caller Key, limits Limits) Cause {
	switch {
	case reached(u.Rooms[room].Today, limits.RoomDaily):
		return RoomDaily
	case reached(u.Callers[caller].Today, limits.CallerDaily):
		return CallerDaily
	}
	return ""
}

// begin counts a dial-out that rings or talks from now on, and spend one of today, or n = -1 the same back.
func (u *Usage) begin(room string, caller Key) { u.add(room, caller, Count{Now: 1}) }
func (u *Usage) spend(room string, caller Key, n int) {
	u.add(room, caller, Count{Today: n})
}

// refund takes back what the line of t that a dial-out was granted last has counted, unless another day has begun since.
func (u *Usage) refund(j *dial, t *trunk) {
	if j.last.day != u.Day {
		return
	}
	if j.last.own {
		u.spend(j.Room.Number, j.lease.Caller, -1)
	}
	u.Trunks[t.Name] = max(0, u.Trunks[t.Name]-1)
}

func (u *Usage) add(room string, caller Key, n Count) {
	add(u.Rooms, room, n)
	add(u.Callers, caller, n)
}

// add counts n more, and forgets what comes to nothing.
func add[K comparable](counts map[K]Count, of K, n Count) {
	c := counts[of]
	c.Now = max(0, c.Now+n.Now)
	c.Today = max(0, c.Today+n.Today)
	if c == (Count{}) {
		delete(counts, of)
	} else {
		counts[of] = c
	}
}

// reached reports whether there is a limit and n has come to it.
func reached(n, limit int) bool { return limit > 0 && n >= limit }

// end takes a dial-out from those of now.
func (u *Usage) end(room string, caller Key) { u.add(room, caller, Count{Now: -1}) }

// turn begins a new day when there is one. A clock that was set back begins one too, rather than to
// keep its counts until the wrong date comes.
func (u *Usage) turn(day string) {
	if u.Rooms == nil || u.Callers == nil {
		u.Rooms, u.Callers = make(map[string]Count), make(map[Key]Count)
	}
	if u.Trunks == nil {
		u.Trunks = make(map[string]int)
	}
	if u.Day == day {
		return
	}
	u.Day = day
	forgetToday(u.Rooms)
	forgetToday(u.Callers)
	clear(u.Trunks)
}

func forgetToday[K comparable](counts map[K]Count) {
	for of, c := range counts {
		if c.Now == 0 {
			delete(counts, of)
		} else {
			counts[of] = Count{Now: c.Now}
		}
	}
}

// clone is a copy of its own.
func (u *Usage) clone() Usage {
	return Usage{u.Day, maps.Clone(u.Rooms), maps.Clone(u.Callers), maps.Clone(u.Trunks)}
}

// resting is what of the usage another process can go on with: the counts of today. Who talks is taken
// up one by one.
func (u *Usage) resting() Usage {
	rested := u.clone()
	restAll(rested.Rooms)
	restAll(rested.Callers)
	return rested
}

func restAll[K comparable](counts map[K]Count) {
	for of, c := range counts {
		if c.Today == 0 {
			delete(counts, of)
		} else {
			counts[of] = Count{Today: c.Today}
		}
	}
}
