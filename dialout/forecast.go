package dialout

import "time"

// forecast tells of those who are to be called together how many today's limits allow, and the rules, before any of them is dialled, so
// that the caller does not hear of a hundred of whom none will ring. It counts for itself only. Not safe for concurrent use.
type forecast struct {
	dialer *Dialer
	lease  Lease
	usage  Usage
}

// forecast makes one from what has been dialled until now.
func (d *Dialer) forecast(room Room, caller string) *forecast {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.usage.turn(dayOf(time.Now(), d.config.Location))
	f := &forecast{dialer: d, lease: Lease{Room: room, Caller: d.rules.Key(caller)}, usage: Usage{Day: d.usage.Day}}
	f.usage.turn(f.usage.Day)
	f.usage.Rooms[room.Number] = d.usage.Rooms[room.Number]
	f.usage.Callers[f.lease.Caller] = d.usage.Callers[f.lease.Caller]
	for name, n := range d.usage.Trunks {
		f.usage.Trunks[name] = n
	}
	return f
}

// admits says whether somebody with these numbers may be called, and counts him. The cause is why not, of his last number.
func (f *forecast) admits(numbers []way) (cause Cause) {
	cause = BadNumber
	for _, w := range numbers {
		if cause = f.dials(w.number); cause == "" {
			return ""
		}
	}
	return cause
}

// dials does so with one number.
func (f *forecast) dials(text string) (cause Cause) {
	number, cause := f.dialer.rules.Check(text)
	if cause != "" {
		return cause
	}
	ways, cause := f.dialer.routes(number, "")
	for _, way := range ways {
		cause = ""
		switch {
		case reached(f.usage.Trunks[way.Name], way.MaxDaily):
			cause = TrunkDaily
		case !way.Internal:
			cause = f.usage.today(f.lease.Room.Number, f.lease.Caller, f.dialer.config.Limits)
		}
		if cause != "" {
			continue
		}
		f.usage.Trunks[way.Name]++
		if !way.Internal {
			f.usage.spend(f.lease.Room.Number, f.lease.Caller, 1)
		}
		return ""
	}
	return cause
}

// limits reports whether a cause is one of the limits.
func (c Cause) limits() bool {
	switch c {
	case RoomAtOnce, CallerAtOnce, RoomDaily, CallerDaily, TrunkDaily:
		return true
	}
	return false
}
