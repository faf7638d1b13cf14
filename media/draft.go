//go:build unix

package media

import "net/netip"

// draft is what of a leg's image most ticks leave as it is.  It goes to the other process while the mixing goes on, and so need not go when nobody hears
// anything, unless it has changed since: addresses and names are what takes longest to write down and to read.  Plain data, for encoding/gob.
type draft struct {
	Local   netip.AddrPort
	Opened  int64
	Codec   string
	Agreed  Agreed
	Latch   Latch
	Control ControlImage
}

// draft is that of the leg, with its RTCP.
func (l *Leg) draft(control ControlImage) draft {
	return draft{l.LocalAddr(), int64(l.opened.Sub(l.epoch)), l.codec.Name, l.state.Agreed, l.state.Latch, control}
}

// draft is that of an image; Local stays in the image.
func (im *LegImage) draft() draft {
	return draft{im.Local, im.Opened, im.Codec, im.State.Agreed, im.State.Latch, im.Control}
}

// fill puts a draft in its place.
func (im *LegImage) fill(d draft) {
	im.Opened, im.Codec, im.State.Agreed, im.State.Latch, im.Control = d.Opened, d.Codec, d.Agreed, d.Latch, d.Control
}

// abridge leaves out what is as in the draft that the other process has.
func (im *LegImage) abridge(d draft) {
	if d == im.draft() {
		im.fill(draft{})
		im.Drafted = true
	}
}

// drafts are those of the open legs that belong to the loop; it is on the loop.
func (l *Loop) drafts(legs []*Leg, drafts []draft) []draft {
	for _, leg := range legs {
		if !leg.belongsTo(l) {
			continue
		}
		if leg.control.mu.TryLock() { // else its RTCP is being sent or read: it is on its own then
			var m muxes
			m.number(leg.mux)
			drafts = append(drafts, leg.draft(leg.control.saveLocked(&m)))
			leg.control.mu.Unlock()
		}
	}
	return drafts
}
