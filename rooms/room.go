package rooms

import (
	"slices"
	"time"

	"github.com/sipconf/sipconf/media"
	"github.com/sipconf/sipconf/media/mixer"
)

// Room is one conference: a [media.Bus] whose legs are all attached to one loop. It exists from the
// first seat to the last. Created by a Directory; the zero value is of no use. Everything below the
// line is touched on the loop only.
type Room struct {
	number  string
	created time.Time
	loop    *media.Loop // changes between two ticks of the room only: see move
	mailbox mailbox     // of what is to be done there
	events  *queue
	tones   *tones // nil: none are heard

	seats    map[*Seat]Call // guarded by Directory.mu; the call is nil until Join
	people   int            // of them have entered, without links; guarded by Directory.mu
	links    int            // of the seats are links'; guarded by Directory.mu
	locked   bool           // nobody comes in who is not brought; guarded by Directory.mu
	recorded *Recording     // nil: it is not recorded; guarded by Directory.mu
	home     *media.Loop    // where it is, or will be when it has moved; guarded by Directory.mu
	expected int            // how many legs that one was told to expect of the room; guarded by Directory.mu

	incarnation uint64 // the conference of now; guarded by Directory.mu

	// On the loop only.
	ended   bool           // nobody comes in any more
	members []*Participant // in the order of joining; those in the ante-room anywhere among them
	chime   chime
	words   words
	silent  bool // a host has silenced all, and whoever comes in
	taped   bool // all are to know that it is recorded
	loudest int  // the peak of the loudest sound of late; 0: there was none
	limiter mixer.Limiter
	work    *work // the loop's
	large   large

	recording *Recording // takes what is to be heard; nil: none does
}

// newRoom makes an empty room for one loop, and for the work that is done there. The caller adds it to the loop.
func newRoom(number string, loop *media.Loop, work *work, tones *tones, events *queue) *Room {
	return &Room{
		number: number, created: time.Now(), loop: loop, home: loop, work: work, tones: tones, events: events,
		seats: make(map[*Seat]Call),
	}
}

// expect tells the room's loop how many legs it will have of it. Directory.mu is held.
func (r *Room) expect() {
	r.home.Expect(len(r.seats) - r.expected)
	r.expected = len(r.seats)
}

// expectOn has another loop expect them. Directory.mu is held.
func (r *Room) expectOn(home *media.Loop) {
	r.home.Expect(-r.expected)
	r.home = home
	r.home.Expect(r.expected)
}

// begin puts the room on its loop, unless it has ended before it got there.
func (r *Room) begin() {
	if !r.ended {
		r.loop.Add(r)
	}
}

// end takes the room off its loop, and ends its recording.
func (r *Room) end() {
	r.ended = true
	r.stopRecording(r.recording)
	r.loop.Remove(r)
}

// beginAnew forgets what the conference that is over has left, with its recording, which may be nil: whoever waits for the next one, or
// comes, has not heard of it.
func (r *Room) beginAnew(rec *Recording) {
	r.stopRecording(rec)
	r.silence(false)
	r.taped, r.words = false, words{}
}

// admit takes a participant into the ante-room, with his leg. A leg that is closed already stays out, and
// so does everybody after the end; the call will say so by leaving.
func (r *Room) admit(p *Participant) {
	if r.ended || !r.loop.Attach(p.leg) {
		p.phase = gone
		return
	}
	r.receive(p)
	r.resize()
}

// receive is admit without the loop.
func (r *Room) receive(p *Participant) {
	p.phase = waiting
	r.members = append(r.members, p)
}

// enter takes somebody in from the ante-room; from now on he is the last who has joined. Who is not there stays where he is.
func (r *Room) enter(p *Participant) {
	if p.phase != waiting {
		return
	}
	i := slices.Index(r.members, p)
	r.members = append(slices.Delete(r.members, i, i+1), p)
	p.phase, p.own, p.mate, p.flags.aside = inside, playing{}, nil, false
	p.flags.silenced = r.silent && !p.flags.host
	r.events.put(p.event(Joined))
	if r.tones == nil || p.link {
		return
	}
	if r.present() == 1 {
		p.own = playing{tone: r.tones.alone}
		return
	}
	p.own = playing{tone: r.tones.welcome}
	p.round = r.chime.join()
}

// remove takes a participant out, with his leg. One who is not there is no error.
func (r *Room) remove(p *Participant, reason string) {
	i := slices.Index(r.members, p)
	if i < 0 {
		p.phase = gone
		return
	}
	r.loop.Detach(p.leg)
	r.exit(i, reason)
	r.resize()
}

// exit is remove without the loop.
func (r *Room) exit(i int, reason string) {
	p := r.members[i]
	was := p.phase
	r.members = slices.Delete(r.members, i, i+1)
	for _, other := range r.members {
		if other.mate == p {
			other.mate = nil
		}
	}
	if p.voice.stop() { // a roster must not show a talker who has left
		r.events.put(p.event(Quiet))
	}
	p.phase = gone
	p.frame = nil
	if was != inside {
		return // nobody knew of him
	}
	left := p.event(Left)
	left.Reason, left.Duration = reason, time.Since(p.since)
	if p.leg != nil { // it is in another process
		left.Stats = p.leg.Stats()
	}
	r.events.put(left)
	if r.tones != nil && !p.link && r.present() > 0 {
		r.chime.leave()
	}
}

// present is how many people are in the room, without those in the ante-room. Links are none.
func (r *Room) present() (n int) {
	for _, p := range r.members {
		if p.phase == inside && !p.link {
			n++
		}
	}
	return n
}

// dismiss takes everybody out.
func (r *Room) dismiss(reason string) {
	for len(r.members) > 0 {
		r.remove(r.members[len(r.members)-1], reason)
	}
}
