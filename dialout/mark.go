package dialout

import (
	"crypto/rand"
	"strings"
)

// A mark is what our calls carry in a header, so that one that comes back to us is known as ours:
// "instance;room=5234". It is no secret; who forges one has his own call refused.

// markRoom stands between the instance and the room.
const markRoom = ";room="

// newInstance is a name that no other server has.
func newInstance() string { return strings.ToLower(rand.Text()[:16]) }

// mark is the mark of calls into that room.
func (d *Dialer) mark(room string) string { return d.instance + markRoom + room }

// Ours reads a mark off a call that has come in and reports whether we have sent it, for which room. To
// answer such a call would put two rooms, or a room and itself, into a circle.
func (d *Dialer) Ours(mark string) (room string, ours bool) {
	instance, room, found := strings.Cut(strings.TrimSpace(mark), markRoom)
	if !found || instance != d.instance {
		return "", false
	}
	return room, true
}
