package rooms

import "sync/atomic"

// ring carries samples from a room's tick to the goroutine that writes them down. It is bounded, and
// putting neither waits, locks nor allocates; what does not fit is refused, so that what is in it stays
// in order and whole. put may be called by one goroutine, peek and skip by another one.
type ring struct {
	samples []int16
	written atomic.Uint64 // samples that were ever put; the writer's
	_       [56]byte      // the two are not in the same line of the cache
	read    atomic.Uint64 // of them, those that were skipped; the reader's
}

// newRing makes a ring for so many samples.
func newRing(size int) *ring { return &ring{samples: make([]int16, size)} }

// put adds a frame, all of it, or nothing if there is no room for it.
func (r *ring) put(frame []int16) bool {
	written := r.written.Load()
	if uint64(len(frame)) > uint64(len(r.samples))-(written-r.read.Load()) {
		return false
	}
	at := int(written % uint64(len(r.samples)))
	n := copy(r.samples[at:], frame)
	copy(r.samples, frame[n:])
	r.written.Store(written + uint64(len(frame)))
	return true
}

// waiting is how many samples there are.
func (r *ring) waiting() int { return int(r.written.Load() - r.read.Load()) }

// peek is the oldest samples, as many as lie in one piece; none if there are none. They stay until they
// are skipped.
func (r *ring) peek() []int16 {
	at := int(r.read.Load() % uint64(len(r.samples)))
	return r.samples[at:min(at+r.waiting(), len(r.samples))]
}

// skip lets go of the oldest samples, of which there are as many at least.
func (r *ring) skip(n int) { r.read.Add(uint64(n)) }

// all is all the samples that there are, in the two pieces that they may lie in. While nobody puts or skips any.
func (r *ring) all() [2][]int16 {
	first := r.peek()
	return [2][]int16{first, r.samples[:r.waiting()-len(first)]}
}
