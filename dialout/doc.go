// Package dialout is how people are brought into a room: over trunks, within rules, one by one or a
// whole group at once. It knows no SIP; it dials through the [Inviter] that it declares.
//
// Words, smallest to largest: an attempt is one INVITE on one trunk; a trunk is a way out, a SIP peer
// such as Asterisk, and a line is one call's place on it; a dial-out is one person asked for by one
// number, with all its attempts (the next trunk when one has failed, the number that a 302 names); the
// [Dialer] makes them; a member is a person with one or several numbers; a press is somebody's pressing
// of the key that calls a group, and [Groups] calls its members, all of them together.
//
// Every dial-out ends in an [Outcome] with a name, which is a value and not an error. The rules (which
// numbers, what the invited meets) are pure functions of a [Rulebook]. What must outlive the process
// (counters of the day, marks, the states of members, who holds a line, whose telephone rings) is plain data: see [Saved] and [GroupsImage]. To be
// written down the dialler is paused: what is just being sent is sent, what is not waits, and what rings goes on in the next process: [Dialer.Continue].
//
// Who owns what: the Dialer's lock guards who is being called, the lines and the counters; that of
// Groups guards the members' states. Neither is held over a call out of the package. A dial-out runs on
// the goroutine of its caller, which alone takes its steps; while an INVITE is out it waits for the goroutine that has sent it.
//
// Goroutines: one per probed trunk and one per answered call, which New and Dial start and Close ends; one per INVITE that is out;
// in Groups one per member under way and one per number of his that is being dialled, which Call and Resume start
// and which end with the member's outcome, when the room ends, or with Close.
package dialout
