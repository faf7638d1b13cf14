package rooms

import (
	"time"

	"github.com/sipconf/sipconf/media"
)

// Participant is a call's presence in a room. The zero value has left. Its methods may be called
// from any goroutine; its fields below the line are touched on the room's loop only.
type Participant struct {
	// On the loop only, with what each tick needs first: see fetch.
	leg      *media.Leg // another one after Replace, as the id
	phase    phase
	flags    flags
	voice    voice
	music    bool // he plays some and is kept out for it
	gains    gains
	spared   bool         // the announcement of now is none of his
	rights   rights       // in this tick
	standing standing     // and what others see of that
	speaks   bool         // there is something of him in this tick, whoever may hear it
	spoken   bool         // there was in some tick, or is
	heard    bool         // is part of this tick's sum
	sending  bool         // his leg presses keys
	hears    tidings      // of the ear, in this tick
	news     news         // of this tick
	awaits   int          // ticks in which his first packet could have come, up to patience
	ear      *ear         // plain data; nil: nobody has asked for it
	frame    []int16      // what he said in this tick; the leg's memory
	own      playing      // a tone for him alone; while it plays he hears no other
	round    int          // the chime's round that announces him, which he need not hear
	notice   notice       // of the recording; before his own
	mate     *Participant // whom he hears while he is aside; nil: nobody
	keys     keys
	name     string
	number   string
	id       string // the call's; another one after Replace

	since time.Time
	seat  *Seat // nil: he was never in
	link  bool  // it is a link, and no person
}

// Incarnation says which of the conferences under the room's number he is in, or is invited into; 0 when he was never in.
func (p *Participant) Incarnation() uint64 {
	if p.seat == nil {
		return 0
	}
	return p.seat.incarnation.Load()
}

// Leave takes the participant out of the room and waits until the loop has let go of the leg, one
// tick or so. With the last participant the room is gone. reason is for the log. Safe to call twice.
func (p *Participant) Leave(reason string) {
	if p.seat == nil || !p.seat.state.CompareAndSwap(taken, free) {
		return
	}
	r := p.seat.room
	r.wait(func() { r.remove(p, reason) }) // a closed loop holds no leg
	p.seat.directory.free(p.seat)
}

// Mute keeps the others from hearing the participant: his own mute, beside which there is that of a host
// (Directory.Silence). He is heard when neither is set. It, and the methods below, take effect with
// one of the next ticks, in the order in which they are called.
func (p *Participant) Mute() { p.set(func(f *flags) { f.muted = true }) }

// Unmute undoes Mute.
func (p *Participant) Unmute() { p.set(func(f *flags) { f.muted = false }) }

// ToggleMute is Mute or Unmute, whichever changes something. It says whether he is muted now, and whether
// a host has silenced him besides; it waits for that, one tick or so. False and false when he has left.
func (p *Participant) ToggleMute() (muted, silenced bool) {
	f := p.ask(func(f *flags) { f.muted = !f.muted })
	return f.muted, f.silenced
}

// Silenced says whether a host has silenced him. It waits for the loop, one tick or so.
func (p *Participant) Silenced() bool { return p.ask(func(*flags) {}).silenced }

// SetHost says whether the participant is a host. No host silences a host; who is none any more is silent with the others.
func (p *Participant) SetHost(host bool) {
	p.do(func(r *Room) { p.flags.host, p.flags.silenced = host, r.silent && !host && p.phase == inside })
}

// Deafen keeps the participant from hearing the others.
func (p *Participant) Deafen() { p.set(func(f *flags) { f.deaf = true }) }

// Undeafen undoes Deafen.
func (p *Participant) Undeafen() { p.set(func(f *flags) { f.deaf = false }) }

// Rename tells the roster who is there now: behind a PBX a transfer puts somebody else on the
// same call.
func (p *Participant) Rename(name, number string) {
	if p.seat == nil {
		return
	}
	r := p.seat.room
	r.do(func() {
		if p.phase != inside || (p.name == name && p.number == number) {
			return
		}
		p.name, p.number = name, number
		r.events.put(p.event(Renamed))
	})
}

// set changes the flags on the loop.
func (p *Participant) set(change func(*flags)) {
	if p.seat != nil {
		p.seat.room.do(func() { change(&p.flags) })
	}
}

// ask changes the flags on the loop, waits for that, and returns them; none when he has left or the loop does not answer.
func (p *Participant) ask(change func(*flags)) flags {
	if p.seat == nil {
		return flags{}
	}
	var f flags
	if !p.seat.room.wait(func() {
		if p.phase != gone {
			change(&p.flags)
			f = p.flags
		}
	}) {
		return flags{} // and f is not read, for the loop may still write it
	}
	return f
}

// event is an event of this participant.
func (p *Participant) event(k Kind) Event {
	return Event{Kind: k, Room: p.seat.room.number, Incarnation: p.Incarnation(), Call: p.id, Name: p.name, Number: p.number, Link: p.link}
}

// keys are the digits that somebody has pressed, for those who come later to make sense of them.
// The zero value is none.
type keys struct {
	recent [16]byte // a ring: the digit number n is at n modulo 16
	count  int      // how many there were in all
}

// press adds a digit.
func (k *keys) press(digit byte) {
	k.recent[k.count%len(k.recent)] = digit
	k.count++
}

// last is the most recent digits, oldest first.
func (k *keys) last() string {
	digits := make([]byte, 0, len(k.recent))
	for i := max(0, k.count-len(k.recent)); i < k.count; i++ {
		digits = append(digits, k.recent[i%len(k.recent)])
	}
	return string(digits)
}
