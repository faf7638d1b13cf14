package phone

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Header is one header line of a SIP message, the name in its long form.
type Header struct{ Name, Value string }

// Message is a SIP request (Method is set) or response (Status is set). Plain data; not safe for concurrent change.
type Message struct {
	Method, URI string
	Status      int
	Phrase      string
	Headers     []Header
	Body        []byte
}

// compact maps the one-letter forms of RFC 3261 7.3.3 and its extensions to the long ones.
var compact = map[string]string{
	"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact", "c": "Content-Type", "l": "Content-Length",
	"e": "Content-Encoding", "s": "Subject", "k": "Supported", "o": "Event", "r": "Refer-To", "b": "Referred-By",
	"x": "Session-Expires", "u": "Allow-Events", "a": "Accept-Contact", "j": "Reject-Contact", "d": "Request-Disposition",
}

var errMessage = errors.New("not a SIP message")

// parseHead reads the start line and the headers, without the body. The rest is what follows the empty line.
func parseHead(b []byte) (m *Message, rest []byte, err error) {
	head, rest, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found {
		return nil, nil, errMessage
	}
	lines := strings.Split(string(head), "\r\n")
	m = &Message{}
	if err := m.parseStart(lines[0]); err != nil {
		return nil, nil, err
	}
	for _, line := range lines[1:] {
		if line == "" {
			continue
		}
		// RFC 3261 7.3.1: a line that begins with white space continues the one before it.
		if (line[0] == ' ' || line[0] == '\t') && len(m.Headers) > 0 {
			last := &m.Headers[len(m.Headers)-1]
			last.Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found {
			return nil, nil, fmt.Errorf("header without colon %q: %w", line, errMessage)
		}
		name = strings.TrimSpace(name)
		if long, ok := compact[strings.ToLower(name)]; ok {
			name = long
		}
		m.Headers = append(m.Headers, Header{name, strings.TrimSpace(value)})
	}
	return m, rest, nil
}

func (m *Message) parseStart(line string) error {
	first, rest, _ := strings.Cut(line, " ")
	second, third, _ := strings.Cut(rest, " ")
	if first == "SIP/2.0" {
		status, err := strconv.Atoi(second)
		if err != nil || status < 100 || status > 699 {
			return fmt.Errorf("status line %q: %w", line, errMessage)
		}
		m.Status, m.Phrase = status, third
		return nil
	}
	if third != "SIP/2.0" || first == "" {
		return fmt.Errorf("request line %q: %w", line, errMessage)
	}
	m.Method, m.URI = first, second
	return nil
}

// parseDatagram reads a message that came in one UDP datagram: the body is the rest, cut to Content-Length if that is
// there (RFC 3261 18.3).
func parseDatagram(b []byte) (*Message, error) {
	m, rest, err := parseHead(b)
	if err != nil {
		return nil, err
	}
	if text := m.Header("Content-Length"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > len(rest) {
			return nil, fmt.Errorf("content length %q of %d bytes: %w", text, len(rest), errMessage)
		}
		rest = rest[:n]
	}
	m.Body = bytes.Clone(rest)
	return m, nil
}

// Header returns the value of the first header of that name, or "".
func (m *Message) Header(name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Values returns the values of all headers of that name, with comma-separated lists taken apart.
func (m *Message) Values(name string) []string {
	var all []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			all = append(all, splitList(h.Value)...)
		}
	}
	return all
}

func (m *Message) add(name, value string) { m.Headers = append(m.Headers, Header{name, value}) }

func (m *Message) set(name, value string) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			m.Headers[i].Value = value
			return
		}
	}
	m.add(name, value)
}

// cseq returns the number and the method of the CSeq header; 0 and "" if there is none.
func (m *Message) cseq() (uint32, string) {
	number, method, _ := strings.Cut(m.Header("CSeq"), " ")
	n, _ := strconv.ParseUint(number, 10, 32)
	return uint32(n), strings.TrimSpace(method)
}

// branch returns the branch of the topmost Via: the name of the transaction (RFC 3261 17.1.3).
func (m *Message) branch() string {
	vias := m.Values("Via")
	if len(vias) == 0 {
		return ""
	}
	return param(vias[0], "branch")
}

// Bytes is the message as it goes on the wire; Content-Length is always right.
func (m *Message) Bytes() []byte {
	var b bytes.Buffer
	if m.Method != "" {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Status, m.Phrase)
	}
	for _, h := range m.Headers {
		if !strings.EqualFold(h.Name, "Content-Length") {
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(m.Body))
	b.Write(m.Body)
	return b.Bytes()
}

// String is the start line, for errors and logs.
func (m *Message) String() string {
	if m.Method != "" {
		return m.Method + " " + m.URI
	}
	return strconv.Itoa(m.Status) + " " + m.Phrase
}
