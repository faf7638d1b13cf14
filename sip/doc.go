// Package sip is the signalling half of the focus: calls over sipgo's parser,
// transport and transaction layers, on sockets that we own.
//
// Its idea is that a call is a function. The program gives New a Handler; each
// INVITE that RFC 3261 section 8.2 lets through becomes a *Call and one
// Handler goroutine, which rings, answers, joins a room and waits for
// Call.Done. When the handler returns, the call is hung up; when the peer
// hangs up, the handler's context is cancelled.
//
//	datagram -> gate -> sipgo transport -> sipgo transaction -> UA
//	   initial INVITE        -> 100 at once, a new Call, its Handler
//	   request with a To tag -> the mailbox of its Call, in CSeq order
//	   anything else         -> one answer, by validate.go
//
// UA.Invite is the other way: it makes an *Attempt, which rings, is heard
// before the answer, can be cancelled, and becomes a *Call like any other, or a
// *Failure. Attempt and Call are one thing in two phases, with one goroutine.
// Several phones may ring because of one INVITE, and several may answer: each
// is a dialog, and all but one are ended. To follow a redirection, or to try
// another trunk, is for the program.
//
// Somebody may be told of something (a subscription, RFC 6665): of what the
// program has to tell, by event packages, or of what has become of a REFER, by
// which he has asked us to call a third one (a Referral).
//
// Words: a Dialog is RFC 3261 section 12 state as plain data; a Call is one
// dialog, the session agreed in it and its media.Leg; an endpoint is one
// listening socket with sipgo's layers on it; the gate stands between a socket
// and sipgo and lets in only what sipgo may see; so does the doorman over TCP,
// where each connection is a line.
//
// Ownership: all state of a call is touched by one goroutine at a time,
// Call.run, which executes functions sent to its mailbox, keeps its timers as
// plain deadlines, and ends when it has nothing to do; the mailbox begins the
// next. Everything else (sipgo's goroutine per message, the handler, the
// goroutine that waits for a response) posts to that mailbox. State that must
// outlive the process (Dialog, session, outgoing) has no pointers, functions or
// channels. Whoever got a call by Invite sees it through to its end; its leg is
// closed when it ends. What is left of an INVITE after its final answer, an
// aftermath, belongs to the UA for 32 s.
//
// A user agent can be paused and written down (Pause, Save), and another one,
// in another process, goes on with all of that on the same sockets
// (Config.Saved). Its stillness is what everybody enters before anything is
// changed or sent.
//
// sipgo's own dialog types are not used: they cannot be rebuilt in another
// process, do not follow a changed remote target, do not retransmit a 2xx as
// RFC 3261 section 13.3.1.4 asks and send no BYE when no ACK comes. Nor is its
// client transaction used for an INVITE that begins a call: see outgoing.
package sip
