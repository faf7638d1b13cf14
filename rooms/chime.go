package rooms

// chimeRest is for how many ticks the room has peace after a tone: 1 s. Whoever joins or leaves in
// this time is announced by one tone at its end, so a group that comes in one by one does not ring
// the room ten times, and nobody comes or goes unnoticed.
const chimeRest = 50

// chime decides when the room hears that somebody joined or left. Several events before a tone
// make one tone. The zero value is at rest and rings at once.
type chime struct {
	joined, left bool // waiting to be announced
	now          playing
	round        int  // how many tones for joins have begun
	announcing   bool // the tone of this tick is for a join
	rest         int  // ticks until the next tone may begin
}

// join asks for a tone and returns the round in which it will be heard, for [chime.heardBy].
func (c *chime) join() (round int) {
	c.joined = true
	return c.round + 1
}

// leave asks for a tone.
func (c *chime) leave() { c.left = true }

// frame is the room's tone in this tick, or nil.
func (c *chime) frame(t *tones) []int16 {
	switch {
	case t == nil:
		return nil
	case c.now.active():
	case c.rest > 0:
		c.rest--
		return nil
	case c.joined:
		c.now, c.rest = playing{tone: t.joined}, chimeRest
		c.joined, c.announcing = false, true
		c.round++
	case c.left:
		c.now, c.rest = playing{tone: t.left}, chimeRest
		c.left, c.announcing = false, false
	default:
		return nil
	}
	return c.now.frame()
}

// heardBy reports whether the tone of this tick is for a participant who is announced in that
// round: nobody needs to be told that he himself has come.
func (c *chime) heardBy(round int) bool { return !c.announcing || round != c.round }
