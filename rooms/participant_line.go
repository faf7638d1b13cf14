package rooms

import "github.com/sipconf/sipconf/media"

// Stroke is a key that a participant's leg presses, or a wait.
type Stroke = media.Stroke

// SendKeys has the participant's leg press keys, in the place of those that it was pressing; none: it presses no more. They go to him alone, and he
// hears nothing else meanwhile. They are events (RFC 4733) if his side takes them, and inSound or else tones in the sound. When all
// of them have been sent, and the gap behind the last one is over, KeysSent is told. While he is on hold no key begins. The error is of strokes
// that are none.
func (p *Participant) SendKeys(inSound bool, strokes ...Stroke) error {
	keys, err := media.NewKeys(inSound, strokes...)
	if err != nil {
		return err
	}
	p.do(func(*Room) {
		p.leg.SendKeys(keys)
		p.sending = keys.Count > 0
	})
	return nil
}

// TakesEvents says whether his side takes keys as events. It waits for a tick of his, in which his leg learns what was agreed last; false when
// he has left.
func (p *Participant) TakesEvents() bool {
	if p.seat == nil || !p.seat.room.wait(func() {}) {
		return false
	}
	answer := make(chan bool, 1) // when the loop is late nobody waits any more
	return p.seat.room.wait(func() { answer <- p.phase != gone && p.leg.TakesEvents() }) && <-answer
}

// Listen puts an ear on the participant, wherever he is, that listens for that from now on, and tells by events what it has heard: Spoke,
// AskedAgain, WentOn. What it knows it knows until it is to listen for nothing. See Listening.
func (p *Participant) Listen(to Listening) {
	fresh := new(ear) // off the loop
	p.do(func(*Room) {
		switch {
		case to == NotListening:
			p.ear = nil
			return
		case p.ear == nil:
			p.ear = fresh
		}
		p.ear.listen(to)
	})
}

// hear takes the frame of this tick to the ear, and says whether there is something to tell of it.
func (p *Participant) hear() bool {
	level := silence
	if p.leg.Heard() {
		level = p.leg.Level()
	}
	p.hears = p.ear.frame(level)
	return p.hears != 0
}

// turnLine tells what the ear has heard, and that keys were sent.
func (r *Room) turnLine(p *Participant) {
	if p.sending && !p.leg.SendingKeys() {
		p.sending = false
		r.events.put(p.event(KeysSent))
	}
	for _, heard := range [...]struct {
		tidings
		kind Kind
	}{{hasSpoken, Spoke}, {asksAgain, AskedAgain}, {wentOn, WentOn}} {
		if p.hears&heard.tidings != 0 {
			e := p.event(heard.kind)
			e.First = heard.kind == AskedAgain && p.ear.First
			r.events.put(e)
		}
	}
	p.hears = 0
}
