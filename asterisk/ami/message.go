package ami

import (
	"errors"
	"fmt"
	"strings"
)

// Header is one line of a message.
type Header struct{ Name, Value string }

// Message is what one side says at once. Its first header says what it is: "Action", "Response" or "Event". The zero Message says
// nothing.
type Message []Header

// Value is what stands behind that name, in whatever case that is written. It is empty when the name is not there, and when it
// stands there twice: who can put a line of his own into an event shall not speak for Asterisk.
func (m Message) Value(name string) string {
	value, found := "", false
	for _, h := range m {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if found {
			return ""
		}
		value, found = h.Value, true
	}
	return value
}

// is says whether m is an "Event", say: whether that is its first header. A dialplan can put others behind that.
func (m Message) is(kind string) bool { return len(m) > 0 && strings.EqualFold(m[0].Name, kind) }

// longestSent is how long a line may be that Asterisk reads: it takes 1,024 bytes (manager.c, get_input).
const longestSent = 1000

// wire is m as it is sent. The error is of a header that would be several, or more than Asterisk reads.
func (m Message) wire() ([]byte, error) {
	var b []byte
	for _, h := range m {
		switch {
		case h.Name == "" || strings.ContainsAny(h.Name, ":\r\n\x00"):
			return nil, fmt.Errorf("manager: %q is no name of a header", h.Name)
		case strings.ContainsAny(h.Value, "\r\n\x00"):
			return nil, fmt.Errorf("manager: %s: the value has a line break in it", h.Name) // not the value: it may be a secret
		case len(h.Name)+len(h.Value) > longestSent:
			return nil, fmt.Errorf("manager: %s: the value is too long", h.Name)
		}
		b = append(b, h.Name+": "+h.Value+"\r\n"...)
	}
	if len(b) == 0 {
		return nil, errors.New("manager: a message of nothing")
	}
	return append(b, "\r\n"...), nil
}
