// Package media is the audio half of the focus: RTP in, RTP out, every 20 ms.
//
// A Leg is the media end of one call: a UDP socket for RTP, one for RTCP, and all the state that is needed to turn packets
// into one frame per tick (jitter buffer, concealment, key presses) and frames into packets.  A Loop is the clock: one
// goroutine that ticks its buses (rooms) every 20 ms; a Bus pulls a frame from each of its legs and pushes one to each.
//
//	datagram -> parse -> latch -> [key press -> Digits] [audio -> jitter ring by timestamp] -> Pull: one frame
//	Push or PushEncoded: one frame -> packet of the agreed ptime -> datagram
//
// Where no telephone-event was agreed, keys come as tones in the sound: Tones finds them in the frame that Pull is about to return, reports
// them among the Digits as well, and mutes them from where one may begin.
//
// The other way, a leg presses keys of its own (SendKeys): as telephone-events in the place of packets of sound, or as tones in them.  A stroke is
// one of them, or a wait.
//
// Who owns what.  A leg belongs to the goroutine that opened it until a loop attaches it, and then to that loop: only the owner
// pulls and pushes, so that the tick has no locks.  From any goroutine: Update, Press (they take effect at the next Pull, in
// the order of the calls), LastHeard, LocalAddr, Close.  Nothing in the tick allocates, locks, logs or asks the time.
//
// The tick of a bus that is too large for one core is done by the loop's Crew: the hands of a crew work for the loop, each on other legs, and only
// while the loop itself is in that step of the tick.
//
// RTCP is served off the tick by one goroutine per Engine, the reporter: it needs no 20 ms and may allocate.
//
// All of it can move to another process: Pause, Giving and Taking.
//
// Words: a tick is one 20 ms step; a frame is the samples of one tick; the source is where a leg's packets come from; the latch
// decides which source that is; a stranger is anybody else; a press is one key pressed once, however many packets report it; a still frame
// is one whose samples are all the same; an image is what has been written down for another process.
package media
