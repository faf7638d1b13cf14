package media

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxReport is the longest RTCP datagram that goes over the port of RTP: a report, its CNAME and a goodbye are 120 bytes.
const maxReport = 512

// muxed carries RTCP over the RTP socket of a leg, as RFC 5761 has it.  The socket is the tick's and the reports are the reporter's, so one
// datagram of each way waits here until the other one comes by: the tick never waits, and drops what it finds no room for.
// It is the reporter's Conn.
type muxed struct {
	local   netip.AddrPort
	waiting atomic.Bool // there is something to be sent

	mu      sync.Mutex // the tick only tries it
	in, out report
}

// report is one RTCP datagram.
type report struct {
	b    [maxReport]byte
	n    int // 0: none
	peer netip.AddrPort
	at   int64 // when it came
}

func (r *report) put(b []byte, peer netip.AddrPort, at int64) {
	r.n, r.peer, r.at = copy(r.b[:], b), peer, at
}

// isReport says whether a datagram on the port of RTP is RTCP.  RFC 5761 section 4: the packet types 192 to 223, which are the payload types
// 64 to 95 with the marker bit.
func isReport(b []byte) bool { return len(b) >= 8 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 }

// came takes a datagram from the socket, in the tick.  One that is too long for it is dropped, and so is one that comes before the last
// was read.
func (m *muxed) came(b []byte, from netip.AddrPort, at int64) {
	if len(b) <= maxReport && m.mu.TryLock() {
		if m.in.n == 0 {
			m.in.put(b, from, at)
		}
		m.mu.Unlock()
	}
}

// flush sends what waits to be sent, in the tick.
func (m *muxed) flush(conn Conn) {
	if m.waiting.Load() && m.mu.TryLock() {
		conn.Send(m.out.b[:m.out.n], m.out.peer)
		m.waiting.Store(false)
		m.mu.Unlock()
	}
}

// Recv implements Conn, for the reporter.
func (m *muxed) Recv(b []byte) (int, netip.AddrPort, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := copy(b, m.in.b[:m.in.n])
	m.in.n = 0
	return n, m.in.peer, n > 0
}

// Send implements Conn, for the reporter: the datagram goes out with the next tick.
func (m *muxed) Send(b []byte, to netip.AddrPort) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(b) > maxReport {
		return false
	}
	m.out.put(b, to, 0)
	m.waiting.Store(true)
	return true
}

// Connect implements Conn: the socket is the tick's to connect.
func (m *muxed) Connect(netip.AddrPort) {}

// Arrived implements Conn.
func (m *muxed) Arrived() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.in.at
}

// LocalAddr implements Conn.
func (m *muxed) LocalAddr() netip.AddrPort { return m.local }

// Close implements Conn: the socket is the tick's to close.
func (m *muxed) Close() error { return nil }
