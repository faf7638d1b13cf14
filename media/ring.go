package media

import "math/bits"

// ring holds samples by their position in the stream, and knows which of them have come.  A position is an RTP timestamp,
// unwrapped and counted in samples, so packets of any length and order find their place without more ado.
// Samples that were taken stay readable behind the front: they are what concealment learns from.
// The zero value has no room; fit gives it some.
type ring struct {
	samples []int16  // a power of two, a multiple of 64
	have    []uint64 // one bit per sample that has come and was not taken
}

// A ring spans half a second at 8 kHz, or a whole one when so much is to be held back.
const (
	leastRing = 4096
	mostRing  = 8192
)

// fit makes room for so many samples, played and to be played, and forgets all.  It allocates only if the room changes.
func (r *ring) fit(wanted int) {
	size := leastRing
	if wanted > size {
		size = mostRing
	}
	if size != len(r.samples) {
		r.samples, r.have = make([]int16, size), make([]uint64, size/64)
	}
	r.clear()
}

// index is where a position lies in the ring.
func (r *ring) index(at int64) int { return int(at) & (len(r.samples) - 1) }

// stretch is the n samples from a position on, in the two pieces in which they lie; all that there are, if that is fewer.
func (r *ring) stretch(at int64, n int) (before, after []int16) {
	i := r.index(at)
	before = r.samples[i:min(i+n, len(r.samples))]
	return before, r.samples[:min(n-len(before), i)]
}

// write copies pcm to its position and marks it.  At most as many samples as the ring has room for.
func (r *ring) write(at int64, pcm []int16) {
	r.paste(at, pcm)
	r.mark(at, len(pcm), true)
}

// paste copies pcm to its position without marking it: history for concealment.
func (r *ring) paste(at int64, pcm []int16) {
	n := copy(r.samples[r.index(at):], pcm)
	copy(r.samples, pcm[n:])
}

// read copies what stands at the position.
func (r *ring) read(dst []int16, at int64) {
	n := copy(dst, r.samples[r.index(at):])
	copy(dst[n:], r.samples)
}

// take is read, and unmarks.
func (r *ring) take(dst []int16, at int64) {
	r.read(dst, at)
	r.mark(at, len(dst), false)
}

// mark sets or clears n bits, word by word.
func (r *ring) mark(at int64, n int, here bool) {
	i := r.index(at)
	for n > 0 {
		word, bit := i>>6, i&63
		step := min(64-bit, n)
		mask := (^uint64(0) >> (64 - step)) << bit
		if here {
			r.have[word] |= mask
		} else {
			r.have[word] &^= mask
		}
		i, n = (i+step)&(len(r.samples)-1), n-step
	}
}

// run counts how many samples in a row, up to n, are here (or missing) from the position on.
func (r *ring) run(at int64, n int, here bool) int {
	i, found := r.index(at), 0
	for found < n {
		word := r.have[i>>6]
		if here {
			word = ^word
		}
		step := min(bits.TrailingZeros64(word>>(i&63)), 64-i&63)
		found += step
		i += step
		if step == 0 || i&63 != 0 {
			break
		}
		i &= len(r.samples) - 1
	}
	return min(found, n)
}

// quiet says whether n samples from the position on are a pause.
func (r *ring) quiet(at int64, n int) bool {
	for i := range int64(n) {
		if s := r.samples[r.index(at+i)]; s > quietLevel || s < -quietLevel {
			return false
		}
	}
	return true
}

// clear forgets everything that was not taken.
func (r *ring) clear() { clear(r.have) }
