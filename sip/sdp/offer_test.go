package sdp

import (
	"strings"
	"testing"
	"time"
)

func TestOffer(t *testing.T) {
	want := "v=0\r\no=- 42 7 IN IP4 192.168.1.2\r\ns=-\r\nc=IN IP4 192.168.1.2\r\nt=0 0\r\n" +
		"m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
	if got := string(Offer(us, SendRecv).Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestOfferPtime(t *testing.T) {
	local := us
	local.Ptime = 40 * time.Millisecond
	if got := Offer(local, SendRecv).Media[0].Ptime; got != local.Ptime {
		t.Errorf("asks for %v", got)
	}
}

// TestReoffer: a phone called with video first, in AVPF and with numbers of its own; then the PBX sends a re-INVITE without
// SDP. Our offer keeps the places and the numbers, and offers all codecs again.
func TestReoffer(t *testing.T) {
	offer := mustParse(t, `v=0
o=- 1 1 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=1 2
m=video 6000 RTP/AVP 96
m=audio 5004 RTP/AVPF 98 101 97
a=rtpmap:98 PCMA/8000
a=rtpmap:101 opus/48000/2
a=rtpmap:97 telephone-event/8000
`)
	sent, _, err := Answer(offer, us)
	if err != nil {
		t.Fatal(err)
	}
	next := us
	next.Version++
	want := "v=0\r\no=- 42 8 IN IP4 192.168.1.2\r\ns=-\r\nc=IN IP4 192.168.1.2\r\nt=1 2\r\n" +
		"m=video 0 RTP/AVP 96\r\n" +
		"m=audio 20000 RTP/AVPF 98 0 97\r\na=rtpmap:98 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" +
		"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
	if got := string(Reoffer(sent, next, SendRecv).Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestReofferRevives: audio that was taken away comes back in its old place, and where there never was any it is added.
func TestReofferRevives(t *testing.T) {
	head := "v=0\no=- 1 2 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\n"
	tests := []struct {
		name, offer string
		slot, lines int
	}{
		{"in its place", head + "m=image 0 udptl t38\nm=audio 0 RTP/AVP 0 101\n", 1, 2},
		{"not in a secure line", head + "m=audio 0 RTP/SAVP 0\n", 1, 2},
		{"at the end", head + "m=image 0 udptl t38\n", 1, 2},
		{"from nothing", head, 0, 1},
	}
	for _, test := range tests {
		declined, _ := Decline(mustParse(t, test.offer), us, Agreed{})
		again := Reoffer(declined, us, SendRecv)
		if len(again.Media) != test.lines || again.audio() != test.slot {
			t.Errorf("%s: got\n%s", test.name, again.Bytes())
			continue
		}
		if m := again.Media[test.slot]; m.Proto != "RTP/AVP" || len(m.Formats) != 3 || m.Formats[2].ID != "101" {
			t.Errorf("%s: got\n%s", test.name, again.Bytes())
		}
	}
}

// TestReofferNumbers: a peer that gave PCMA the number of PCMU keeps it, and PCMU gets another.
func TestReofferNumbers(t *testing.T) {
	sent, _, err := Answer(mustParse(t, reply("m=audio 5004 RTP/AVP 0", "a=rtpmap:0 PCMA/8000")), us)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range Reoffer(sent, us, SendRecv).Media[0].Formats {
		got = append(got, f.ID+" "+f.Encoding)
	}
	if want := "0 PCMA, 101 PCMU, 102 telephone-event"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
