// Package ami speaks to Asterisk's manager interface (AMI): it hears the events that a dialplan raises, and moves calls.
//
// sipconf needs it for one thing. When *1 is pressed in a call between two phones, both channels must go to another place of the
// dialplan at once, and no application of the dialplan does that: whichever channel it moves first, the other is hung up. The manager's
// action Redirect takes two.
//
// Words: a message is what either side says at once, lines of name and value up to an empty line; an action is a message of ours, a
// response is the answer to it, and an event is what Asterisk says by itself. A session is one connection that is logged in; the
// [Client] has one after the other, for as long as it lives. A [Request] is the event that asks for a conference.
//
// What comes from Asterisk has been chosen by callers in part (their numbers are in it), so messages are bounded, a name that stands
// twice in one has no value, and what goes back into an action is made of known characters.
//
// Goroutines: one per client that connects and asks for signs of life, one that calls Config.Hear, and one per session that reads.
// New starts the first two, Close ends and waits for all.
package ami
