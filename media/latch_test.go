package media

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

var (
	phone    = netip.MustParseAddrPort("192.0.2.10:4000") // where SDP says
	other    = netip.MustParseAddrPort("192.0.2.10:4044") // the same phone, through a router that has changed its port
	nat      = netip.MustParseAddrPort("203.0.113.7:61000")
	moved    = netip.MustParseAddrPort("192.0.2.20:5000")
	stranger = netip.MustParseAddrPort("198.51.100.66:4000")
	rebooted = netip.MustParseAddrPort("203.0.113.7:62002") // the phone behind NAT, after its router was switched off and on
	nowhere  = netip.AddrPort{}
	blackout = netip.MustParseAddrPort("0.0.0.0:4000")
)

func TestLatch(t *testing.T) {
	type step struct {
		sdp  netip.AddrPort // negotiated, when valid
		sip  netip.Addr     // where the negotiation came from
		from netip.AddrPort // else a packet
		want bool
		to   netip.AddrPort // destination after it
	}
	sdp := func(a, to netip.AddrPort) step { return step{sdp: a, sip: nat.Addr(), to: to} }
	unknown := func(a, to netip.AddrPort) step { return step{sdp: a, to: to} }
	packet := func(from netip.AddrPort, want bool, to netip.AddrPort) step {
		return step{from: from, want: want, to: to}
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"before any negotiation", []step{packet(phone, false, nowhere)}},
		{"the phone is where it says", []step{sdp(phone, phone), packet(phone, true, phone), packet(stranger, false, phone), packet(phone, true, phone)}},
		{"behind NAT, on the host that SIP comes from", []step{sdp(phone, phone), packet(nat, true, nat), packet(stranger, false, nat), packet(nat, true, nat)}},
		{"behind NAT, on another port than it says", []step{sdp(phone, phone), packet(other, true, other), packet(stranger, false, other), packet(nat, false, other)}},
		{"nobody knows where SIP comes from", []step{unknown(phone, phone), packet(nat, false, phone), packet(other, true, other)}},
		{"a stranger was first", []step{sdp(phone, phone), packet(stranger, false, phone), packet(phone, true, phone), packet(stranger, false, phone)}},
		{"a stranger was first, the phone is behind NAT", []step{sdp(phone, phone), packet(stranger, false, phone), packet(nat, true, nat)}},
		{"muted, a refresh, a stranger", []step{sdp(phone, phone), packet(phone, true, phone), sdp(phone, phone), packet(stranger, false, phone), packet(phone, true, phone)}},
		{"moves", []step{sdp(phone, phone), packet(phone, true, phone), sdp(moved, moved), packet(phone, true, moved), packet(moved, true, moved), packet(phone, false, moved)}},
		{"moves, a stranger was first", []step{sdp(phone, phone), packet(phone, true, phone), sdp(moved, moved), packet(stranger, false, moved), packet(moved, true, moved)}},
		{"moves to behind NAT, the old source lingers", []step{sdp(phone, phone), packet(phone, true, phone), sdp(moved, moved), packet(phone, true, moved),
			packet(nat, true, nat), packet(phone, false, nat)}},
		{"refresh behind NAT", []step{sdp(phone, phone), packet(nat, true, nat), sdp(phone, nat), packet(nat, true, nat), packet(stranger, false, nat)}},
		{"refresh behind NAT, somebody else was first", []step{sdp(phone, phone), packet(nat, true, nat), sdp(phone, nat), packet(stranger, false, nat),
			packet(other, false, nat), packet(rebooted, false, nat), packet(nat, true, nat)}},
		{"SIP by another way, the source stays known", []step{sdp(phone, phone), packet(nat, true, nat), unknown(phone, nat), packet(rebooted, false, nat), packet(nat, true, nat)}},
		{"hold and resume behind NAT", []step{sdp(phone, phone), packet(nat, true, nat), sdp(blackout, nowhere), packet(stranger, false, nowhere),
			packet(nat, true, nowhere), sdp(phone, nat), packet(stranger, false, nat), packet(nat, true, nat), packet(stranger, false, nat)}},
		{"another way through NAT after a hold", []step{sdp(phone, phone), packet(nat, true, nat), sdp(blackout, nowhere), sdp(phone, nat), packet(rebooted, true, rebooted)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var l Latch
			for i, s := range tt.steps {
				if s.sdp.IsValid() {
					l.negotiated(s.sdp, s.sip)
				} else if got := l.admit(s.from, 1, true); got != s.want {
					t.Errorf("step %d: packet from %s admitted = %v, want %v", i, s.from, got, s.want)
				}
				if got := l.destination(); got != s.to {
					t.Errorf("step %d: we send to %v, want %v", i, got, s.to)
				}
			}
		})
	}
}

// A latch that says it is certain lets nobody in but the source, and stays certain, whatever comes before the next negotiation.
func TestLatchIsCertainProperty(t *testing.T) {
	from := rapid.SampledFrom([]netip.AddrPort{phone, other, nat, moved, stranger, rebooted})
	rapid.Check(t, func(t *rapid.T) {
		var l Latch
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 9).Draw(t, "negotiates") == 0 {
				sdp := rapid.SampledFrom([]netip.AddrPort{phone, moved, blackout, nowhere}).Draw(t, "sdp")
				l.negotiated(sdp, rapid.SampledFrom([]netip.Addr{{}, nat.Addr()}).Draw(t, "sip"))
				continue
			}
			certain, source, sender := l.certain(), l.Source, from.Draw(t, "from")
			admitted := l.admit(sender, 1, rapid.Bool().Draw(t, "firm"))
			if certain {
				if admitted != (sender == source) || !l.certain() || l.destination() != source {
					t.Fatalf("certain of %v: %v was admitted: %v; now certain: %v, we send to %v", source, sender, admitted, l.certain(), l.destination())
				}
			}
		}
	})
}

func TestLatchBelievesAnOldSourceThatGoesOn(t *testing.T) {
	var l Latch
	l.negotiated(phone, nat.Addr())
	l.admit(phone, 1, true)
	l.negotiated(moved, nat.Addr())
	for range lingering + 1 {
		if !l.admit(phone, 1, true) {
			t.Fatal("the old source was refused while nobody else had come")
		}
	}
	if l.admit(nat, 1, true) || l.destination() != phone {
		t.Errorf("after a second of it the source is %v, want %v", l.destination(), phone)
	}
}

// A router that was switched off and on gives the phone another port; the re-INVITE that the phone sends then names the same address as ever.
func TestLatchFollowsARouterThatWasSwitchedOffAndOn(t *testing.T) {
	var l Latch
	l.negotiated(phone, nat.Addr())
	l.admit(nat, 1, true)
	for range 2 * lingering {
		if l.admit(rebooted, 1, true) {
			t.Fatal("another source got in without a negotiation")
		}
	}
	l.negotiated(phone, nat.Addr())
	for range lingering {
		if l.admit(stranger, 1, true) || l.admit(rebooted, 1, true) {
			t.Fatal("another source got in at once")
		}
	}
	if l.admit(stranger, 1, true) || !l.admit(rebooted, 1, true) || l.destination() != rebooted {
		t.Errorf("after a second without a packet from the source we send to %v, want %v", l.destination(), rebooted)
	}
	l.negotiated(phone, nat.Addr())
	l.admit(rebooted, 1, true) // no doubt about it
	for range 2 * lingering {
		if l.admit(nat, 1, true) {
			t.Fatal("another source got in though the true one had been heard")
		}
	}
}

// The peer of the call that had these ports before does not know that it is over.  Then he calls again, from behind the same router.
func TestLatchKeepsTheCallBeforeOut(t *testing.T) {
	const before, again = 7, 8 // SSRC
	l := Latch{Gone: Stream{nat, before}}
	l.negotiated(phone, nat.Addr())
	for range 2 * lingering {
		if l.admit(nat, before, true) {
			t.Fatal("what is left of the call before got in")
		}
	}
	if l.destination() != phone {
		t.Errorf("we send to %v, want %v", l.destination(), phone)
	}
	if !l.admit(nat, again, true) || l.destination() != nat {
		t.Errorf("a new stream from there: we send to %v, want %v", l.destination(), nat)
	}
	if l.admit(nat, before, true) {
		t.Error("what is left of the call before got in beside it")
	}
	l.negotiated(nat, nat.Addr())
	if !l.admit(nat, before, true) {
		t.Error("a stream from where SDP says was kept out")
	}
}

func TestLatchIsNotClosedByComfortNoise(t *testing.T) {
	var l Latch
	l.negotiated(phone, nat.Addr())
	if l.admit(nat, 1, false) {
		t.Error("a packet of a type that was not negotiated opened the latch")
	}
	if !l.admit(phone, 1, false) || l.Source.IsValid() {
		t.Error("comfort noise from the SDP address: want it admitted, and the latch open")
	}
}

// FuzzLatch: whatever is negotiated and whoever sends, in any order, a host that neither SDP nor SIP has ever named is neither heard nor sent to.
func FuzzLatch(f *testing.F) {
	f.Add([]byte{0, 11, 10, 0, 10, 11})
	f.Fuzz(func(t *testing.T, steps []byte) {
		named := []netip.AddrPort{phone, other, nat, rebooted, moved, blackout, nowhere}
		var l Latch
		for _, s := range steps {
			who := named[int(s>>1)%len(named)]
			switch {
			case s&1 == 0 && s&0x40 == 0:
				l.negotiated(who, nat.Addr())
			case s&1 == 0:
				l.negotiated(who, netip.Addr{})
			case who.IsValid():
				l.admit(who, 1, s&0x40 == 0)
			}
			if l.admit(stranger, 1, s&0x80 == 0) || l.destination().Addr() == stranger.Addr() {
				t.Fatalf("a stranger is in: %+v", l)
			}
		}
	})
}
