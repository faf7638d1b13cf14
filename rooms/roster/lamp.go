package roster

import "strconv"

// LampType is the media type of a Lamp's document.
const LampType = "application/dialog-info+xml"

// Lamp is whether somebody is in a room, for the lamp beside the room's key on a telephone. Plain data.
type Lamp struct {
	URI     string // of the room
	ID      string // of the one dialog that there seems to be: the room's number
	Version uint32 // one more with each document that a subscriber gets
	Lit     bool
}

// Document writes the lamp: a room in which somebody is seems to be on a call (RFC 4235). One whose dialog is merely absent stays lit on
// some telephones, so that it is there, and terminated, as Asterisk has it.
func (l *Lamp) Document() []byte {
	w := &writer{}
	w.raw(header, `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"`)
	w.attribute("version", strconv.FormatUint(uint64(l.Version), 10))
	w.raw(` state="full"`)
	w.attribute("entity", l.URI)
	w.raw(">\n<dialog")
	w.attribute("id", l.ID)
	state := "terminated"
	if l.Lit {
		w.raw(` direction="recipient"`)
		state = "confirmed"
	}
	w.raw(">")
	w.element("state", state)
	w.raw("<local>")
	w.element("identity", l.URI)
	w.raw("<target")
	w.attribute("uri", l.URI)
	w.raw("/></local></dialog>\n</dialog-info>\n")
	return w.Bytes()
}
