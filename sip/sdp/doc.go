// Package sdp reads and writes session descriptions (the subset of RFC 8866 that a telephone uses) and
// carries out the offer/answer exchange of RFC 3264 on them. It is pure: it knows no clock, socket, log or
// goroutine; data goes in and data comes out.
//
// The words, smallest to largest:
//
//	format       one entry of an m= line: a payload number with its rtpmap and fmtp ("8", PCMA/8000)
//	media        one m= line with all that belongs to it: formats, address, direction, packet time
//	description  the whole text: origin, address, and media in the order of their lines
//	offer        a description that asks; answer: the description that replies to it, line by line
//	agreed       what an offer and its answer together say about the one audio stream of a call
//
// The focus takes one audio stream per call, plain RTP, one voice codec and telephone-event. Everything else
// in an offer is refused line by line, as RFC 3264 asks, or ignored (ICE, bundles, rtcp-mux, crypto).
//
// Which function a caller needs:
//
//	the peer offers                       Answer
//	it offers in mid-call, without audio  Decline   (when offer.HasAudio() is false)
//	the peer asks for our offer           Offer, in mid-call Reoffer; then Accept with its answer
//	the message may be multipart          Extract, before Parse
//
// Two kinds of error, told apart by the function that returns them: Parse and Extract fail on text that is no
// session description (SIP answers 400, or 415 for ErrNoDescription); Answer and Accept fail with a *Refusal,
// on a description that is well formed and unacceptable (SIP answers 488 with the Refusal's Warning).
//
// Reading is lenient, for phones are; writing is strict. All types are plain data, safe to copy shallowly as long
// as nobody writes to the slices, and can be written down for another process. No function changes what it is given.
package sdp
