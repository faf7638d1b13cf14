package sdp

// Direction says which way media flows, seen by the one whose description states it.
// The zero value is SendRecv, which is also what a description means that states none (RFC 8866 section 6.7).
type Direction uint8

const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// directionNames are the attributes' names, by Direction.
var directionNames = [...]string{"sendrecv", "sendonly", "recvonly", "inactive"}

// directionOf is the Direction of one who sends and receives as told.
func directionOf(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// directionByName returns the Direction whose attribute is name, and false if there is none.
func directionByName(name string) (Direction, bool) {
	for d, known := range directionNames {
		if name == known {
			return Direction(d), true
		}
	}
	return SendRecv, false
}

// String returns the attribute's name, such as "sendrecv".
func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return "unknown"
}

// Sends reports whether d's owner sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether d's owner receives.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse is d as the other side sees it: sendonly is recvonly there (RFC 3264 section 6.1).
func (d Direction) Reverse() Direction {
	return directionOf(d.Receives(), d.Sends())
}

// Both is what remains when d and other must both allow it.
func (d Direction) Both(other Direction) Direction {
	return directionOf(d.Sends() && other.Sends(), d.Receives() && other.Receives())
}
