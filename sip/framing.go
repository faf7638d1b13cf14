package sip

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"
)

// framer finds out where messages end in what comes over a connection (RFC 3261
// section 18.3). The zero value is at the beginning of a message. Pure.
//
//	\r\n\r\n  INVITE ... \r\n Content-Length: 4 \r\n\r\n body  \r\n  OPTIONS ...
//	|------|  |----------------------------------------------| |--|  |------
//	 a ping                     a message                      blank   a part
//
// It says of no bytes that they are a message which sipgo's parser would cut
// elsewhere: what the parser refuses ends the connection there.
type framer struct {
	looked int // so many bytes of the message hold no end of the headers
	length int // of the message with its body; zero: not known yet
}

// piece is what the first bytes of a stream are.
type piece int

const (
	part    piece = iota // of something that is not whole yet
	full                 // a whole message
	ping                 // a keep-alive that wants an answer (RFC 5626 section 4.4.1)
	blank                // what may stand between messages and says nothing (RFC 3261 section 7.5)
	strange              // no SIP, or a message whose end cannot be known: the stream is of no use any more
)

const (
	pinged = "\r\n\r\n"
	idle   = "\r\n\x00" // of these are keep-alives; zeros are what some send
)

// errOutOfStep ends a connection on which no message can be found any more.
var errOutOfStep = errors.New("the peer is out of step: what it sends is no message, or one without an end")

// next says what b begins with, and of how many bytes that is. Of a part all
// that is known of it has to be there at the next call, from its first byte.
func (f *framer) next(b []byte) (n int, is piece) {
	if f.looked == 0 && f.length == 0 {
		if n, is := between(b); is != full {
			return n, is
		}
	}
	if f.length == 0 {
		if is := f.measure(b); is != full {
			return 0, is
		}
	}
	if len(b) < f.length {
		return 0, part
	}
	n, *f = f.length, framer{}
	return n, full
}

// between tells what stands between two messages; full: nothing does.
func between(b []byte) (n int, is piece) {
	switch {
	case len(b) == 0:
		return 0, part
	case bytes.HasPrefix(b, []byte(pinged)):
		return len(pinged), ping
	case bytes.HasPrefix([]byte(pinged), b):
		return 0, part
	case bytes.IndexByte([]byte(idle), b[0]) >= 0:
		return 1, blank
	}
	return 0, full
}

// cut says what sipgo may be given of b: b[from:to], which is whole messages or
// one ping. What is before that is of no use, and what is behind, b[rest:], has to
// wait. With errOutOfStep it is all that it may ever be given.
//
// Blank lines right behind a message are how some end it, and no ping.
func (f *framer) cut(b []byte) (from, to, rest int, err error) {
	for {
		n, is := f.next(b[to:])
		switch {
		case is == full:
			to += n
		case is == blank && from == to:
			from, to = from+n, to+n
		case is == ping && from == to:
			return from, to + n, to + n, nil // alone: so sipgo knows it
		case is == strange && from == to:
			return from, len(b), len(b), errOutOfStep // sipgo finds out what is wrong with it, and hangs up
		case from == to:
			return from, to, to, nil
		default:
			return from, to, len(b) - len(bytes.TrimLeft(b[to:], idle)), nil
		}
	}
}

// measure finds the end of the headers, and with it the length of the message;
// part: they are not complete yet.
func (f *framer) measure(b []byte) piece {
	from := max(f.looked-3, 0) // the end may have come in two pieces
	i := bytes.Index(b[from:], []byte("\r\n\r\n"))
	if i < 0 {
		f.looked = len(b)
		if len(b) > sipgo.ParseMaxMessageLength || !mayBegin(b) {
			return strange
		}
		return part
	}
	head := from + i + 4
	body, ok := contentLength(b[:head])
	if !ok || head > sipgo.ParseMaxMessageLength || body > uint64(sipgo.ParseMaxMessageLength-head) {
		return strange
	}
	f.length = head + int(body)
	return full
}

// mayBegin tells whether b may be the beginning of a message: garbage would be
// collected until there is too much of it.
func mayBegin(b []byte) bool {
	line, rest, whole := bytes.Cut(b, []byte("\r"))
	if !whole || len(rest) == 0 {
		return true
	}
	return rest[0] == '\n' && (bytes.Contains(line, []byte("SIP")) || bytes.Contains(line, []byte("sip")))
}

// contentLength reads that header, as sipgo's parser does: the last one counts,
// and each has to be a number. Over a connection there must be one (RFC 3261
// section 18.3).
func contentLength(head []byte) (length uint64, ok bool) {
	_, lines, _ := bytes.Cut(head, []byte("\r\n"))
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		if len(line) > 0 && folds(lines) {
			line, lines = unfold(line, lines)
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); !isContentLength(name) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 32)
		if err != nil {
			return 0, false
		}
		length, ok = n, true
	}
	return length, ok
}

// isContentLength knows the name and its compact form (RFC 3261 section 7.3.3).
func isContentLength(name []byte) bool {
	switch len(name) {
	case len("l"):
		return name[0] == 'l' || name[0] == 'L'
	case len("Content-Length"):
		return bytes.EqualFold(name, []byte("Content-Length"))
	}
	return false
}

// folds tells whether a line goes on the one before it (RFC 3261 section 7.3.1).
func folds(line []byte) bool { return len(line) > 0 && (line[0] == ' ' || line[0] == '\t') }

// unfold makes one line of a line and those that go it on.
func unfold(line, lines []byte) (whole, rest []byte) {
	whole = bytes.TrimRight(slices.Clone(line), " \t")
	for folds(lines) {
		var more []byte
		more, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		whole = append(append(whole, ' '), bytes.Trim(more, " \t")...)
	}
	return whole, lines
}
