package sip

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// gate is a PacketConn that stands between our UDP socket and sipgo. It hands
// over only datagrams that sipgo can parse and that come from a trusted
// source. What does not pass is answered here without any state, because:
// sipgo keeps an entry for each source address for ever, drops what it cannot
// parse without an answer (RFC 3261 section 21.4.1 wants 400) and prints it
// whole, and ends the listener on a read error.
type gate struct {
	net.PacketConn
	trusted  prefixes
	strange  *rate.Sometimes
	log      *slog.Logger
	counters *Counters
	sources  func() int                         // how many addresses sipgo remembers
	failed   func(to netip.AddrPort, err error) // told what ICMP says of a datagram of ours; must not block
	renewing atomic.Bool                        // the listener ends only to begin anew
	received int                                // datagrams since the last look at it
	parking  parking                            // where the reader stays while the user agent is paused
	again    []again                            // read by the reader before all else; set before it begins
}

// mostSources is how many source addresses sipgo may remember. It forgets none
// as long as its listener lives, and over UDP they can be forged.
const mostSources = 50_000

// crowded tells, now and then, whether sipgo should be made to forget.
func (g *gate) crowded() bool {
	if g.received++; g.received < 1000 {
		return false
	}
	g.received = 0
	crowded := g.sources() > mostSources
	g.renewing.Store(crowded)
	return crowded
}

// settling is how long messages in the hands of sipgo get to be handled.
const settling = 20 * time.Millisecond

// Counters are what the gates and the user agent have seen; safe to read at any time.
type Counters struct {
	Untrusted, Malformed, Panics, Refused atomic.Uint64
}

// ReadFrom returns the next datagram that sipgo may see. Its only error is
// net.ErrClosed: any other one would end the listener for good.
func (g *gate) ReadFrom(buf []byte) (int, net.Addr, error) {
	for {
		g.parking.pass()
		if n, source, ok := g.repeated(buf); ok {
			return n, source, nil
		}
		n, source, err := g.PacketConn.ReadFrom(buf)
		if err != nil && (woken(err) || g.ofAnother(err)) {
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			// sipgo forgets all peers when its listener ends, and opens a
			// socket of its own for each message that is still being handled.
			time.Sleep(settling)
			return 0, nil, net.ErrClosed
		}
		if err != nil {
			g.strange.Do(func() { g.log.Warn("reading SIP socket", "err", err) })
			time.Sleep(10 * time.Millisecond) // a lasting error must not spin
			continue
		}
		// RFC 3261 section 7.5: CRLF before the start line is to be ignored;
		// sipgo does so on streams only.
		n = copy(buf, bytes.TrimLeft(buf[:n], "\r\n"))
		if g.crowded() {
			time.Sleep(settling)
			return 0, nil, net.ErrClosed // endpoint.serve begins anew; a datagram is lost, as datagrams are
		}
		if g.admits(buf[:n], source) {
			return n, source, nil
		}
	}
}

// WriteTo sends a datagram. The system reports what ICMP has said of another
// one in place of sending this one: then it is sent again.
func (g *gate) WriteTo(b []byte, to net.Addr) (n int, err error) {
	for range mostSends {
		if n, err = g.PacketConn.WriteTo(b, to); err == nil || !g.ofAnother(err) {
			break
		}
	}
	return n, err
}

// mostSends is how often a datagram is sent again, when others fail all the
// while. An error that is its own costs as many calls.
const mostSends = 10

// ofAnother reads what ICMP has said of datagrams of ours, and tells whether an
// error of the socket may be that. Whoever reads first gets it all, so that
// others who have such an error find nothing.
func (g *gate) ofAnother(err error) bool {
	for _, r := range returnedDatagrams(g.PacketConn) {
		if r.to.IsValid() {
			g.failed(r.to, r.err)
		}
	}
	return mayBeReturned(err)
}

// admits decides about one datagram. A parse costs about 5 us and is made
// twice for a good message; a message nobody can parse never reaches sipgo.
func (g *gate) admits(data []byte, source net.Addr) bool {
	if len(bytes.Trim(data, "\x00")) == 0 {
		return false // keep-alive (RFC 5626 section 4.4.1)
	}
	trusted := g.trusted.contains(source.String())
	err := readable(data)
	switch {
	case !trusted:
		g.suspect(source)
		g.answer(data, source, "403 Forbidden")
		return false
	case err != nil:
		g.counters.Malformed.Add(1)
		g.strange.Do(func() { g.log.Warn("malformed SIP message", "from", source.String(), "err", err) })
		g.answer(data, source, "400 Bad Request")
		return false
	}
	return true
}

// readable tells whether sipgo can parse a message. What makes its parser
// panic is unreadable too, and must not end the listener.
func readable(data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser panicked: %v", r)
		}
	}()
	_, err = messages.ParseSIP(data)
	return err
}

// suspect counts and, now and then, logs a source that is not trusted.
func (g *gate) suspect(source net.Addr) {
	g.counters.Untrusted.Add(1)
	g.strange.Do(func() {
		g.log.Warn("request from an untrusted address refused: add its network to sip.trusted if it is yours", "from", source.String())
	})
}

// answer writes a response without state, from the lines of the request as
// they stand: what it repeats need not be understood.
func (g *gate) answer(request []byte, source net.Addr, status string) {
	if response := statelessResponse(request, status); response != nil {
		g.PacketConn.WriteTo(response, source)
	}
}

// statelessResponse repeats the lines that a response must (RFC 3261 section
// 8.2.6.2). It is nil when request is no request, is an ACK, or lacks them.
func statelessResponse(request []byte, status string) []byte {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	lines := bytes.Split(head, []byte("\n"))
	first := bytes.TrimRight(lines[0], "\r")
	if !bytes.HasSuffix(bytes.ToUpper(first), []byte(" SIP/2.0")) || bytes.HasPrefix(bytes.ToUpper(first), []byte("ACK ")) {
		return nil
	}
	out := append(make([]byte, 0, 512), "SIP/2.0 "+status+"\r\n"...)
	seen := map[string]bool{}
	copying := false
	for _, line := range lines[1:] {
		line = bytes.TrimRight(line, "\r")
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') { // folded (7.3.1)
			if copying {
				out = append(append(out, line...), "\r\n"...)
			}
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		field := string(bytes.ToLower(bytes.TrimSpace(name)))
		if full, compact := compactName[field]; compact {
			field = full
		}
		copying = false
		switch field {
		case "via", "from", "to", "call-id", "cseq":
			if !ok || len(bytes.TrimSpace(value)) == 0 || (seen[field] && field != "via") {
				continue
			}
			seen[field], copying = true, true
			out = append(append(out, line...), "\r\n"...)
		}
	}
	if !seen["via"] || !seen["from"] || !seen["to"] || !seen["call-id"] || !seen["cseq"] {
		return nil
	}
	return append(out, "Content-Length: 0\r\n\r\n"...)
}
