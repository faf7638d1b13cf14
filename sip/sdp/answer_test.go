package sdp

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/codec"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata/answer")

// us is the server's side in all tests.
var us = Local{
	Addr: netip.MustParseAddr("192.168.1.2"), Port: 20000,
	SessionID: 42, Version: 7, Codecs: []*codec.Codec{codec.PCMA, codec.PCMU},
}

// TestAnswerGolden answers the real-life offers in testdata/answer. Each script has a comment, the offer, our answer
// (or the Warning that we refuse it with) and what was agreed. Run with -update to rewrite the last two; then
// read the difference.
func TestAnswerGolden(t *testing.T) {
	paths, _ := filepath.Glob("testdata/answer/*.txt")
	if len(paths) < 10 {
		t.Fatalf("found %d scripts in testdata/answer", len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			head, offer := offerOf(t, string(script))
			got := head + outcome(mustParse(t, offer))
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(script) {
				t.Errorf("got\n%s\nwant\n%s", got, script)
			}
		})
	}
}

// offerOf takes the offer out of a script, and everything up to its end.
func offerOf(t *testing.T, script string) (head, offer string) {
	t.Helper()
	head, _, _ = strings.Cut(script, "-- answer --\n")
	head, _, _ = strings.Cut(head, "-- refused --\n")
	_, offer, ok := strings.Cut(head, "-- offer --\n")
	if !ok {
		t.Fatal("script has no offer")
	}
	return head, offer
}

// outcome answers offer and tells the result as the scripts do.
func outcome(offer *Description) string {
	answer, agreed, err := Answer(offer, us)
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
		return "-- refused --\n" + refusal.Warning("sipconf") + "\n"
	}
	text := strings.ReplaceAll(string(answer.Bytes()), "\r\n", "\n")
	return "-- answer --\n" + text + "-- agreed --\n" + describe(agreed) + "\n"
}

func describe(a Agreed) string {
	text := fmt.Sprintf("%s rtp %v rtcp %v, %s as %d, events %d at %d, ptime %v",
		a.Direction, a.Remote, a.RemoteRTCP, a.Codec.Name, a.PayloadType, a.EventType, a.EventRate, a.Ptime)
	if a.Held {
		text += ", held"
	}
	if a.Listens {
		text += ", listens"
	}
	return text
}

func mustParse(t *testing.T, text string) *Description {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("parse: %v\n%s", err, text)
	}
	return d
}

// call is an offer of PCMU and events with the given connection address and further lines.
func call(connection string, lines ...string) string {
	return "v=0\r\no=- 1 1 IN IP4 10.0.0.9\r\ns=-\r\nc=" + connection + "\r\nt=0 0\r\n" +
		"m=audio 5004 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n" + strings.Join(lines, "\r\n")
}

// TestHold puts a call on hold in every way there is, and takes it off again.
func TestHold(t *testing.T) {
	const real, none, none6 = "IN IP4 10.0.0.9", "IN IP4 0.0.0.0", "IN IP6 ::"
	tests := []struct {
		name          string
		connection    string
		attribute     string
		ours          Direction
		held, listens bool
	}{
		{"nothing stated", real, "", SendRecv, false, false},
		{"sendrecv", real, "a=sendrecv", SendRecv, false, false},
		{"sendonly", real, "a=sendonly", RecvOnly, true, false},
		{"inactive", real, "a=inactive", Inactive, true, false},
		{"recvonly", real, "a=recvonly", SendOnly, false, true},
		{"0.0.0.0 alone", none, "", RecvOnly, true, false},
		{"0.0.0.0 and sendrecv", none, "a=sendrecv", RecvOnly, true, false},
		{"0.0.0.0 and sendonly", none, "a=sendonly", RecvOnly, true, false},
		{"0.0.0.0 and recvonly", none, "a=recvonly", Inactive, true, false},
		{"0.0.0.0 and inactive", none, "a=inactive", Inactive, true, false},
		{"IPv6 unspecified, though we have IPv4", none6, "", RecvOnly, true, false},
		{"0.0.0.0 on the media line", real, "c=IN IP4 0.0.0.0", RecvOnly, true, false},
		{"0.0.0.0 for the session, real on the media line", none, "c=IN IP4 10.0.0.9", SendRecv, false, false},
		{"media line wins over the session", real + "\r\na=inactive", "a=sendonly", RecvOnly, true, false},
		{"session alone", real + "\r\na=sendonly", "", RecvOnly, true, false},
		{"session on hold, media line not", real + "\r\na=sendonly", "a=sendrecv", SendRecv, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer, agreed, err := Answer(mustParse(t, call(test.connection, test.attribute)), us)
			if err != nil {
				t.Fatal(err)
			}
			if agreed.Direction != test.ours || agreed.Held != test.held || agreed.Listens != test.listens {
				t.Errorf("agreed %v held %v listens %v; want %v %v %v",
					agreed.Direction, agreed.Held, agreed.Listens, test.ours, test.held, test.listens)
			}
			text := string(answer.Bytes())
			if !strings.Contains(text, "\r\na="+test.ours.String()+"\r\n") {
				t.Errorf("answer does not state %v:\n%s", test.ours, text)
			}
			// However the peer holds, we go on to say where we are.
			if !strings.Contains(text, "\r\nc=IN IP4 192.168.1.2\r\n") || !strings.Contains(text, "\r\nm=audio 20000 ") {
				t.Errorf("answer without our address:\n%s", text)
			}
			if unspecified := agreed.Remote.Addr().IsUnspecified(); unspecified && agreed.RemoteRTCP.IsValid() {
				t.Errorf("RTCP goes to %v during hold by 0.0.0.0", agreed.RemoteRTCP)
			}
		})
	}
}

// TestRemoteRTCP: where RTCP goes, by a=rtcp and without.
func TestRemoteRTCP(t *testing.T) {
	tests := []struct{ port, attribute, want string }{
		{"5004", "", "10.0.0.9:5005"},
		{"65535", "", "invalid AddrPort"}, // there is no next port
		{"5004", "a=rtcp:6001", "10.0.0.9:6001"},
		{"5004", "a=rtcp:6001 IN IP4 10.0.0.8", "10.0.0.8:6001"},
		{"5004", "a=rtcp:6001 IN IP4 0.0.0.0", "invalid AddrPort"},
		// Addresses that cannot be sent to count as not stated.
		{"5004", "a=rtcp:6001 IN IP6 2001:db8::9", "10.0.0.9:6001"},
		{"5004", "a=rtcp:6001 IN IP4 224.2.17.12", "10.0.0.9:6001"},
		{"5004", "a=rtcp:6001 IN IP4 255.255.255.255", "10.0.0.9:6001"},
		{"5004", "a=rtcp:6001 IN IP4 phone.example.com", "10.0.0.9:6001"},
		{"5004", "a=rtcp-mux", "10.0.0.9:5004"},
		{"5004", "a=rtcp:5004\r\na=rtcp-mux", "10.0.0.9:5004"},
		{"65535", "a=rtcp-mux", "10.0.0.9:65535"},
		// RFC 5761 section 4: payload type 72 with the marker could not be told from a sender report.
		{"5004", "a=rtcp-mux\r\na=rtpmap:72 SPEEX/8000", "10.0.0.9:5005"},
	}
	for _, test := range tests {
		text := strings.Replace(call("IN IP4 10.0.0.9", test.attribute), "5004", test.port, 1)
		if strings.Contains(text, "rtpmap:72") {
			text = strings.Replace(text, "RTP/AVP 0", "RTP/AVP 0 72", 1)
		}
		answer, agreed, err := Answer(mustParse(t, text), us)
		if err != nil {
			t.Fatalf("%q: %v", test.attribute, err)
		}
		if said := strings.Contains(string(answer.Bytes()), "a=rtcp-mux\r\n"); said != agreed.Mux {
			t.Errorf("%q: we say rtcp-mux: %v, and do it: %v", test.attribute, said, agreed.Mux)
		}
		if got := agreed.RemoteRTCP.String(); got != test.want {
			t.Errorf("port %s, %q: got %s, want %s", test.port, test.attribute, got, test.want)
		}
	}
}

func TestPacketTime(t *testing.T) {
	tests := []struct {
		attributes string
		want       string
	}{
		{"", "20ms"},
		{"a=ptime:20", "20ms"},
		{"a=ptime:10", "10ms"},
		{"a=ptime:30", "30ms"},
		{"a=ptime:60", "60ms"},
		{"a=ptime:5", "10ms"},
		{"a=ptime:25", "20ms"},
		{"a=ptime:200", "60ms"},
		{"a=ptime:0", "20ms"},
		{"a=ptime:20.5", "20ms"},
		{"a=ptime: 40 ", "40ms"},
		{"a=ptime:fast", "20ms"},
		{"a=ptime:-20", "20ms"},
		{"a=maxptime:150", "20ms"},
		{"a=maxptime:10", "10ms"},
		{"a=ptime:40\r\na=maxptime:30", "30ms"},
		{"a=maxptime:1", "10ms"},
	}
	for _, test := range tests {
		answer, agreed, err := Answer(mustParse(t, call("IN IP4 10.0.0.9", test.attributes)), us)
		if err != nil {
			t.Fatalf("%q: %v", test.attributes, err)
		}
		if agreed.Ptime.String() != test.want || answer.Media[0].Ptime != agreed.Ptime {
			t.Errorf("%q: sends %v and asks for %v, want %s", test.attributes, agreed.Ptime, answer.Media[0].Ptime, test.want)
		}
	}
}

// TestAnswerIPv6 is a call that is IPv6 on both sides.
func TestAnswerIPv6(t *testing.T) {
	local := us
	local.Addr = netip.MustParseAddr("fe80::2%eth0") // a zone is our own business
	answer, agreed, err := Answer(mustParse(t, call("IN IP6 fe80::9")), local)
	if err != nil {
		t.Fatal(err)
	}
	if want := netip.MustParseAddrPort("[fe80::9]:5004"); agreed.Remote != want {
		t.Errorf("remote %v, want %v", agreed.Remote, want)
	}
	if text := string(answer.Bytes()); strings.Count(text, "IN IP6 fe80::2\r\n") != 2 {
		t.Errorf("answer lacks our address in o= and c=:\n%s", text)
	}
}

func TestAnswerMappedAddress(t *testing.T) {
	local := us
	local.Addr = netip.MustParseAddr("::ffff:192.168.1.2") // as a dual-stack socket tells it
	answer, _, err := Answer(mustParse(t, call("IN IP4 10.0.0.9")), local)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer.Connection.String(); got != "IN IP4 192.168.1.2" {
		t.Errorf("c=%s", got)
	}
}

// TestRefusalCodes names the Warning for each fault; the first audio line's fault is the one told.
func TestRefusalCodes(t *testing.T) {
	head := "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nt=0 0\n"
	tests := []struct {
		name, lines string
		code        int
	}{
		{"no media", "", 304},
		{"no connection", "m=audio 5004 RTP/AVP 0\n", 301},
		{"not the Internet", "c=ATM NSAP 47\nm=audio 5004 RTP/AVP 0\n", 300},
		{"secure only", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/SAVP 0\n", 302},
		{"broadcast", "c=IN IP4 255.255.255.255\nm=audio 5004 RTP/AVP 0\n", 330},
		{"no formats", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/AVP\n", 305},
		{"number too large", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/AVP 128\na=rtpmap:128 PCMA/8000\n", 305},
		{"wrong clock", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/AVP 96\na=rtpmap:96 PCMA/16000\n", 305},
		{"stereo", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/AVP 96\na=rtpmap:96 PCMA/8000/2\n", 305},
		{"events only", "c=IN IP4 10.0.0.9\nm=audio 5004 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", 305},
		{"two faults", "c=IN IP4 10.0.0.9\nm=audio 0 RTP/AVP 0\nm=audio 5004 RTP/SAVP 0\n", 304},
	}
	for _, test := range tests {
		_, _, err := Answer(mustParse(t, head+test.lines), us)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != test.code {
			t.Errorf("%s: got %v, want %d", test.name, err, test.code)
		}
	}
}

func TestWarning(t *testing.T) {
	_, _, err := Answer(mustParse(t, call("IN IP4 phone.example.com")), us)
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v", err)
	}
	got := refusal.Warning("192.168.1.2:5060")
	if want := `301 192.168.1.2:5060 "Incompatible network address formats: host names are not resolved"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDecline takes the audio away in mid-call: answered line by line, and the leg knows it is held.
func TestDecline(t *testing.T) {
	_, former, err := Answer(mustParse(t, call("IN IP4 10.0.0.9")), us)
	if err != nil {
		t.Fatal(err)
	}
	offer := mustParse(t, "v=0\no=- 1 2 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 0 RTP/AVP 0\nm=video 6000 RTP/AVP 96\n")
	if offer.HasAudio() {
		t.Error("audio with port 0 counts as audio")
	}
	answer, agreed := Decline(offer, us, former)
	want := "v=0\r\no=- 42 7 IN IP4 192.168.1.2\r\ns=-\r\nc=IN IP4 192.168.1.2\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=video 0 RTP/AVP 96\r\n"
	if got := string(answer.Bytes()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if !agreed.Held || agreed.Remote.IsValid() || agreed.RemoteRTCP.IsValid() {
		t.Errorf("agreed %+v, want held and nowhere to send to", agreed)
	}
	if agreed.Codec != former.Codec || agreed.EventType != former.EventType || agreed.Ptime != former.Ptime {
		t.Errorf("agreed %+v, want the formats of %+v", agreed, former)
	}
}

// TestAnswerProperties holds for any offer: RFC 3264 section 6's rules for the lines of an answer.
func TestAnswerProperties(t *testing.T) {
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		offer := description().Draw(t, "offer")
		answer, agreed, err := Answer(offer, us)
		if err != nil {
			if refusal := (*Refusal)(nil); !errors.As(err, &refusal) {
				t.Fatalf("error %v is no *Refusal", err)
			}
			return
		}
		accepted++
		if fault := unfit(offer, answer, agreed); fault != "" {
			t.Fatalf("%s\noffer\n%s\nanswer\n%s", fault, offer.Bytes(), answer.Bytes())
		}
	})
	if accepted == 0 {
		t.Error("no offer was accepted: the property was never tested")
	}
}

// unfit says what is wrong with answer as an answer to offer; empty: nothing.
func unfit(offer, answer *Description, agreed Agreed) string {
	if len(answer.Media) != len(offer.Media) {
		return "the number of lines differs"
	}
	if answer.Timing != offer.Timing {
		return "t= differs"
	}
	taken := 0
	for i := range answer.Media {
		asked, replied := &offer.Media[i], &answer.Media[i]
		if replied.Kind != asked.Kind || replied.Proto != asked.Proto {
			return "kind or protocol differ"
		}
		for j := range replied.Formats {
			if !asked.has(replied.Formats[j].ID) {
				return "a format was not offered: " + replied.Formats[j].ID
			}
		}
		if replied.Port == 0 {
			continue
		}
		taken++
		if asked.Port == 0 {
			return "a line with port 0 was taken"
		}
		if replied.Formats[0].ID != fmt.Sprint(agreed.PayloadType) {
			return "the first format is not the one agreed on"
		}
		if (len(replied.Formats) == 2) != (agreed.EventType != 0) {
			return "events in the answer and agreed differ"
		}
		if asked.Direction.Reverse().Both(replied.Direction) != replied.Direction {
			return "the direction goes beyond the offer's"
		}
	}
	if taken != 1 {
		return fmt.Sprintf("%d lines were taken", taken)
	}
	return ""
}
