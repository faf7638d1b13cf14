package phone

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestConnectNeedsNoSIP: a socket that knows nothing but RTP gets the phone's packets, and what it sends is heard.
func TestConnectNeedsNoSIP(t *testing.T) {
	peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	pump := newStoppedPump()
	ann, err := New(Config{Local: netip.MustParseAddrPort("127.0.0.1:0"), Pump: pump, Codecs: []Codec{PCMU}})
	if err != nil {
		t.Fatal(err)
	}
	defer ann.Vanish()
	call, err := ann.Connect(peer.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	turn := func() {
		for range 20 * time.Millisecond / beat {
			pump.step(time.Now())
		}
	}
	turn()
	b := make([]byte, 2048)
	n, from, err := peer.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := parsePacket(b[:n]); !ok || n != 172 || Codec(p.pt) != PCMU || from != call.LocalRTP() {
		t.Errorf("%d bytes from %s: %+v", n, from, p)
	}
	if _, err := peer.WriteToUDPAddrPort(b[:n], from); err != nil {
		t.Fatal(err)
	}
	turn()
	if h := call.Heard(); h.Packets != 1 || h.Malformed != 0 {
		t.Errorf("heard %+v", h)
	}
	if err := call.Hangup(t.Context()); err != nil {
		t.Error(err)
	}
	<-call.Done()
	if len(ann.Calls()) != 0 {
		t.Error("the phone still has the call")
	}
	if _, err := ann.Connect(netip.AddrPort{}); err == nil {
		t.Error("connected to nowhere")
	}
}
