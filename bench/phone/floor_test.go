package phone

import (
	"net/netip"
	"testing"
)

// BenchmarkPacket is the floor of the machine: what one packet costs to send and to receive over loopback, with the
// empty read that ends each drain. Figures of CPU per leg say little without it.
func BenchmarkPacket(b *testing.B) {
	from, err := openSocket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer from.close()
	to, err := openSocket(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		b.Fatal(err)
	}
	defer to.close()
	packet, in := make([]byte, 172), make([]byte, 2048)
	b.Run("send", func(b *testing.B) {
		for range b.N {
			from.send(packet, to.local())
		}
	})
	for {
		if _, _, _, ok := to.recv(in); !ok {
			break
		}
	}
	b.Run("send, receive, receive nothing", func(b *testing.B) {
		for range b.N {
			from.send(packet, to.local())
			to.recv(in)
			to.recv(in)
		}
	})
	b.Run("receive nothing", func(b *testing.B) {
		for range b.N {
			to.recv(in)
		}
	})
}
