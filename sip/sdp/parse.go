package sdp

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limits on what Parse takes. A description with more is no telephone's; without them a message of 64 kB could
// make us compare thousands of rtpmaps with thousands of formats, and answer with thousands of lines.
const (
	maxMedia   = 64
	maxFormats = 128 // as many as there are RTP payload numbers
)

// Parse reads a session description. It takes lines that end in LF or CRLF, the last one in nothing, and passes
// over lines, attributes and attribute values that it does not understand. The error names the line by its
// number, from 1, and says what is wrong with it; SIP answers 400.
func Parse(b []byte) (*Description, error) {
	// Some devices count a closing NUL or blank lines into Content-Length.
	text := string(bytes.TrimRight(b, "\x00\r\n"))
	if strings.Contains(text, "\x00") {
		return nil, fmt.Errorf("sdp: holds a NUL") // RFC 8866 section 9: byte-string excludes it
	}

	p := parser{description: &Description{Timing: "0 0", Origin: unknownOrigin}}
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("sdp line %d: %w", number, err)
		}
	}
	if !p.begun {
		return nil, fmt.Errorf("sdp: empty")
	}
	return p.description, nil
}

// unknownOrigin stands for an o= line that is missing or malformed: nothing depends on it.
var unknownOrigin = Origin{
	Username: "-", SessionID: "0", Version: "0",
	Address: Address{Network: "IN", Type: "IP4", Host: "0.0.0.0"},
}

// parser is the state of one Parse. Until the first m= line, media is nil and lines belong to the session.
type parser struct {
	description *Description
	media       *Media    // the one that lines belong to
	direction   Direction // the session's, which media inherit
	begun       bool      // v= was read
}

// line reads one line, which is not empty and has no line end.
func (p *parser) line(line string) error {
	if len(line) < 2 || line[1] != '=' {
		return fmt.Errorf("not of the form x=value")
	}
	kind, value := line[0], strings.TrimSpace(line[2:])

	// RFC 8866 section 5: v= comes first. It is how we tell a description from any other text.
	if !p.begun {
		if kind != 'v' || value != "0" {
			return fmt.Errorf("does not begin with v=0")
		}
		p.begun = true
		return nil
	}
	switch kind {
	case 'o':
		p.origin(value)
	case 't':
		p.timing(value)
	case 'c':
		return p.connection(value)
	case 'm':
		return p.mediaLine(value)
	case 'a':
		p.attribute(value)
	}
	return nil
}

// origin reads "username sess-id sess-version nettype addrtype address", counting from the end, since there are
// user names with blanks in them.
func (p *parser) origin(value string) {
	fields := strings.Fields(value)
	n := len(fields) - 5
	if n < 0 {
		return
	}
	username := strings.Join(fields[:n], " ")
	if username == "" {
		username = "-"
	}
	p.description.Origin = Origin{
		Username: username, SessionID: fields[n], Version: fields[n+1],
		Address: Address{Network: fields[n+2], Type: fields[n+3], Host: fields[n+4]},
	}
}

// timing reads "start stop". It is kept because the answer must repeat it.
func (p *parser) timing(value string) {
	if fields := strings.Fields(value); len(fields) == 2 {
		p.description.Timing = fields[0] + " " + fields[1]
	}
}

// connection reads "nettype addrtype address", for the media if there is one, else for the session.
func (p *parser) connection(value string) error {
	address, ok := parseAddress(value)
	if !ok {
		return fmt.Errorf("c= is not of the form IN IP4 address")
	}
	if p.media != nil {
		p.media.Connection = address
	} else {
		p.description.Connection = address
	}
	return nil
}

func parseAddress(value string) (Address, bool) {
	fields := strings.Fields(value)
	if len(fields) != 3 {
		return Address{}, false
	}
	return Address{Network: fields[0], Type: fields[1], Host: fields[2]}, true
}

// mediaLine reads "kind port[/count] proto format ..." and begins a Media, which inherits what the session has
// stated so far; the session's own lines all come before (RFC 8866 section 5).
func (p *parser) mediaLine(value string) error {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return fmt.Errorf("m= has no port or no protocol")
	}
	// The count belongs to layered streams, which are not for telephones.
	portText, _, _ := strings.Cut(fields[1], "/")
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return fmt.Errorf("m= has no valid port")
	}
	if len(fields)-3 > maxFormats {
		return fmt.Errorf("m= has more than %d formats", maxFormats)
	}
	if len(p.description.Media) == maxMedia {
		return fmt.Errorf("more than %d media", maxMedia)
	}
	m := Media{
		Kind: fields[0], Port: uint16(port), Proto: fields[2],
		Connection: p.description.Connection, Direction: p.direction,
	}
	for _, id := range fields[3:] {
		m.Formats = append(m.Formats, Format{ID: id})
	}
	p.description.Media = append(p.description.Media, m)
	p.media = &p.description.Media[len(p.description.Media)-1]
	return nil
}

// attribute reads "name" or "name:value". Attributes that we do not know, and values that we cannot read, are
// passed over: RFC 8866 section 5.13 asks so for the first, experience with telephones for the second.
func (p *parser) attribute(attribute string) {
	name, value, _ := strings.Cut(attribute, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if direction, ok := directionByName(name); ok {
		p.setDirection(direction)
		return
	}
	if p.media == nil {
		return // the rest belongs to media
	}
	switch name {
	case "rtpmap":
		p.media.rtpmap(value)
	case "fmtp":
		p.media.fmtp(value)
	case "rtcp":
		p.media.rtcp(value)
	case "rtcp-mux":
		p.media.Mux = true
	case "ptime":
		p.media.Ptime = parseMilliseconds(value)
	case "maxptime":
		p.media.MaxPtime = parseMilliseconds(value)
	}
}

func (p *parser) setDirection(direction Direction) {
	if p.media != nil {
		p.media.Direction = direction
	} else {
		p.direction = direction
	}
}

// rtpmap reads "number encoding/clock[/channels]".
func (m *Media) rtpmap(value string) {
	fields := strings.Fields(value)
	if len(fields) < 2 {
		return
	}
	encoding, rest, _ := strings.Cut(fields[1], "/")
	if encoding == "" {
		return
	}
	clock, channels, _ := strings.Cut(rest, "/")
	m.eachFormat(fields[0], func(f *Format) {
		f.Encoding, f.ClockRate, f.Channels = encoding, parseCount(clock), 0
		// "/1" says the same as nothing, and a count of channels needs a clock rate to stand behind.
		if n := parseCount(channels); n > 1 && f.ClockRate > 0 {
			f.Channels = n
		}
	})
}

// fmtp reads "number parameters".
func (m *Media) fmtp(value string) {
	id, params, _ := strings.Cut(strings.TrimSpace(value), " ")
	m.eachFormat(id, func(f *Format) { f.Params = strings.TrimSpace(params) })
}

// eachFormat calls set on all formats called id: a list may, wrongly, have the same number twice.
func (m *Media) eachFormat(id string, set func(*Format)) {
	for i := range m.Formats {
		if m.Formats[i].ID == id {
			set(&m.Formats[i])
		}
	}
}

// rtcp reads "port [nettype addrtype address]" (RFC 3605 section 2.1).
func (m *Media) rtcp(value string) {
	portText, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return
	}
	m.RTCP = RTCP{Port: uint16(port)}
	if address, ok := parseAddress(rest); ok {
		m.RTCP.Address = address
	}
}

// parseCount reads a number that must not be below zero; 0 if it is none.
func parseCount(text string) int {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return 0
	}
	return int(n)
}

// parseMilliseconds reads a packet time; 0 if it is none. RFC 8866 section 6.4 allows fractions, which nobody
// can send in G.711 and which are cut off.
func parseMilliseconds(text string) time.Duration {
	whole, _, _ := strings.Cut(strings.TrimSpace(text), ".")
	return time.Duration(parseCount(whole)) * time.Millisecond
}
