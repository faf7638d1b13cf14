package media

// Sequence follows the 16-bit sequence numbers of one source: what came, what is lost, what came twice (RFC 3550 A.1, A.3).
// Plain data; the zero value waits for the first packet.
type Sequence struct {
	Began    bool
	First    int64  // unwrapped number of the first packet
	Newest   int64  // unwrapped number of the newest one
	Seen     uint64 // which of the last 64 came; bit 0 is the newest
	Received int64  // since First, without those that came twice
	Before   int64  // lost before the last jump
}

// jumpSize is how far a number may lie from the newest before it is a jump of the sender, not a loss: MAX_DROPOUT of RFC 3550 A.1.
const jumpSize = 3000

// add counts a packet; false when it came twice.
func (s *Sequence) add(seq uint16) bool {
	if !s.Began {
		s.begin(int64(seq))
		return true
	}
	step := int64(int16(seq - uint16(s.Newest)))
	switch {
	case step > jumpSize || step < -jumpSize:
		s.Before = s.Lost()
		s.begin(s.Newest + step)
	case step > 0:
		s.Seen = s.Seen<<step | 1 // a shift by 64 or more gives 0, as it should
		s.Newest += step
		s.Received++
	case step > -64:
		bit := uint64(1) << -step
		if s.Seen&bit != 0 {
			return false
		}
		s.Seen |= bit
		s.Received++
		s.First = min(s.First, s.Newest+step)
	}
	return true
}

func (s *Sequence) begin(at int64) {
	s.Began, s.First, s.Newest, s.Seen, s.Received = true, at, at, 1, 1
}

// Expected is how many packets there should have been.
func (s *Sequence) Expected() int64 {
	if !s.Began {
		return 0
	}
	return s.Newest - s.First + 1
}

// Lost is how many of them have not come (yet).
func (s *Sequence) Lost() int64 { return s.Before + max(0, s.Expected()-s.Received) }
