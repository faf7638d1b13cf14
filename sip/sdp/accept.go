package sdp

// Accept returns what the peer's answer to our offer agrees on. The error is a *Refusal if the answer does not
// fit the offer or takes no audio; the session is then as it was before, and a new call has none.
//
// The payload numbers are those of the answer. They should be those of our offer (RFC 3264 section 6.1); a
// phone that answers with others also sends with them.
//
// The peer may answer with several of the codecs that we offered, and may then send any. Ours to send is its first;
// static payload numbers say by themselves what they are.
func Accept(offer, answer *Description) (Agreed, error) {
	// RFC 3264 section 6: "the answer MUST contain exactly the same number of m= lines as the offer".
	if len(answer.Media) != len(offer.Media) {
		return Agreed{}, &Refusal{codeOther, "The answer has not as many media lines as the offer"}
	}
	slot := offer.audio()
	if slot < 0 {
		return Agreed{}, &Refusal{codeMedia, "Media type not available: no audio stream was offered"}
	}
	ours, theirs := &offer.Media[slot], answer.Media[slot]
	if !theirs.isAudio() {
		return Agreed{}, &Refusal{codeMedia, "Media type not available: the answer has no audio where the offer has"}
	}
	addr, _ := ours.Connection.IP()
	theirs.Mux = theirs.Mux && ours.Mux // RFC 5761 section 5.1.1: only an offer may bring it up
	agreed, refusal := agree(&theirs, Local{Addr: addr, Codecs: ours.codecs(), Ptime: ours.Ptime})
	if refusal != nil {
		return Agreed{}, refusal
	}
	// An answer may not do what the offer did not allow (RFC 3264 section 6.1); if it does, nothing comes of it.
	agreed.direct(agreed.Direction.Both(ours.Direction))
	return agreed, nil
}
