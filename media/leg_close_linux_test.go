package media

import (
	"net/netip"
	"testing"

	"github.com/sipconf/sipconf/codec"
)

// A leg that is closed while a bus still ticks it, with an Update under way, does nothing to its descriptor, which may be somebody else's by
// then.
func TestAClosedLegTouchesNoDescriptor(t *testing.T) {
	e, err := New(Config{Ports: PortRange{30000, 30099}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	here := netip.MustParseAddr("127.0.0.1")
	leg, err := e.Open(here)
	if err != nil {
		t.Fatal(err)
	}
	session := Session{Remote: netip.MustParseAddrPort("127.0.0.1:9"), Codec: codec.PCMA, PayloadType: 8}
	leg.Update(session)
	loop := e.Loop()
	do := func(f func()) { // and a tick goes by before the next one is done
		done := make(chan struct{})
		loop.Do(func() { f(); close(done) })
		<-done
	}
	do(func() { loop.Attach(leg); loop.Add(carousel{leg}) })
	conn := &counted{Conn: leg.conn}
	do(func() { leg.conn = conn })
	do(func() {})
	leg.Close()
	calls := conn.calls
	if calls == 0 {
		t.Fatal("the bus did not tick the leg")
	}
	leg.Update(session)
	do(func() {})
	do(func() { loop.Remove(carousel{leg}) })
	e.Close()
	if conn.calls != calls {
		t.Errorf("%d calls of a closed socket", conn.calls-calls)
	}
}

// counted counts what is done to a socket.
type counted struct {
	Conn
	calls int
}

func (c *counted) Recv(b []byte) (int, netip.AddrPort, bool) { c.calls++; return c.Conn.Recv(b) }
func (c *counted) Send(b []byte, to netip.AddrPort) bool     { c.calls++; return c.Conn.Send(b, to) }
func (c *counted) Connect(to netip.AddrPort)                 { c.calls++; c.Conn.Connect(to) }

// An IPv6 socket is never connected: it would keep the old peer's address as a filter.
func TestIPv6IsNotConnected(t *testing.T) {
	conn, err := listenUDP(netip.MustParseAddrPort("[::1]:0"))
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer conn.Close()
	conn.Connect(netip.MustParseAddrPort("[::1]:9"))
	if peer := conn.(*udpSocket).peer; peer.IsValid() {
		t.Errorf("connected to %v", peer)
	}
}
