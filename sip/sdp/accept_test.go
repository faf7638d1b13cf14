package sdp

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// reply is the answer of a phone at 10.0.0.9 to our offer, with the given lines from m= on.
func reply(lines ...string) string {
	return "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=IN IP4 10.0.0.9\r\nt=0 0\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

// TestAccept: the late offer. We offered both codecs and events in our 200; this comes back in the ACK.
func TestAccept(t *testing.T) {
	tests := []struct {
		name, answer, want string
	}{
		{"all of it", reply("m=audio 5004 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15"),
			"sendrecv rtp 10.0.0.9:5004 rtcp 10.0.0.9:5005, PCMA as 8, events 101 at 8000, ptime 20ms"},
		{"the other codec first", reply("m=audio 5004 RTP/AVP 0 8", "a=ptime:30"),
			"sendrecv rtp 10.0.0.9:5004 rtcp 10.0.0.9:5005, PCMU as 0, events 0 at 0, ptime 30ms"},
		{"its own number for events", reply("m=audio 5004 RTP/AVP 8 96", "a=rtpmap:96 telephone-event/8000"),
			"sendrecv rtp 10.0.0.9:5004 rtcp 10.0.0.9:5005, PCMA as 8, events 96 at 8000, ptime 20ms"},
		{"hold", reply("m=audio 5004 RTP/AVP 8", "a=sendonly"),
			"recvonly rtp 10.0.0.9:5004 rtcp 10.0.0.9:5005, PCMA as 8, events 0 at 0, ptime 20ms, held"},
		{"hold as in RFC 2543", reply("m=audio 5004 RTP/AVP 8", "c=IN IP4 0.0.0.0"),
			"recvonly rtp 0.0.0.0:5004 rtcp invalid AddrPort, PCMA as 8, events 0 at 0, ptime 20ms, held"},
		{"a listener", reply("m=audio 5004 RTP/AVP 8", "a=recvonly"),
			"sendonly rtp 10.0.0.9:5004 rtcp 10.0.0.9:5005, PCMA as 8, events 0 at 0, ptime 20ms, listens"},
	}
	for _, test := range tests {
		agreed, err := Accept(Offer(us, SendRecv), mustParse(t, test.answer))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if got := describe(agreed); got != test.want {
			t.Errorf("%s: got  %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestAcceptDirection: an answer cannot allow more than the offer did.
func TestAcceptDirection(t *testing.T) {
	agreed, err := Accept(Offer(us, SendOnly), mustParse(t, reply("m=audio 5004 RTP/AVP 8", "a=sendrecv")))
	if err != nil {
		t.Fatal(err)
	}
	if agreed.Direction != SendOnly || agreed.Held || !agreed.Listens {
		t.Errorf("agreed %+v", agreed)
	}
}

func TestAcceptRefuses(t *testing.T) {
	tests := []struct {
		name, answer string
		code         int
	}{
		{"no lines", reply(), 399},
		{"a line too many", reply("m=audio 5004 RTP/AVP 8", "m=video 0 RTP/AVP 96"), 399},
		{"audio refused", reply("m=audio 0 RTP/AVP 8"), 304},
		{"video for audio", reply("m=video 5004 RTP/AVP 8"), 304},
		{"keys without being asked", reply("m=audio 5004 RTP/SAVP 8"), 302},
		{"a codec of its own", reply("m=audio 5004 RTP/AVP 18"), 305},
		{"IPv6", reply("m=audio 5004 RTP/AVP 8", "c=IN IP6 2001:db8::9"), 301},
	}
	for _, test := range tests {
		_, err := Accept(Offer(us, SendRecv), mustParse(t, test.answer))
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != test.code {
			t.Errorf("%s: got %v, want %d", test.name, err, test.code)
		}
	}
	declined, _ := Decline(Offer(us, SendRecv), us, Agreed{})
	if _, err := Accept(declined, declined); err == nil {
		t.Error("accepted an answer to an offer of nothing")
	}
}

// TestBothSidesAgree lets Answer reply to Offer and to Reoffer: both sides must come to the same codec and numbers and
// to opposite directions.
func TestBothSidesAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := rapid.SampledFrom([]Direction{SendRecv, SendOnly, RecvOnly, Inactive}).Draw(t, "direction")
		them := us
		them.Port = 30000
		them.Codecs = us.Codecs[rapid.IntRange(0, 1).Draw(t, "from"):]

		offer := Offer(us, dir)
		if rapid.Bool().Draw(t, "in mid-call") {
			sent, _, err := Answer(description().Draw(t, "first offer"), us)
			if err != nil {
				t.Skip("not acceptable")
			}
			offer = Reoffer(sent, us, dir)
		}
		answer, theirs, err := Answer(offer, them)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Accept(offer, answer)
		if err != nil {
			t.Fatalf("%v\noffer\n%s\nanswer\n%s", err, offer.Bytes(), answer.Bytes())
		}
		if ours.Codec != theirs.Codec || ours.PayloadType != theirs.PayloadType || ours.EventType != theirs.EventType {
			t.Fatalf("ours %+v\ntheirs %+v", ours, theirs)
		}
		if ours.Direction != dir || ours.Direction != theirs.Direction.Reverse() {
			t.Fatalf("offered %v: ours %v, theirs %v", dir, ours.Direction, theirs.Direction)
		}
	})
}

// TestMuxIsOfferedAgain: an offer of ours brings rtcp-mux up only when it is agreed already, and an answer may not bring it up at all
// (RFC 5761 section 5.1.1).
func TestMuxIsOfferedAgain(t *testing.T) {
	line := reply("m=audio 5004 RTP/AVP 8", "a=rtcp-mux")
	first := Offer(us, SendRecv)
	if agreed, err := Accept(first, mustParse(t, line)); err != nil || agreed.Mux || first.Media[0].Mux {
		t.Errorf("we offered it: %v, it came of the answer: %v (%v)", first.Media[0].Mux, agreed.Mux, err)
	}
	answer, _, err := Answer(mustParse(t, line), us)
	if err != nil {
		t.Fatal(err)
	}
	again := Reoffer(answer, us, SendRecv)
	if agreed, err := Accept(again, mustParse(t, line)); err != nil || !agreed.Mux {
		t.Errorf("agreed before, offered again: %v, agreed again: %v (%v)", again.Media[0].Mux, agreed.Mux, err)
	}
	if agreed, err := Accept(again, mustParse(t, reply("m=audio 5004 RTP/AVP 8"))); err != nil || agreed.Mux {
		t.Errorf("the peer wants it no more, and we still do it (%v)", err)
	}
}
