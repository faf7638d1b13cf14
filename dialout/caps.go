package dialout

import (
	"maps"
	"time"
)

// Limits are how much may be dialled: against fraud, and against a key that is stuck. 0: no limit.
type Limits struct {
	RoomAtOnce   int // dial-outs of one room that ring or talk
	CallerAtOnce int // those that one caller has asked for
	RoomDaily    int // dial-outs of one room from midnight to midnight, local time
	CallerDaily  int // those that one caller has asked for
}

// Usage is what has been dialled. Plain data: it can be written down and read back. A dial-out counts
// once, however many trunks it takes. Callers without a number share one count. The zero Usage is that
// of a new server.
type Usage struct {
	Day     string // the local date that Today is about, as in 2026-12-31
	Rooms   map[string]Count
	Callers map[Key]Count
}

// Count is the dial-outs of one room or caller.
type Count struct {
	Now   int // that ring or talk
	Today int // that have begun since midnight
}

// dayOf is the local date.
func dayOf(now time.Time, where *time.Location) string { return now.In(where).Format(time.DateOnly) }

// begin counts a dial-out, or says which limit is reached and counts nothing.
func (u *Usage) begin(day, room string, caller Key, limits Limits) Cause {
	u.turn(day)
	r, c := u.Rooms[room], u.Callers[caller]
	switch {
	case reached(r.Now, limits.RoomAtOnce):
		return RoomAtOnce
	case reached(c.Now, limits.CallerAtOnce):
		return CallerAtOnce
	case reached(r.Today, limits.RoomDaily):
		return RoomDaily
	case reached(c.Today, limits.CallerDaily):
		return CallerDaily
	}
	u.Rooms[room] = Count{r.Now + 1, r.Today + 1}
	u.Callers[caller] = Count{c.Now + 1, c.Today + 1}
	return ""
}

// reached reports whether there is a limit and n has come to it.
func reached(n, limit int) bool { return limit > 0 && n >= limit }

// end takes a dial-out from those of now.
func (u *Usage) end(room string, caller Key) {
	less(u.Rooms, room)
	less(u.Callers, caller)
}

func less[K comparable](counts map[K]Count, of K) {
	c, ok := counts[of]
	if !ok {
		return
	}
	c.Now--
	if c == (Count{}) {
		delete(counts, of)
	} else {
		counts[of] = c
	}
}

// again takes up a dial-out that began in another process: it counts for now, not for today.
func (u *Usage) again(day, room string, caller Key) {
	u.turn(day)
	r, c := u.Rooms[room], u.Callers[caller]
	u.Rooms[room] = Count{r.Now + 1, r.Today}
	u.Callers[caller] = Count{c.Now + 1, c.Today}
}

// turn begins a new day when there is one. A clock that was set back begins one too, rather than to
// keep its counts until the wrong date comes.
func (u *Usage) turn(day string) {
	if u.Rooms == nil || u.Callers == nil {
		u.Rooms, u.Callers = make(map[string]Count), make(map[Key]Count)
	}
	if u.Day == day {
		return
	}
	u.Day = day
	forgetToday(u.Rooms)
	forgetToday(u.Callers)
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
func (u *Usage) clone() Usage { return Usage{u.Day, maps.Clone(u.Rooms), maps.Clone(u.Callers)} }

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
