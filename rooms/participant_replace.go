package rooms

import (
	"sync/atomic"
	"time"

	"github.com/sipconf/sipconf/media"
)

// Replace puts another call in the place of the participant's, as a phone wants it that takes a call over from another. He keeps his name, his place in
// the roster, his mutes and how loud he hears and is heard; who hears him, and whom he hears while he is aside. The one leg is let
// go and the other taken between two ticks, so that nobody ever hears both, and no tone is heard. What was being played to him alone ends.
//
// It waits for that, one tick or so. Then the call that he was on is the caller's to hang up. False: nothing has
// changed, for he is not inside, his call is being hung up (Directory.Dismiss), or the new one's leg is closed.
func (p *Participant) Replace(call Call) bool {
	if p.seat == nil || !p.seat.directory.mayReplace(p.seat) {
		return false
	}
	const waits, begun, late = 0, 1, 2
	var state atomic.Int32
	result := make(chan bool, 1)
	id, leg, r := call.ID(), call.Leg(), p.seat.room
	r.wait(func() {
		if state.CompareAndSwap(waits, begun) {
			result <- r.replace(p, id, leg)
		}
	})
	if state.CompareAndSwap(waits, late) || !<-result { // the loop is closed, or does not get to it, and never will
		return false
	}
	if why := p.seat.directory.reseat(p.seat, call); why != "" {
		call.Hangup(why)
	}
	return true
}

// LeaveWith is Leave, unless another call has taken the place of that one: for who has the call and does not know.
func (p *Participant) LeaveWith(call, reason string) {
	moved := make(chan bool, 1)
	if p.seat == nil || p.seat.room.wait(func() { moved <- p.id != call }) && <-moved {
		return
	}
	p.Leave(reason)
}

// replace is Replace without the directory. On the loop.
func (r *Room) replace(p *Participant, id string, leg *media.Leg) bool {
	if p.phase != inside || !r.loop.Attach(leg) {
		return false
	}
	r.loop.Detach(p.leg)
	r.take(p, id, leg)
	return true
}

// take is replace without the loop.
func (r *Room) take(p *Participant, id string, leg *media.Leg) {
	if p.voice.stop() {
		r.events.put(p.event(Quiet))
	}
	if p.music {
		r.turnMusic(p)
	}
	before, figures := p.id, p.leg.Stats()
	p.id, p.leg = id, leg
	p.frame, p.own, p.awaits = nil, playing{}, 0
	p.speaks, p.spoken, p.heard = false, false, false
	p.notice = notice{said: p.notice.said} // whoever is there now is to know as well
	replaced := p.event(Replaced)
	replaced.Before, replaced.Duration, replaced.Stats = before, time.Since(p.since), figures
	r.events.put(replaced)
}

// mayReplace says whether the call that has the seat is inside, and is not being hung up.
func (d *Directory) mayReplace(s *Seat) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, held := s.room.seats[s]
	return held && s.inside && !s.dismissed
}

// reseat notes whose seat it is now. It says why that call is to be hung up, if it is: what was to happen to the one before it happens to it.
func (d *Directory) reseat(s *Seat, call Call) (why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, held := s.room.seats[s]; !held {
		return "room has ended"
	}
	s.room.seats[s] = call
	if s.dismissed {
		return "removed by the host"
	}
	return ""
}
