package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/sipconf/sipconf/codec"
)

// Local is our side of a call. Plain data: it is handed to a new binary on upgrade.
type Local struct {
	Addr netip.Addr // where we receive RTP: the address the peer can reach, never unspecified
	Port uint16     // of RTP, even; RTCP is on the next

	// SessionID names the session in o= and never changes in a call. Version must grow by one when what we send
	// differs from what we sent last, and else stay (RFC 3264 section 8).
	SessionID, Version uint64

	Codecs []*codec.Codec // what we take, in our order of preference; at least one
	Ptime  time.Duration  // what we wish to receive and, if the peer has no wish, send; 0: 20 ms
}

// Offer returns the offer that opens a session: one audio stream with all our codecs and telephone-event.
// In an established session use Reoffer.
func Offer(local Local, dir Direction) *Description {
	offer := local.description("0 0")
	offer.Media = []Media{local.offeredAudio(&Media{Proto: "RTP/AVP"}, dir)}
	return offer
}

// Reoffer returns an offer within a session, such as the 200 to a re-INVITE without SDP must carry. Sent is what
// we sent last, offer or answer.
//
// RFC 3264 section 8: an offer keeps the m-lines of the session, in number and order; section 8.3.2: a payload
// number, once it stands for a format, stands for it until the end. So the lines that sent refused stay refused,
// and formats that sent had keep their numbers, which may be the peer's. A session whose audio was taken away
// (see Decline) is offered it again, in its old place.
func Reoffer(sent *Description, local Local, dir Direction) *Description {
	offer := local.description(sent.Timing)
	offer.Media = refused(sent.Media, offer.Connection)
	former := Media{Proto: "RTP/AVP"}
	slot := sent.audioSlot()
	if slot < 0 {
		slot = len(offer.Media)
		offer.Media = append(offer.Media, Media{})
	} else {
		former = sent.Media[slot]
	}
	if former.Port == 0 {
		former.Formats = nil // a refused line lists numbers and says nothing of what they stand for
	}
	offer.Media[slot] = local.offeredAudio(&former, dir)
	return offer
}

// audioSlot is the index of the line that d's audio has or had; -1 if it never had any.
func (d *Description) audioSlot() int {
	if i := d.audio(); i >= 0 {
		return i
	}
	return slices.IndexFunc(d.Media, func(m Media) bool { return m.isAudio() && isPlainRTP(m.Proto) })
}

// description is a description of ours, without media yet.
func (l Local) description(timing string) *Description {
	address := addressOf(l.Addr)
	return &Description{
		Origin: Origin{
			Username:  "-",
			SessionID: strconv.FormatUint(l.SessionID, 10),
			Version:   strconv.FormatUint(l.Version, 10),
			Address:   address,
		},
		Connection: address,
		Timing:     timing,
	}
}

// offeredAudio is our audio line with everything we can do, in the place of former.
func (l Local) offeredAudio(former *Media, dir Direction) Media {
	return Media{
		Kind: "audio", Port: l.Port, Proto: former.Proto, Formats: l.offeredFormats(former),
		Connection: addressOf(l.Addr), Direction: dir, Ptime: packetTime(&Media{}, l.Ptime),
		Mux: former.Mux && former.Port != 0, // RFC 5761 section 5.1.1: what was agreed is offered again, and else nothing new
	}
}

// offeredFormats are all our codecs, and telephone-event once for each of their RTP clocks. They have the numbers that
// former gave them, if it did. Comfort noise is not among them: Asterisk's support of it is "incomplete".
func (l Local) offeredFormats(former *Media) []Format {
	var formats []Format
	for _, c := range l.Codecs {
		id := strconv.Itoa(int(c.PayloadType))
		if known, _ := former.voice([]*codec.Codec{c}); known != nil {
			id = known.ID
		} else if former.has(id) { // for something else
			id = freeNumber(formats, former.Formats)
		}
		formats = append(formats, Format{ID: id, Encoding: c.Name, ClockRate: c.ClockRate})
	}
	for _, c := range l.Codecs {
		if slices.ContainsFunc(formats, func(f Format) bool { return f.Encoding == eventEncoding && f.ClockRate == c.ClockRate }) {
			continue
		}
		id := freeNumber(formats, former.Formats)
		if known := former.event(c.ClockRate); known != nil {
			id = known.ID
		}
		formats = append(formats, eventFormat(id, c.ClockRate, ourEvents))
	}
	return formats
}

// freeNumber is the first number from that of telephone-event up which is in neither of the lists.
func freeNumber(lists ...[]Format) string {
	used := slices.Concat(lists...)
	number := firstEventType
	for slices.ContainsFunc(used, func(f Format) bool { return f.ID == strconv.Itoa(number) }) {
		number++
	}
	return strconv.Itoa(number)
}
