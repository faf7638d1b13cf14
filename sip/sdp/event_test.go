package sdp

import (
	"strings"
	"testing"
)

// TestEvents: of the events offered we answer those that we know.
func TestEvents(t *testing.T) {
	tests := []struct{ offered, answered string }{
		{"a=fmtp:101 0-16", "0-16"},
		{"a=fmtp:101 0-15", "0-15"},
		{"", "0-15"}, // RFC 4733 section 2.4.1
		{"a=fmtp:101 0-15,66,70", "0-15"},
		{"a=fmtp:101 0-11", "0-11"},
		{"a=fmtp:101 0-9, 11,16", "0-9,11,16"},
		{"a=fmtp:101 events=0-15", "0-15"},
		{"a=fmtp:101 0-255", "0-16"},
		{"a=fmtp:101 nonsense", "0-15"},
		{"a=fmtp:101 0-999", "0-15"},
		{"a=fmtp:101 5", "5"},
		{"a=fmtp:101 32-35", ""}, // modem tones only: of no use
		{"a=fmtp:101 17-40", ""},
		{"a=fmtp:101 9-3", ""},
	}
	for _, test := range tests {
		answer, agreed, err := Answer(mustParse(t, call("IN IP4 10.0.0.9", test.offered)), us)
		if err != nil {
			t.Fatalf("%q: %v", test.offered, err)
		}
		text := string(answer.Bytes())
		if test.answered == "" {
			if agreed.EventType != 0 || strings.Contains(text, "telephone-event") {
				t.Errorf("%q: answered as %d\n%s", test.offered, agreed.EventType, text)
			}
			continue
		}
		if want := "\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 " + test.answered + "\r\n"; !strings.Contains(text, want) {
			t.Errorf("%q: want %q in\n%s", test.offered, want, text)
		}
		if agreed.EventType != 101 || agreed.EventRate != 8000 {
			t.Errorf("%q: agreed %d at %d", test.offered, agreed.EventType, agreed.EventRate)
		}
	}
}
