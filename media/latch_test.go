package media

import (
	"net/netip"
	"testing"
)

var (
	phone    = netip.MustParseAddrPort("192.0.2.10:4000") // where SDP says
	nat      = netip.MustParseAddrPort("203.0.113.7:61000")
	moved    = netip.MustParseAddrPort("192.0.2.20:5000")
	stranger = netip.MustParseAddrPort("198.51.100.66:4000")
	nowhere  = netip.AddrPort{}
	blackout = netip.MustParseAddrPort("0.0.0.0:4000")
)

func TestLatch(t *testing.T) {
	type step struct {
		sdp  netip.AddrPort // negotiated, when valid
		from netip.AddrPort // else a packet
		want bool
		to   netip.AddrPort // destination after it
	}
	sdp := func(a, to netip.AddrPort) step { return step{sdp: a, to: to} }
	packet := func(from netip.AddrPort, want bool, to netip.AddrPort) step {
		return step{from: from, want: want, to: to}
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"before any negotiation", []step{packet(phone, false, nowhere)}},
		{"the phone is where it says", []step{sdp(phone, phone), packet(phone, true, phone), packet(stranger, false, phone), packet(phone, true, phone)}},
		{"behind NAT", []step{sdp(phone, phone), packet(nat, true, nat), packet(stranger, false, nat), packet(nat, true, nat)}},
		{"a stranger was first, the phone is where it says", []step{sdp(phone, phone), packet(stranger, true, stranger), packet(phone, true, phone), packet(stranger, false, phone)}},
		{"moves", []step{sdp(phone, phone), packet(phone, true, phone), sdp(moved, moved), packet(phone, true, moved), packet(moved, true, moved), packet(phone, false, moved)}},
		{"moves to behind NAT, the old source lingers", []step{sdp(phone, phone), packet(phone, true, phone), sdp(moved, moved), packet(phone, true, moved),
			packet(nat, true, nat), packet(phone, false, nat)}},
		{"refresh behind NAT", []step{sdp(phone, phone), packet(nat, true, nat), sdp(phone, nat), packet(nat, true, nat), packet(stranger, false, nat)}},
		{"hold and resume behind NAT", []step{sdp(phone, phone), packet(nat, true, nat), sdp(blackout, nowhere), packet(stranger, false, nowhere),
			packet(nat, true, nowhere), sdp(phone, nat), packet(nat, true, nat), packet(stranger, false, nat)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l Latch
			for i, s := range tt.steps {
				if s.sdp.IsValid() {
					l.negotiated(s.sdp)
				} else if got := l.admit(s.from, true); got != s.want {
					t.Errorf("step %d: packet from %s admitted = %v, want %v", i, s.from, got, s.want)
				}
				if got := l.destination(); got != s.to {
					t.Errorf("step %d: we send to %v, want %v", i, got, s.to)
				}
			}
		})
	}
}

func TestLatchBelievesAnOldSourceThatGoesOn(t *testing.T) {
	var l Latch
	l.negotiated(phone)
	l.admit(phone, true)
	l.negotiated(moved)
	for range lingering + 1 {
		if !l.admit(phone, true) {
			t.Fatal("the old source was refused while nobody else had come")
		}
	}
	if l.admit(nat, true) || l.destination() != phone {
		t.Errorf("after a second of it the source is %v, want %v", l.destination(), phone)
	}
}

func TestLatchIsNotClosedByComfortNoise(t *testing.T) {
	var l Latch
	l.negotiated(phone)
	if l.admit(stranger, false) {
		t.Error("a packet of a type that was not negotiated opened the latch")
	}
	if !l.admit(phone, false) || l.Source.IsValid() {
		t.Error("comfort noise from the SDP address: want it admitted, and the latch open")
	}
}
