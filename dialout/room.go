package dialout

import "cmp"

// Room is a conference: the number of the room, and which of the conferences it is that there are under this number, one after the
// other. What is dialled for one is nothing of the next. Plain data, comparable.
type Room struct {
	Number      string
	Incarnation uint64
}

// String is the number.
func (r Room) String() string { return r.Number }

// compare orders conferences by number, and those under one number as they were.
func (r Room) compare(other Room) int {
	return cmp.Or(cmp.Compare(r.Number, other.Number), cmp.Compare(r.Incarnation, other.Incarnation))
}

// Caller is who presses the key that calls a group. Plain data.
type Caller struct {
	Number string // counts as being in the room, and against the limits
	Call   string // the ID of his call; when it leaves the room, see [Groups.CallerLeft]
}
