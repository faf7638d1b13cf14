package media

import "github.com/pion/rtp"

// scratch is the memory of a tick, which the legs of a loop share, one after the other, so that it stays in the cache: a leg's own memory has
// left it since the last tick.  A hand that helps a loop has one for the legs in its hand, and a leg that no loop owns one for itself.
type scratch struct {
	datagram [maxDatagram]byte           // a packet that has come
	pcm      [maxDatagram]int16          // its samples
	packet   [headerSize + 2*maxOut]byte // a packet to be sent
	header   rtp.Header                  // its header
	curve    [pitchSize]float32          // the gain of its samples
	row      row                         // of their sockets; a loop's only
	frames   []int16                     // of the legs of one bus, until the next bus is ticked
	used     int                         // samples of them
	private  bool                        // of one leg alone
}

// desk is the scratch that the leg works on.  Owner only.
func (l *Leg) desk() *scratch {
	if l.work == nil { // no loop owns the leg
		l.work = &scratch{private: true}
	}
	return l.work
}

// reserve makes room for the frames of so many legs.  Off the tick.
func (w *scratch) reserve(legs, frame int) {
	if need := legs * frame; need > len(w.frames) {
		w.frames = make([]int16, 2*need)
	}
}

// frame is one more frame of n samples, of whatever is in it.  It allocates only when somebody has turned to a codec with longer frames.
func (w *scratch) frame(n int) []int16 {
	if w.used+n > len(w.frames) {
		w.frames, w.used = make([]int16, 2*(w.used+n)), 0 // the frames that were given out live on in the old memory
	}
	w.used += n
	return w.frames[w.used-n : w.used : w.used]
}
