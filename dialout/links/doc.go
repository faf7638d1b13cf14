// Package links keeps the permanent external participants of rooms: as long as there are people in a room, each of its
// links is one call to another conference. The first who comes in has it dialled, the last who leaves has it hung up, and
// what fails is dialled again.
//
// Words: a link is the number of another conference and the room that is to be connected with it; the far side is who
// answers there; a line is what several links share of which the provider has but a few; a script is what is pressed when
// the far side has answered; needed is a link in whose room there are people.
//
// A link never has two calls. One goroutine per link sees to that, which New starts and Close ends: it dials, serves and hangs up in
// straight lines, and does not dial again before the far side has said its last word on the call before. Whether there are people
// it is told ([Links.People]); it never asks. What happens to a call that is answered is others' affair ([Config.Connect]).
//
// Between two steps a link can be written down, and goes on in another process ([Links.Pause], [Image]).
package links
