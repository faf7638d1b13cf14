package rooms

// phase is where a participant is on his way through a room. The zero phase is before it.
type phase uint8

const (
	entering phase = iota // has a seat; the room's loop has not taken him in yet
	waiting               // is in the ante-room: on the loop, but nobody knows of him yet
	inside                // is in the room
	gone                  // has left; nothing brings him back
)

// flags are what somebody decided about a participant. Zero: he speaks and listens.
type flags struct {
	muted    bool // nobody shall hear him: he wants it so
	silenced bool // the room shall not hear him: a host wants it so
	host     bool // no host silences him
	deaf     bool // he shall not hear the others
	aside    bool // he has stepped aside: he and the room do not hear each other
}

// rights are what a participant may do in the mix of one tick.
type rights struct {
	heard bool // what he says goes into the mix
	hears bool // he is sent the mix; else he is sent silence
	aside bool // he is sent what is played to him, and what somebody says who is aside with him
}

// derive says what a participant may do. It is the only place that decides it: rights are not kept
// and changed, they follow from the facts at every tick, so no order of holding, muting and
// resuming can leave a wrong one behind. held is what SIP agreed (RFC 3264 section 8.4): a leg on
// hold is neither heard, since its music would fill the room, nor does it hear.
func derive(p phase, f flags, held bool) rights {
	switch {
	case held || p != inside && p != waiting:
		return rights{}
	case p == waiting || f.aside:
		return rights{aside: true}
	}
	return rights{heard: !f.muted && !f.silenced, hears: !f.deaf}
}

// standing is what others see of somebody's flags, and whether he is on hold.
type standing uint8

// standing is that of these flags.
func (f flags) standing(held bool) (s standing) {
	for i, set := range [...]bool{f.muted, f.silenced, f.aside, held} {
		if set {
			s |= 1 << i
		}
	}
	return s
}
