// Package phone is a telephone as a Go value: it calls and is called by SIP, speaks and listens by RTP, and can say
// exactly what it heard. The demo, the end-to-end tests, the tests behind a real Asterisk and the load generator use it.
//
// It is the world outside: it shares no code with the server, not even the SDP or the codec. It parses and formats SIP
// and SDP by hand and has its own G.711. Two sides with one parser agree on every mistake of that parser; a message
// that sipgo writes wrongly and reads wrongly in the same way would pass a test. Here a second, separate reading
// of the RFCs answers. The price is about a thousand lines that are small because a phone may be simple.
//
// The words, outermost first:
//
//	Phone    one SIP socket (UDP or TCP) with a name and a number
//	Call     one dialog of it, with its own pair of RTP and RTCP sockets
//	Source   what a call speaks: a tone, samples, silence
//	Ear      what a call heard: packets, losses, gaps, and the sound itself
//	Pump     the clock that sends and receives for all calls of a process
//
// Levels are in dBFS where a sine with a peak of 32767 is 0 dBFS. Tone(f, -10) has a peak of 10362, and Hear(f) of the
// other phone says -10 again, whatever other tones are there.
//
// Times: a sample is spoken (mouth) one packet length before its packet is sent, plus its place in the packet, because
// that is when a microphone would have taken it. It is heard (ear) when its packet arrives, plus its place in the packet:
// this phone has no jitter buffer. On Linux the arrival is the kernel's own time stamp, so a generator that is
// late in reading does not make the server look late.
//
// Phone and Call may be used from any goroutine. All traffic of a phone stays on the addresses it was given.
package phone
