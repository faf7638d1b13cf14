package main

import (
	"cmp"
	"time"

	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/sip"
)

// strangeLost is how long nothing may have come from another conference of which we know nothing.
const strangeLost = 15 * time.Second

// hold keeps the call of another conference, which is no person, in its room until it is over: its keys are nobody's. So that nobody listens
// unnoticed, the room is told of it; of the far side of a link the link tells. And it is told if the room is recorded.
func (s *server) hold(call *sip.Call, p *rooms.Participant, met links.Meeting, room dialout.Room, mark dialout.Mark) {
	_, number := call.Caller()
	s.log.Info("another conference has called", "call", call.ID(), "room", room.Number, "number", number, "server", mark.Instance, "from", mark.Room, "link", met.Known)
	call.Watch(cmp.Or(met.Lost, strangeLost))
	s.office.TellTape(p, room.Number)
	if !met.Known {
		s.office.TellLine(room, links.Connected)
	}
	<-call.Done()
}
