package rooms

import "github.com/sipconf/sipconf/media"

// work is the memory of a tick, which the rooms of a loop share, one after the other, so that it stays in the cache: a room's own
// has left it since the last tick. Nothing in it lives longer than the tick of one room, except the silent frame.
type work struct {
	desk
	voices []int32 // those who are heard, added up
	sum    []int32 // the voices, the room's tone and what it is told
	chimes bool    // there is one
	tells  bool    // there are words, which not everybody need hear
	mixed  []int16 // sum, for all who only listen
	quiet  []int16 // zeros

	gain    []float32 // of each sample of whatever is heard, if
	limited bool      // it is not 1 throughout
}

// desk is what only one can use at a time: in a large room each hand that works on its tick has one.
type desk struct {
	personal []int32 // the voices and one participant's own tone
	out      []int16 // one participant's mix
	shared   encoded // what is mixed for all who only listen
	silent   encoded // zeros

	// In a large room, what this hand has pulled comes to; zero between ticks.
	heard   []int32  // those who are heard, added up
	loudest int      // what their peaks add up to
	_       [64]byte // nothing of the next desk is in the same line of the cache
}

// newWork makes it for rooms of the rate at which is mixed.
func newWork() *work {
	size := mixRate / 50
	return &work{
		desk: newDesk(size), voices: make([]int32, size), sum: make([]int32, size),
		mixed: make([]int16, size), quiet: make([]int16, size), gain: make([]float32, size),
	}
}

// newDesk makes one for frames of the size.
func newDesk(size int) desk {
	d := desk{personal: make([]int32, size), out: make([]int16, size)}
	d.shared.reserve(2 * size) // no codec makes more of a frame than linear PCM is
	d.silent.reserve(2 * size)
	return d
}

// workOn is that of a loop. The lock is held.
func (d *Directory) workOn(loop *media.Loop) *work {
	if d.works == nil {
		d.works = make(map[*media.Loop]*work)
	}
	if d.works[loop] == nil {
		d.works[loop] = newWork()
	}
	return d.works[loop]
}
