package sdp

// Answer returns our answer to the peer's offer and what the two agree on (RFC 3264 section 6). The first audio
// line that we can use is taken, all other lines are refused. The error is a *Refusal if there is none.
//
// In mid-call, a Refusal leaves the session as it was; an offer without live audio is for Decline.
func Answer(offer *Description, local Local) (*Description, Agreed, error) {
	slot, agreed, refusal := firstUsable(offer, local)
	if refusal != nil {
		return nil, Agreed{}, refusal
	}
	answer := decline(offer, local)
	answer.Media[slot] = local.answeredAudio(&offer.Media[slot], agreed)
	return answer, agreed, nil
}

// Decline returns the answer, within a session, to an offer whose audio has port 0, or to any whose streams we
// want none of: every line is refused. Former is what was agreed before; what Decline agrees on is the same on hold,
// with nowhere to send to.
func Decline(offer *Description, local Local, former Agreed) (*Description, Agreed) {
	agreed := Agreed{
		Codec: former.Codec, PayloadType: former.PayloadType,
		EventType: former.EventType, EventRate: former.EventRate,
		Ptime: former.Ptime,
	}
	agreed.direct(Inactive)
	return decline(offer, local), agreed
}

// decline is the answer that refuses every line of offer. Its t= equals the offer's (RFC 3264 section 6).
func decline(offer *Description, local Local) *Description {
	answer := local.description(offer.Timing)
	answer.Media = refused(offer.Media, answer.Connection)
	return answer
}

// refused refuses all lines: as many, in the same order, each with the same kind, protocol and formats and with
// port 0 (RFC 3264 section 6). The formats mean nothing then, and need no rtpmap.
func refused(lines []Media, connection Address) []Media {
	var media []Media
	for _, line := range lines {
		m := Media{Kind: line.Kind, Proto: line.Proto, Connection: connection}
		for _, f := range line.Formats {
			m.Formats = append(m.Formats, Format{ID: f.ID})
		}
		media = append(media, m)
	}
	return media
}

// firstUsable finds the audio line of offer to take. If there is none, the refusal tells what was wrong with
// the first, which is the one that the caller wanted most.
func firstUsable(offer *Description, local Local) (slot int, agreed Agreed, refusal *Refusal) {
	for i := range offer.Media {
		if !offer.Media[i].isAudio() {
			continue
		}
		agreed, fault := agree(&offer.Media[i], local)
		if fault == nil {
			return i, agreed, nil
		}
		if refusal == nil {
			refusal = fault
		}
	}
	if refusal == nil {
		refusal = &Refusal{codeMedia, "Media type not available: no audio stream is offered"}
	}
	return -1, Agreed{}, refusal
}

// answeredAudio is our line in answer to the line offered.
//
// It holds one voice codec and telephone-event: with two, either side may change between them at any packet, which
// is what old phones fail at and nobody needs. Both have the offerer's numbers (RFC 3264 section 6.1). Comfort noise
// is left out: we do not send it, and take it from those who send it all the same.
func (l Local) answeredAudio(offered *Media, agreed Agreed) Media {
	voice, c := offered.voice(l.Codecs)
	formats := []Format{{ID: voice.ID, Encoding: c.Name, ClockRate: c.ClockRate}}
	if event := offered.event(c.ClockRate); event != nil {
		formats = append(formats, eventFormat(event.ID, c.ClockRate, parseEvents(event.Params)&ourEvents))
	}
	return Media{
		Kind: offered.Kind, Port: l.Port, Proto: offered.Proto, Formats: formats,
		// Our real address and port, on hold too: only so can the peer's packets be seen and the call come back.
		Connection: addressOf(l.Addr), Direction: agreed.Direction,
		Mux: agreed.Mux,
		// What we send is what we wish to receive: some gateways insist that both ways are alike.
		Ptime: agreed.Ptime,
	}
}
