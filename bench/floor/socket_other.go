//go:build !linux

package floor

import (
	"net/netip"

	"github.com/sipconf/sipconf/media"
)

// socket is the server's own, which is portable: elsewhere than on Linux the floor says little.
type socket struct {
	conn media.Conn
	peer netip.AddrPort
}

// listen binds a socket to exactly that address and port.
func listen(local netip.AddrPort) (socket, error) {
	conn, err := media.Listen(local)
	return socket{conn: conn}, err
}

// tie takes a datagram, if one waits, and remembers who sent it.
func (s *socket) tie(b []byte) (ok bool) {
	_, s.peer, ok = s.conn.Recv(b)
	return ok
}

func (s *socket) receive(b []byte) bool {
	_, _, ok := s.conn.Recv(b)
	return ok
}

func (s *socket) send(b []byte) { s.conn.Send(b, s.peer) }

// source is where a datagram came from.
type source struct{ netip.AddrPort }

// receiveFrom takes a datagram, and remembers in the peer who sent it; false when none waits.
func (s *socket) receiveFrom(b []byte, p *source) (ok bool) {
	_, from, ok := s.conn.Recv(b)
	if ok {
		p.AddrPort = from
	}
	return ok
}

func (s *socket) sendTo(b []byte, p *source) { s.conn.Send(b, p.AddrPort) }

func (s *socket) close() error { return s.conn.Close() }
