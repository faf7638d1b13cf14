package ami

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzRead reads what an Asterisk, or something else, might send. What comes out is bounded, and what can be sent again is read as
// the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte("Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"), uint16(2), []byte(""), false)
	f.Add([]byte("Event: UserEvent\nUserEvent: X\n\n\n\r\r\n: \r\n:\r\nA:B:C\r\n\r\n"), uint16(1), []byte("A: 1"), true)
	f.Add([]byte("A: x"), uint16(2*longestLine), []byte("\r\n\r\nB: 1\r\n\r\n"), false)
	f.Add([]byte("A: 1\n"), uint16(2*mostHeaders), []byte("\nB: 1\n\n"), false)
	f.Add([]byte("A: \x00\r\n\r\nB\r\n\r\nC: \xff\r\n\r\n"), uint16(1), []byte("\n"), true)
	f.Fuzz(func(t *testing.T, part []byte, times uint16, end []byte, slowly bool) {
		b := append(bytes.Repeat(part, min(int(times), 1<<16/(1+len(part)))), end...) // long texts of short ones
		r := newReader(bytes.NewReader(b))
		if slowly {
			r = newReader(iotest.OneByteReader(bytes.NewReader(b)))
		}
		for {
			m, err := r.read()
			if err != nil {
				return
			}
			if len(m) == 0 || len(m) > mostHeaders {
				t.Fatalf("a message of %d headers", len(m))
			}
			for _, h := range m {
				if strings.ContainsAny(h.Name+h.Value, "\n") || len(h.Name)+len(h.Value) > longestLine || m.Value(h.Name) != "" && strings.Contains(h.Name, ":") {
					t.Fatalf("a header %q", h)
				}
			}
			wire, err := m.wire()
			if err != nil {
				continue
			}
			if again, err := newReader(bytes.NewReader(wire)).read(); err != nil || !slices.Equal(m, again) {
				t.Fatalf("%q, sent as %q, is read as %q, %v", m, wire, again, err)
			}
		}
	})
}

func TestValue(t *testing.T) {
	m := Message{{"Event", "UserEvent"}, {"Room", "101"}, {"Twice", "1"}, {"TWICE", "1"}}
	for name, want := range map[string]string{"event": "UserEvent", "ROOM": "101", "Twice": "", "None": ""} {
		if got := m.Value(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
