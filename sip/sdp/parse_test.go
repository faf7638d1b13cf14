package sdp

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

const plain = "v=0\no=- 1 1 IN IP4 10.0.0.9\ns=-\nc=IN IP4 10.0.0.9\nt=0 0\nm=audio 5004 RTP/AVP 8 101\na=rtpmap:101 telephone-event/8000\na=ptime:30\n"

// TestParseLineEnds: whatever the line ends are, the last line counts. Here it is the one that matters.
func TestParseLineEnds(t *testing.T) {
	want := mustParse(t, plain)
	if want.Media[0].Ptime != 30*time.Millisecond {
		t.Fatalf("ptime %v", want.Media[0].Ptime)
	}
	crlf := strings.ReplaceAll(plain, "\n", "\r\n")
	for name, text := range map[string]string{
		"CRLF":               crlf,
		"no last CRLF":       strings.TrimSuffix(crlf, "\r\n"),
		"no last LF":         strings.TrimSuffix(plain, "\n"),
		"CR without last LF": strings.TrimSuffix(crlf, "\n"),
		"blank lines":        "\r\n" + crlf + "\r\n\r\n",
		"a line of blanks":   crlf + "  \r\n",
		"closing NUL":        crlf + "\x00",
		"unknown lines":      strings.Replace(crlf, "m=", "b=AS:64\r\nk=clear:x\r\nz=0 0\r\nX=?\r\na=unknown:1\r\nm=", 1) + "a=foo\r\na=\r\na=:\r\n",
	} {
		if got := mustParse(t, text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// TestParseEverything reads a description with all that is kept.
func TestParseEverything(t *testing.T) {
	got := mustParse(t, `v=0
o=John Doe 2890844526 2890842807 IN IP6 2001:db8::1
s=A call
c=IN IP6 2001:db8::1
t=2873397496 2873404696
a=sendonly
m=audio 49170/2 RTP/AVP 8 96
c=IN IP4 192.0.2.1
a=RTPMAP:8 pcma/8000/1
a=rtpmap:96  opus/48000/2
a=fmtp:96  useinbandfec=1; stereo=0
a=rtpmap:97 G722/8000
a=rtcp:53020 IN IP4 192.0.2.2
a=ptime:20
a=maxptime:150
a=inactive
m=image 4000 udptl t38
`)
	session := Address{"IN", "IP6", "2001:db8::1"}
	want := &Description{
		Origin:     Origin{"John Doe", "2890844526", "2890842807", session},
		Connection: session,
		Timing:     "2873397496 2873404696",
		Media: []Media{{
			Kind: "audio", Port: 49170, Proto: "RTP/AVP",
			Formats: []Format{
				{ID: "8", Encoding: "pcma", ClockRate: 8000},
				{ID: "96", Encoding: "opus", ClockRate: 48000, Channels: 2, Params: "useinbandfec=1; stereo=0"},
			},
			Connection: Address{"IN", "IP4", "192.0.2.1"}, Direction: Inactive,
			RTCP:  RTCP{53020, Address{"IN", "IP4", "192.0.2.2"}},
			Ptime: 20 * time.Millisecond, MaxPtime: 150 * time.Millisecond,
		}, {
			Kind: "image", Port: 4000, Proto: "udptl", Formats: []Format{{ID: "t38"}},
			Connection: session, Direction: SendOnly, // both inherited
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestParseIgnores: malformed attributes cost themselves, not the call.
func TestParseIgnores(t *testing.T) {
	want := mustParse(t, plain)
	for _, attribute := range []string{
		"rtpmap", "rtpmap:", "rtpmap:8", "rtpmap:8 /8000", "rtpmap:x PCMA/8000", "fmtp:", "fmtp:18 annexb=no", "fmtp:8",
		"rtcp:", "rtcp:0", "rtcp:99999", "maxptime:soon", "maxptime:-1", "maxptime:99999999999999999999",
	} {
		if got := mustParse(t, plain+"a="+attribute+"\n"); !reflect.DeepEqual(got, want) {
			t.Errorf("a=%s: got %+v, want %+v", attribute, got, want)
		}
	}
	for _, origin := range []string{"", "o=\n", "o=- 1 1\n"} {
		got := mustParse(t, strings.Replace(plain, "o=- 1 1 IN IP4 10.0.0.9\n", origin, 1))
		if got.Origin != unknownOrigin {
			t.Errorf("%q: origin %+v", origin, got.Origin)
		}
	}
}

// TestParseErrors: text that is no session description. The error names the line.
func TestParseErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", "empty"},
		{"blank lines", "\r\n\r\n", "empty"},
		{"other text", "hello\r\n", "sdp line 1: not of the form"},
		{"no version", "o=- 1 1 IN IP4 10.0.0.9\r\n", "sdp line 1: does not begin with v=0"},
		{"another version", "v=1\r\n", "sdp line 1: does not begin with v=0"},
		{"a line without =", "v=0\r\ns=-\r\nm audio\r\n", "sdp line 3: not of the form"},
		{"one letter", "v=0\r\na\r\n", "sdp line 2: not of the form"},
		{"m= with nothing", "v=0\r\nm=\r\n", "sdp line 2: m= has no port"},
		{"m= without protocol", "v=0\r\nm=audio 5004\r\n", "sdp line 2: m= has no port or no protocol"},
		{"port is no number", "v=0\r\nm=audio rtp RTP/AVP 0\r\n", "no valid port"},
		{"port below 0", "v=0\r\nm=audio -1 RTP/AVP 0\r\n", "no valid port"},
		{"port too large", "v=0\r\nm=audio 65536 RTP/AVP 0\r\n", "no valid port"},
		{"c= with too little", "v=0\r\nc=IN IP4\r\n", "sdp line 2: c= is not"},
		{"NUL within", "v=0\r\ns=\x00\r\nt=0 0\r\n", "NUL"},
		{"too many formats", "v=0\r\nm=audio 1 RTP/AVP" + strings.Repeat(" 0", 129), "more than 128 formats"},
		{"too many media", "v=0\r\n" + strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 65), "more than 64 media"},
	}
	for _, test := range tests {
		_, err := Parse([]byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}
