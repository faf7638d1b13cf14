// Package rooms is the domain of sipconf: who is in which conference, and what each of them hears.
// It knows no SIP; a call is something with a name, a number and a leg.
//
// Words, largest to smallest: the Directory has the rooms by number; a Room is one conference, which
// exists while somebody has a Seat in it; a seat is reserved before a call is answered and taken
// with Join after it; the call's presence in the room is then a Participant, who leaves with Leave.
// A link is a participant, too, but no person: the call of a line to another conference (Seat.ForLink). What a machine asks at the other end
// of the line is heard by the ear on it (Listen), and answered with keys that its leg presses (SendKeys).
// What goes on in a room from the first who comes in to the last who leaves is an incarnation of it, with a number of
// its own: what was begun in one, as an invitation, is nothing of the next.
// A tone is a signal that a room or a participant hears; the chime decides when the room hears one;
// the journal reports the events of all rooms. A Recording takes what a room hears to a Tape.
//
// In each tick a room pulls one frame from every leg, adds up those who are heard, and gives each
// talker the sum without himself (mix-minus) and all the others one and the same frame, encoded
// once per codec. Nobody is gated: whether somebody talks is worked out for the roster only.
//
// A large room, whose tick would be much for one core, has it done by a media.Crew, for several members at
// once; what anybody hears is the same.
//
// Who owns what: the Directory's lock guards which rooms there are and who has a seat; everything
// inside a room and a participant is touched only on the room's media.Loop, by Tick (and the hands that
// help with it) and by functions that are sent there with Do. These do not block, log or call back. What happens leaves the loop as
// an Event in a bounded queue. Rooms and participants hold no closures, channels or contexts, so that
// they can be written down for the next binary: an [Image].
//
// Goroutines: the journal, which NewDirectory starts and Close ends, and one for each recording, which Record starts and which
// ends with it; Close waits for both.
package rooms
