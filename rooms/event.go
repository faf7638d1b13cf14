package rooms

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/sipconf/sipconf/media"
)

// Kind is what happened.
type Kind uint8

const (
	RoomCreated Kind = iota + 1 // somebody has taken the first seat
	RoomGone                    // the last seat is free again
	Joined                      // a participant is in the room
	Left                        // he has left it; Reason, Duration and Stats are set
	Pressed                     // he has pressed a key; Digit is set
	Talking                     // he has begun to talk
	Quiet                       // he has stopped, was muted, held, or has left
	Renamed                     // somebody else is on the call now; Name and Number are his
	MusicBegan                  // he plays music, as a PBX does that has put the room on hold, and is not heard until it is over
	MusicEnded                  // it is
	Unheard                     // not one packet of his has come, although it could have; Remote, Duration and Stats are set
	Deserted                    // the last one inside has left, and others have seats still: this incarnation is over
	KeysSent                    // his leg has pressed the keys that it was to press (Participant.SendKeys)
	Spoke                       // the ear that is on him (Participant.Listen): he has said something, and is silent since 0.8 s
	AskedAgain                  // the ear: he says once more what he said first (First), or last, when it was to be remembered
	WentOn                      // the ear: he does not; he is silent for 2 s, or says something else
	Replaced                    // another call is in his place now, under the same name; Before, Duration and Stats are those of the one that was
	Changed                     // he is muted, silenced, on hold or aside, or is not any more; without a Call, the room is locked, or is not any more
)

var kindNames = [...]string{
	RoomCreated: "room created", RoomGone: "room gone", Joined: "joined", Left: "left",
	Pressed: "digit pressed", Talking: "talking", Quiet: "quiet",
	MusicBegan: "music: not heard until it is over", MusicEnded: "music is over: heard again",
	Renamed: "renamed", Unheard: "no sound comes from the caller", Deserted: "nobody is in the room any more",
	KeysSent: "keys sent", Spoke: "the far side has spoken", AskedAgain: "the far side asks again", WentOn: "the far side asks nothing",
	Replaced: "on another call now",
	Changed:  "standing has changed",
}

// String is the message under which the event is logged.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown event"
}

// Event is one thing that happened in a room. Plain data; the fields that do not belong to its Kind
// are zero.
type Event struct {
	Kind         Kind
	Room         string         // the room's number
	Incarnation  uint64         // and which of the conferences that there are under this number, one after the other
	Call         string         // the participant's ID; empty for events of the room itself
	Name, Number string         // the participant's
	Link         bool           // who is a link, and no person
	Before       string         // the call that he was on
	First        bool           // what he asks again is the first that he said
	Digit        byte           // '0' to '9', '*', '#', 'A' to 'D'
	Reason       string         // why he left
	Duration     time.Duration  // how long he was in the room, how long there was one, or how long nothing has come
	Remote       netip.AddrPort // where his SDP says that he is
	Stats        media.LegStats // what went through his leg
}

// level is how loud the event is in the log: keys may be somebody's PIN, and talking comes too often.
func (e Event) level() slog.Level {
	switch e.Kind {
	case Pressed, Talking, Quiet, KeysSent, Spoke, AskedAgain, WentOn, Changed:
		return slog.LevelDebug
	case Unheard:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// attrs are what the log says of the event besides its name.
func (e Event) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.String("room", e.Room)}
	if e.Call != "" {
		attrs = append(attrs, slog.String("call", e.Call))
	}
	if e.Link {
		attrs = append(attrs, slog.Bool("link", true))
	}
	switch e.Kind {
	case Joined, Renamed, MusicBegan, MusicEnded:
		attrs = append(attrs, slog.String("name", e.Name), slog.String("number", e.Number))
	case Left, Replaced:
		if e.Kind == Left {
			attrs = append(attrs, slog.String("reason", e.Reason))
		} else {
			attrs = append(attrs, slog.String("before", e.Before), slog.String("name", e.Name), slog.String("number", e.Number))
		}
		attrs = append(attrs, slog.Duration("duration", e.Duration),
			slog.Uint64("in", e.Stats.PacketsIn), slog.Uint64("out", e.Stats.PacketsOut), slog.Int64("lost", e.Stats.Lost),
			slog.Duration("concealed", e.Stats.Concealed), slog.Duration("jitter", e.Stats.Jitter),
			slog.Duration("rtt", e.Stats.RoundTrip.Round(10*time.Microsecond)), slog.Int64("peer_lost", e.Stats.PeerLost),
			slog.Uint64("strangers", e.Stats.Strangers), slog.Uint64("unknown_type", e.Stats.UnknownType))
	case Unheard:
		attrs = append(attrs, slog.String("name", e.Name), slog.String("number", e.Number), slog.Duration("for", e.Duration),
			slog.String("remote", e.Remote.String()), slog.Uint64("strangers", e.Stats.Strangers),
			slog.Uint64("unknown_type", e.Stats.UnknownType), slog.String("hint", e.hint()))
	case RoomGone:
		attrs = append(attrs, slog.Duration("duration", e.Duration))
	case Pressed:
		attrs = append(attrs, slog.String("digit", string(rune(e.Digit))))
	}
	return attrs
}

// hint is where somebody who is not heard should look first.
func (e Event) hint() string {
	switch {
	case e.Stats.UnknownType > 0:
		return "his packets have a payload type that was not agreed: does his side send another codec than its SDP says?"
	case e.Stats.Strangers > 0:
		return "RTP comes from another address than his SDP says: is there NAT in between, or a wrong address in the SDP?"
	}
	return "a firewall between him and media.ports, or a wrong address in the SDP (sip.advertise)?"
}
