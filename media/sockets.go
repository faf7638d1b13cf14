package media

// To read from a socket the kernel follows four pointers, from the number to the queue, and with a thousand legs waits for each: what is there has left
// the cache since the last tick.  Asked about many at once it follows those of the next ones meanwhile, and the reads that come after find all there.  What
// it answers is of no interest, so it does no harm when it is asked about one that was closed since the last tick, or is another one by now.

// Sockets are those of the legs of a bus that hands help with, in its order, to be brought near before the legs are pulled.
//
// The zero value has none.  It belongs to whoever owns the legs; hands may have stretches of their own.
type Sockets struct{ asked []asked }

// asked is a struct pollfd of poll(2).
type asked struct {
	fd              int32 // below 0: none, and none is asked
	events, revents int16
}

// How many sockets must be asked for at once for that to cost less than it saves, and for how many at once the kernel needs no memory: so many fit into
// the 256 bytes that poll(2) has on its stack.
const (
	fetchSockets = 4
	askedAtOnce  = 30
)

// Reserve makes room for so many.  Off the tick.
func (s *Sockets) Reserve(legs int) {
	for len(s.asked) < legs {
		s.asked = append(s.asked, asked{fd: -1})
	}
	s.asked = s.asked[:legs]
}

// Note says whose is the i-th from the next Fetch on.  One for whom there is no room is left out.  In the tick, when the leg is near.
func (s *Sockets) Note(i int, l *Leg) {
	if i < len(s.asked) {
		s.asked[i].fd = -1
		if !l.shut.Load() { // else the number may be anybody's
			s.asked[i].fd = descriptorOf(l.conn)
		}
	}
}

// Fetch has those from first up to end brought near.
func (s *Sockets) Fetch(first, end int) {
	end = min(end, len(s.asked))
	for ; end-first >= fetchSockets; first += askedAtOnce {
		ask(s.asked[first:min(first+askedAtOnce, end)])
	}
}

// row is the sockets of the legs that a loop pulls one after the other, whichever their bus is, in the order of the last tick.
type row struct {
	Sockets
	now    int64 // the tick under way
	at     int   // whose turn it is
	near   int   // who is not near yet
	before int   // how many there were in the last tick
}

// turn is for a leg that is about to be pulled: it has its socket, and those of the next ones, brought near.
func (r *row) turn(l *Leg, now int64) {
	if now != r.now {
		r.now, r.before, r.at, r.near = now, r.at, 0, 0
	}
	if r.at >= len(r.asked) {
		return
	}
	if r.at >= r.near {
		r.near = min(r.at+askedAtOnce, len(r.asked))
		r.Fetch(r.at, min(r.near, r.before))
	}
	r.Note(r.at, l)
	r.at++
}

// reserve makes room for so many legs and some more: it is never made less.  Off the tick.
func (r *row) reserve(legs int) {
	if legs > len(r.asked) {
		r.Reserve(2 * legs)
	}
}
