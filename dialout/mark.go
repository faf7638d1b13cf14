package dialout

import (
	"crypto/rand"
	"strings"
)

// Mark is what our calls carry in a header, so that one that comes back to us is known as ours, and that of another
// conference's link as no person: "instance;room=5234" and "instance;room=5234;link". It is no secret; who forges one has
// his own call refused, or not counted. Plain data.
type Mark struct {
	Instance string // the server that calls
	Room     string // into which it invites
	Link     bool   // whoever answers is to be linked with that room for good
}

// markRoom stands between the instance and the room, and markLink at the end of a link's.
const (
	markRoom = ";room="
	markLink = ";link"
)

// ReadMark reads one; the zero Mark is that of a call that has none.
func ReadMark(text string) (m Mark) {
	var found bool
	if m.Instance, m.Room, found = strings.Cut(strings.TrimSpace(text), markRoom); !found || m.Instance == "" {
		return Mark{}
	}
	m.Room, m.Link = strings.CutSuffix(m.Room, markLink)
	return m
}

// String writes it.
func (m Mark) String() string {
	text := m.Instance + markRoom + m.Room
	if m.Link {
		text += markLink
	}
	return text
}

// newInstance is a name that no other server has.
func newInstance() string { return strings.ToLower(rand.Text()[:16]) }

// Instance is the name by which other servers know us.
func (d *Dialer) Instance() string { return d.instance }

// Ours reports whether a call that has come in is one of ours, by its mark. To answer such a call would put two
// rooms, or a room and itself, into a circle.
func (d *Dialer) Ours(m Mark) bool { return m.Instance == d.instance }
