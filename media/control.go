package media

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// control is the RTCP of one leg (RFC 3550 section 6).  It reads the copy of the leg's figures (board), and never its state: it is served by
// the reporter, not by the leg's owner.
type control struct {
	source    atomic.Pointer[netip.AddrPort] // where the peer's RTP comes from
	heardAt   atomic.Int64                   // when the peer's RTCP was last heard, in the ticks' time
	roundTrip atomic.Int64                   // ns
	peerLost  atomic.Int64
	ssrc      uint32
	cname     string

	mu      sync.Mutex // guards all below; held for a few system calls, never by the tick
	conn    Conn       // nil: a leg without RTCP
	gone    Stream     // of the call that had the ports before
	mux     *muxed     // in the place of conn; nil: not agreed
	closed  bool
	agreed  Session
	from    netip.AddrPort // where the peer's RTCP came from
	next    int64          // when the next report is due; 0: after the first packet
	look    int64          // when the socket is read again at the latest
	heard   heardReport
	told    toldReport
	started bool // something was sent: there is something to say goodbye to
}

// heardReport is the peer's last sender report, to be answered with LSR and DLSR.  Plain data.
type heardReport struct {
	SSRC uint32
	NTP  uint32 // the middle 32 bits of its NTP time
	At   int64
}

// toldReport is what our last report said, for the fraction lost since.  Plain data.
type toldReport struct {
	SSRC, Expected uint32
	Lost           int64
}

func newControl(ssrc uint32) control {
	var name [12]byte
	rand.Read(name[:])
	return control{ssrc: ssrc, cname: hex.EncodeToString(name[:])} // RFC 7022 section 4.2: 96 random bits for each call
}

// negotiated is told of each Update, and says what carries RTCP over the RTP socket at local, if it shall; from any goroutine.
func (c *control) negotiated(s Session, local netip.AddrPort) *muxed {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agreed, c.from = s, netip.AddrPort{}
	switch {
	case !s.Mux || c.conn == nil:
		c.mux = nil
	case c.mux == nil:
		c.mux = &muxed{local: local}
	}
	return c.mux
}

// wire is what RTCP goes over.
func (c *control) wire() Conn {
	if c.mux != nil {
		return c.mux
	}
	return c.conn
}

// found is told by the tick where the peer is.  It allocates, once in a negotiation.
func (c *control) found(source netip.AddrPort) { c.source.Store(&source) }

// serve takes what has come, by way of b, and sends a report when one is due.
func (c *control) serve(l *Leg, now int64, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.closed {
		return
	}
	due := c.next != 0 && now >= c.next
	if due || now >= c.look || c.mux != nil { // where one waits for us, and the next one may not
		c.look = now + int64(lookEvery)
		c.take(now, b)
	}
	switch {
	case c.next == 0:
		c.next = now + spread()/2 // section 6.2: the first one comes after half the time
	case due:
		c.next = now + spread()
		c.send(l, now, b, false)
	}
}

// take reads what has come.
func (c *control) take(now int64, b []byte) {
	for range 16 { // a flood waits, and is dropped by the kernel
		n, from, ok := c.wire().Recv(b)
		if !ok {
			return
		}
		if c.known(from) && whole(b[:n]) && !c.left(b[:n], from) {
			c.receive(b[:n], from, c.arrival(now))
		}
	}
}

// arrival is when the last datagram came: it is read some seconds later, and that must not count as time on the way.
func (c *control) arrival(now int64) int64 {
	if at := c.wire().Arrived(); at != 0 {
		return min(at, now)
	}
	return now
}

// known says whether a datagram comes from the host of the peer: its port is not known behind NAT.
func (c *control) known(from netip.AddrPort) bool {
	source := c.source.Load()
	return from.Addr() == c.agreed.Remote.Addr() || from.Addr() == c.agreed.RemoteRTCP.Addr() ||
		source != nil && from.Addr() == source.Addr()
}

// left says whether a compound packet is about what is left of the call before, as the latch says it of RTP.
func (c *control) left(b []byte, from netip.AddrPort) bool {
	var p controlPacket
	p.cut(b)
	return len(p.body) >= 4 && p.ssrc() == c.gone.SSRC && from.Addr() == c.gone.From.Addr() && c.gone.From != c.agreed.Remote
}

// receive reads a compound packet, which is whole.  BYE is not obeyed: SIP ends calls, and Asterisk says BYE when it changes its SSRC.
func (c *control) receive(b []byte, from netip.AddrPort, at int64) {
	c.from = from
	c.heardAt.Store(at)
	wall := time.Now().Add(time.Duration(at - monotonic()))
	for len(b) > 0 {
		var p controlPacket
		b, _ = p.cut(b)
		if p.typ == typeSender {
			c.heard = heardReport{p.ssrc(), p.ntp(), at}
		}
		if p.hasBlocks() {
			c.review(&p, wall)
		}
	}
}

// review reads what the peer says of our stream.  Section 6.4.1: the round trip is now less LSR less DLSR, in 1/65536 s.
func (c *control) review(p *controlPacket, wall time.Time) {
	for n := range p.count {
		r := p.about(n)
		if r.ssrc != c.ssrc {
			continue
		}
		c.peerLost.Store(int64(r.lost))
		if r.lastReport == 0 {
			continue
		}
		if trip := int32(uint32(ntpTime(wall)>>16) - r.lastReport - r.delay); trip >= 0 {
			c.roundTrip.Store(int64(trip) * int64(time.Second) >> 16)
		}
	}
}

// send sends a sender report, or a receiver report when nothing is sent, and with the last one a goodbye.  It is made in b.
func (c *control) send(l *Leg, now int64, b []byte, last bool) {
	to := c.destination()
	if !to.IsValid() {
		return
	}
	shown := l.shown()
	var sent *sending
	if figures := &shown.stats; figures.PacketsOut > 0 {
		since := (now - shown.sentAt) / 1000
		sent = &sending{ntp: ntpTime(time.Now()), ts: shown.sentTS + uint32(since*int64(shown.clockRate)/1_000_000),
			packets: uint32(figures.PacketsOut), octets: uint32(figures.BytesOut)}
	}
	var heard *reception
	if shown.expected > 0 {
		r := c.reception(&shown, now)
		heard = &r
	}
	b = appendDescription(appendReport(b[:0], c.ssrc, sent, heard), c.ssrc, c.cname)
	if last {
		b = appendGoodbye(b, c.ssrc)
	}
	if c.wire().Send(b, to) {
		c.started = true
	}
}

// reception is what we say of the peer's stream.
func (c *control) reception(shown *notice, now int64) reception {
	told := toldReport{shown.ssrc, shown.expected, shown.missing}
	r := reception{ssrc: told.SSRC, lost: int32(max(-0x800000, min(told.Lost, 0x7fffff))), newest: shown.newest, jitter: shown.noise}
	before := c.told
	if before.SSRC != told.SSRC {
		before = toldReport{} // A.3: the first one is about all since the first packet
	}
	if expected, lost := int64(told.Expected)-int64(before.Expected), told.Lost-before.Lost; expected > 0 && lost > 0 {
		r.fractionLost = uint8(min(lost*256/expected, 255)) // A.3
	}
	if c.heard.SSRC == told.SSRC && c.heard.At != 0 {
		r.lastReport, r.delay = c.heard.NTP, uint32((now-c.heard.At)<<16/int64(time.Second))
	}
	c.told = told
	return r
}

// destination is where RTCP goes: where the peer's came from, else where SDP says (RFC 3605), else one above where his RTP comes from.
func (c *control) destination() netip.AddrPort {
	rtp := c.agreed.Remote
	if !reachable(rtp) {
		return netip.AddrPort{}
	}
	source := c.source.Load()
	switch {
	case c.mux != nil && source != nil:
		return *source
	case c.mux != nil:
		return rtp
	case c.from.IsValid():
		return c.from
	case source != nil && source.Addr() != rtp.Addr() && source.Port() < 65535: // behind NAT SDP's address is of no use
		return netip.AddrPortFrom(source.Addr(), source.Port()+1)
	case reachable(c.agreed.RemoteRTCP):
		return c.agreed.RemoteRTCP
	case rtp.Port() < 65535:
		return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
	}
	return netip.AddrPort{}
}

// close says BYE, when anything was said before and the call is over, and closes the socket.
func (c *control) close(l *Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil || c.closed {
		return
	}
	if !l.given.Load() {
		c.goodbye(l)
	}
	c.closed = true
	c.conn.Close()
}

func (c *control) goodbye(l *Leg) {
	if c.started || l.shown().stats.PacketsOut > 0 {
		c.send(l, monotonic(), make([]byte, 0, maxReport), true)
	}
	if c.mux != nil {
		c.mux.flush(l.conn) // which no tick uses any more
	}
}

// ntpTime is the 64-bit time of RFC 5905: seconds since 1900, and their fraction.
func ntpTime(t time.Time) uint64 {
	const since1900 = 2208988800
	ns := t.UnixNano()
	return uint64(ns/1e9+since1900)<<32 | uint64(ns%1e9)<<32/1e9
}
