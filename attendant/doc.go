// Package attendant serves those who are in a room: it hears the keys that they press, and invites, mutes, counts and tells.  It knows
// rooms, menus, prompts and the dialler, and no SIP.
//
// Its idea is that serving somebody is straight-line code on one goroutine, like his call: collect digits, dial, wait for the answer, ask
// for a 1.  What the others hear meanwhile is the room's affair.
//
// Words: the Office is the place where all attendants work; an attendant serves one participant as long as his call lasts; a guest is
// somebody who was dialled and has not entered the room yet; two mates have stepped out of the talk together; the crier tells a room who
// comes and goes, and how its lines to other conferences are; the far side of such a line is a machine that wants keys first, and then a
// conference.
//
// A call may take the place of another (Succession): then the attendant goes on, on the goroutine of that one.
//
// Another process may take over while people talk (Pause, Save, Restore, Continue). Stacks are not carried: whoever has to wait long writes down
// what he is doing (doing), and can go on with it from there. Who works says so (worker), and lets go while he waits, so that a pause comes when
// nobody is in the middle of anything (stillness); what has come for somebody is in a queue from which he takes it while he works (inbox).
//
// Goroutines: that of each call, which calls Serve and gets it back when the call is over; one for each guest who has come in, which
// the office starts and which ends with his call; one for each whom another process has begun to bring in, which ends when he is in or is not; one
// for each dial-out of an attendant, which ends with the dial-out, for which its attendant waits; one for each far side that is in, which Connect
// starts and which ends with its call; that of the crier, which New starts.  Close ends the crier and waits for all of them.
// A panic on one of these costs the call that it served, and is counted (Office.Panics).
package attendant
