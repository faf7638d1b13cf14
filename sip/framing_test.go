package sip

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
)

// segments is a connection on which these come, and then its end.
type segments struct {
	net.Conn
	left [][]byte
}

func (s *segments) Read(b []byte) (int, error) {
	for len(s.left) > 0 && len(s.left[0]) == 0 {
		s.left = s.left[1:]
	}
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.left[0])
	s.left[0] = s.left[0][n:]
	return n, nil
}

// lineOn is a line on which these segments come.
func lineOn(left ...[]byte) *line {
	return &line{Conn: &segments{left: left}, door: &doorman{}}
}

// reads is what a line gives to sipgo, read by read, and how it ends.
func reads(l *line, room int) (all []string, err error) {
	for {
		b := make([]byte, room)
		n, err := l.Read(b)
		if err != nil {
			return all, err
		}
		all = append(all, string(b[:n]))
	}
}

// options is a request with these lines at the end of its headers.
func options(lines ...string) string {
	return "OPTIONS sip:5234@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:6000;branch=z9hG4bK1\r\nFrom: <sip:100@127.0.0.1>;tag=1\r\n" +
		"To: <sip:5234@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func TestSipgoGetsWholeMessages(t *testing.T) {
	empty, four := options("Content-Length: 0"), options("l: 4")
	body := strings.Repeat("b", 60000)
	pad := sipgo.ParseMaxMessageLength - len(body) - len(options("Subject: ", "Content-Length: 60000"))
	longest := options("Subject: "+strings.Repeat("x", pad), "Content-Length: 60000")
	tooLong := strings.Replace(longest, "Subject: x", "Subject: xx", 1)
	for name, c := range map[string]struct {
		segments, want []string
		err            error
	}{
		"one":                           {segments: []string{empty}, want: []string{empty}},
		"one with a body":               {segments: []string{four + "\r\n\r\n"}, want: []string{four + "\r\n\r\n"}},
		"in halves":                     {segments: []string{empty[:40], empty[40:]}, want: []string{empty}},
		"the end of the headers apart":  {segments: []string{empty[:len(empty)-2], empty[len(empty)-2:]}, want: []string{empty}},
		"the body apart":                {segments: []string{four, "body"}, want: []string{four + "body"}},
		"two at once":                   {segments: []string{empty + four + "body"}, want: []string{empty + four + "body"}},
		"two and a half":                {segments: []string{empty + four + "body" + empty[:9], empty[9:]}, want: []string{empty + four + "body", empty}},
		"a body that looks like one":    {segments: []string{options("Content-Length: 19") + "\r\n\r\nINVITE sip:\r\n\r\nno", "t"}, want: []string{options("Content-Length: 19") + "\r\n\r\nINVITE sip:\r\n\r\n"}},
		"folded":                        {segments: []string{options("Content-Length:", "\t 4") + "bo", "dy"}, want: []string{options("Content-Length:", "\t 4") + "body"}},
		"the name folded":               {segments: []string{options("Content-Length ", " : 4") + "bo", "dy"}, want: []string{options("Content-Length ", " : 4") + "body"}},
		"a folded line of another":      {segments: []string{options("Subject: a", " Content-Length: 9", "CONTENT-LENGTH : 4") + "bo", "dy"}, want: []string{options("Subject: a", " Content-Length: 9", "CONTENT-LENGTH : 4") + "body"}},
		"two lengths":                   {segments: []string{options("l: 9", "Content-Length: 4") + "bo", "dy"}, want: []string{options("l: 9", "Content-Length: 4") + "body"}},
		"a ping":                        {segments: []string{"\r\n\r\n"}, want: []string{"\r\n\r\n"}},
		"a ping in pieces":              {segments: []string{"\r", "\n\r", "\n"}, want: []string{"\r\n\r\n"}},
		"two pings":                     {segments: []string{"\r\n\r\n\r\n\r\n"}, want: []string{"\r\n\r\n", "\r\n\r\n"}},
		"a ping and a message":          {segments: []string{"\r\n\r\n" + empty}, want: []string{"\r\n\r\n", empty}},
		"an answer to a ping":           {segments: []string{"\r\n", empty}, want: []string{empty}},
		"zeros, and single characters":  {segments: []string{"\x00\x00\x00\x00", "\n", "\r\r", "\n", empty}, want: []string{empty}},
		"blank lines behind a message":  {segments: []string{empty + "\r\n\r\n" + empty + "\r\n", empty}, want: []string{empty, empty, empty}},
		"blank lines behind a half one": {segments: []string{empty[:9], empty[9:] + "\r\n\r\n" + four, "body\r\n\r\n", empty}, want: []string{empty, four + "body", empty}},

		"no length":              {segments: []string{options("Subject: a") + empty, empty}, want: []string{options("Subject: a") + empty}, err: errOutOfStep},
		"no number":              {segments: []string{options("Content-Length: +4") + "body"}, want: []string{options("Content-Length: +4") + "body"}, err: errOutOfStep},
		"two numbers":            {segments: []string{options("Content-Length: 4", " 4") + "body"}, want: []string{options("Content-Length: 4", " 4") + "body"}, err: errOutOfStep},
		"a message before it":    {segments: []string{empty + options("Content-Length: x")}, want: []string{empty, options("Content-Length: x")}, err: errOutOfStep},
		"no SIP":                 {segments: []string{"GET / HTTP/1.1\r\nHost: a\r\n", empty}, want: []string{"GET / HTTP/1.1\r\nHost: a\r\n"}, err: errOutOfStep},
		"a length out of bounds": {segments: []string{options("Content-Length: 65535")}, want: []string{options("Content-Length: 65535")}, err: errOutOfStep},
		"the longest":            {segments: []string{longest, body}, want: []string{(longest + body)[:32768], (longest + body)[32768:]}},
		"one byte more":          {segments: []string{tooLong, body}, want: []string{tooLong}, err: errOutOfStep},
	} {
		if c.err == nil {
			c.err = io.EOF
		}
		var all [][]byte
		for _, s := range c.segments {
			all = append(all, []byte(s))
		}
		if got, err := reads(lineOn(all...), 32768); !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: sipgo gets %.300q, want %.300q, and then %v, want %v", name, got, c.want, err, c.err)
		}
	}
	if len(longest)+len(body) != sipgo.ParseMaxMessageLength {
		t.Errorf("the longest message has %d bytes", len(longest)+len(body))
	}
}

// What never ends is ended when there is too much of it.
func TestHeadersWithoutAnEnd(t *testing.T) {
	var all [][]byte
	for range 3 {
		all = append(all, []byte(strings.Repeat("Subject: SIP\r\n", 2000)))
	}
	got, err := reads(lineOn(all...), 32768)
	if sum := len(strings.Join(got, "")); sum <= sipgo.ParseMaxMessageLength || !errors.Is(err, errOutOfStep) {
		t.Errorf("sipgo gets %d bytes and then %v", sum, err)
	}
	stream := parser().NewSIPStream()
	for _, chunk := range got {
		err = stream.ParseSIPStream([]byte(chunk), func(sipgo.Message) {})
	}
	if err == nil || errors.Is(err, sipgo.ErrParseSipPartial) {
		t.Errorf("sipgo would wait for more: %v", err)
	}
}

// Whole messages that are read at once cost no memory.
func TestReadingAllocatesNothing(t *testing.T) {
	wire := &segments{}
	l := &line{Conn: wire, door: &doorman{}}
	text, b := []byte(options("Content-Length: 4")+"body"), make([]byte, 32768)
	left := make([][]byte, 1)
	if n := testing.AllocsPerRun(100, func() {
		left[0] = text
		wire.left = left
		if n, err := l.Read(b); n != len(text) || err != nil {
			t.Fatal(n, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReadingAMessage(b *testing.B) {
	text, room := []byte(options("Content-Length: 4")+"body"), make([]byte, 32768)
	for name, conn := range map[string]net.Conn{"bare": &segments{}, "line": lineOn()} {
		b.Run(name, func(b *testing.B) {
			left := make([][]byte, 1)
			wire, ok := conn.(*segments)
			if !ok {
				wire = conn.(*line).Conn.(*segments)
			}
			for b.Loop() {
				left[0] = text
				wire.left = left
				conn.Read(room)
			}
		})
	}
}

// FuzzFramer: however a stream is cut into segments, sipgo gets the messages that
// its own parser finds in it, and after the last one what it refuses or nothing.
func FuzzFramer(f *testing.F) {
	for _, seed := range []string{
		options("Content-Length: 4") + "body" + options("l: 0") + "\r\n\r\n\r\n" + options("Content-Length:", " 3") + "abc\r\n\r\n",
		options("Content-Length: 1", "Content-Length: 4") + "bod",
		options("Content-Length: 0\rx") + options("Content-Length: 0"),
		"\r\n\r\n\x00\n" + options("Content-Length: 99999"),
		"SIP/2.0 200 OK\r\n Content-Length : 2\r\n\r\nab" + options("Subject", " : x", "cOntent-length:0"),
		"GET / HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(seed), []byte{1, 2, 3, 200}, true)
		f.Add([]byte(seed), []byte{}, false)
	}
	f.Fuzz(func(t *testing.T, stream, sizes []byte, narrow bool) {
		want, rest := found(stream)
		room := 32768
		if narrow {
			room = 16
		}
		chunks, end := reads(lineOn(cutUp(stream, sizes)...), room)
		got, err := heard(chunks)
		for i := range got {
			if i >= len(want) || got[i] != want[i] {
				t.Fatalf("message %d is %q, want %q of %q", i, got[i], slices.Concat(want, []string{"none"})[min(i, len(want))], stream)
			}
		}
		switch {
		case err != nil:
			if _, _, refused := parser().Parse(rest, true); refused == nil {
				t.Fatalf("sipgo refuses what it gets (%v), but nothing is wrong with %q", err, rest)
			}
		case errors.Is(end, errOutOfStep):
			t.Fatalf("given up without sipgo being told why: %q", stream)
		}
		if len(got) < len(want) {
			t.Fatalf("%d messages of %d in %q: %v", len(got), len(want), stream, err)
		}
	})
}

// cutUp makes segments of a stream.
func cutUp(stream, sizes []byte) (all [][]byte) {
	for _, n := range sizes {
		n := min(int(n), len(stream))
		all, stream = append(all, slices.Clone(stream[:n])), stream[n:]
	}
	return append(all, slices.Clone(stream))
}

// found are the messages that sipgo's parser finds in a stream when it has all of
// it, and what is left.
func found(stream []byte) (all []string, rest []byte) {
	for rest = stream; ; {
		rest = bytes.TrimLeft(rest, idle)
		msg, n, err := parser().Parse(rest[:min(len(rest), sipgo.ParseMaxMessageLength)], true)
		if err != nil {
			return all, rest
		}
		all, rest = append(all, msg.String()), rest[n:]
	}
}

// heard are the messages that sipgo makes of what it reads.
func heard(chunks []string) (all []string, err error) {
	stream := parser().NewSIPStream()
	for _, chunk := range chunks {
		err := stream.ParseSIPStream([]byte(chunk), func(msg sipgo.Message) { all = append(all, msg.String()) })
		if err != nil && !errors.Is(err, sipgo.ErrParseSipPartial) {
			return all, err
		}
	}
	return all, nil
}
