package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// bareRTP is a socket that an SDP names: it sends a hum until the test ends, whatever becomes of the call, and counts what comes.
type bareRTP struct {
	*net.UDPConn
	got atomic.Int64 // packets
	to  atomic.Pointer[netip.AddrPort]
}

func newBareRTP(o *office, ssrc byte) *bareRTP {
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		o.Fatal(err)
	}
	r := &bareRTP{UDPConn: conn}
	ctx, cancel := context.WithCancel(context.Background())
	var both sync.WaitGroup
	both.Go(func() { r.hums(ctx, ssrc) })
	both.Go(r.counts)
	o.Cleanup(func() { cancel(); conn.Close(); both.Wait() })
	return r
}

func (r *bareRTP) hums(ctx context.Context, ssrc byte) {
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	packet := make([]byte, 12+160)
	for i := range packet[12:] {
		packet[12+i] = []byte{0xc5, 0x45}[i/16%2] // 264 and -264: 250 Hz
	}
	for seq := uint32(0); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		copy(packet, []byte{0x80, 8, byte(seq >> 8), byte(seq), byte(seq * 160 >> 24), byte(seq * 160 >> 16), byte(seq * 160 >> 8), byte(seq * 160), 0, 0, 0, ssrc})
		if to := r.to.Load(); to != nil {
			r.WriteToUDPAddrPort(packet, *to)
		}
	}
}

func (r *bareRTP) counts() {
	var b [2048]byte
	for {
		switch _, _, err := r.ReadFromUDPAddrPort(b[:]); {
		case err == nil:
			r.got.Add(1)
		case r.closed():
			return
		}
	}
}

// closed tells the end from a port that nobody listens on, of which the kernel tells as well.
func (r *bareRTP) closed() bool { return r.SetReadDeadline(time.Time{}) != nil }

// calls calls a room with this socket for RTP.  The phone's own never sends: the pump that would have it send is closed.
func (r *bareRTP) calls(o *office, name string) *phone.Call {
	o.Helper()
	still := phone.NewPump()
	still.Close()
	p, err := phone.New(phone.Config{Name: name, Local: netip.MustParseAddrPort("127.0.0.1:0"), Pump: still})
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(p.Close)
	port := r.LocalAddr().(*net.UDPAddr).Port
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8\r\n", port)
	call, err := p.Call(o.soon(), o.uri("5234", "udp", true), phone.WithSDP([]byte(body)))
	if err != nil {
		o.Fatal(err)
	}
	return call
}

// TestE2EWhatIsLeftOfACallDoesNotEnterTheNext: Anna hangs up, but her phone goes on sending, to the only ports that there are; Boris calls, and says
// nothing yet.
func TestE2EWhatIsLeftOfACallDoesNotEnterTheNext(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *Config) { c.Media.Ports.First, c.Media.Ports.Last = 47002, 47003 }) // which no other test uses
	anna, boris := newBareRTP(o, 1), newBareRTP(o, 2)
	leg := netip.MustParseAddrPort("127.0.0.1:47002")

	call := anna.calls(o, "Anna")
	anna.to.Store(&leg)
	o.eventually("Anna is in her call", func() bool { return o.figure("sipconf_rtp_packets_received_total") >= 25 && anna.got.Load() >= 25 })
	call.Hangup(o.soon())
	o.eventually("it is over", func() bool { return o.engine.Stats().Legs == 0 })

	received, sent := o.figure("sipconf_rtp_packets_received_total"), anna.got.Load()
	boris.calls(o, "Boris")
	o.eventually("a second of Boris's call", func() bool { return boris.got.Load() >= 50 })
	if got := o.figure("sipconf_rtp_packets_received_total") - received; got > 0 {
		t.Errorf("%v packets of Anna's came into Boris's call", got)
	}
	if got := anna.got.Load() - sent; got > 0 {
		t.Errorf("%d packets of Boris's call went to Anna", got)
	}
	if got := o.figure("sipconf_rtp_packets_stranger_total"); got < 40 {
		t.Errorf("%v packets were kept out, Anna sent 50 a second", got)
	}
	boris.to.Store(&leg)
	o.eventually("Boris is heard", func() bool { return o.figure("sipconf_rtp_packets_received_total")-received >= 25 })
}
