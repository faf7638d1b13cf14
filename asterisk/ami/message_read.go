package ami

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync/atomic"
)

// What a message may be. Events of Asterisk 22 have up to 60 headers, and lines below 1,100 bytes unless a variable is in them.
const (
	longestLine = 4096 // bytes
	mostHeaders = 250
)

// reader takes messages off a connection. Of what is larger than a message may be nothing is kept.
type reader struct {
	in      *bufio.Reader // holds one line
	skipped atomic.Uint64 // messages that were too large
}

func newReader(from io.Reader) *reader { return &reader{in: bufio.NewReaderSize(from, longestLine)} }

// line is the next line without its end, LF or CR LF. whole is false for one that was too long, which has been read past.
func (r *reader) line() (text string, whole bool, err error) {
	b, err := r.in.ReadSlice('\n')
	whole = err == nil
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.in.ReadSlice('\n')
	}
	if err != nil || !whole {
		return "", false, err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), true, nil
}

// read is the next message that is one: lines without a colon are left out, and messages that are too large. The error is that of
// the connection.
func (r *reader) read() (Message, error) {
	var m Message
	large := false
	for {
		line, whole, err := r.line()
		if err != nil {
			return nil, err
		}
		name, value, header := strings.Cut(line, ":")
		switch {
		case !whole:
			large = true
		case line != "" && header && !large:
			m = append(m, Header{strings.TrimSpace(name), strings.TrimSpace(value)})
			large = len(m) > mostHeaders
		case line == "" && large:
			r.skipped.Add(1)
			m, large = nil, false
		case line == "" && len(m) > 0:
			return m, nil
		}
	}
}
