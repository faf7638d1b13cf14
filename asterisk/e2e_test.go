//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

var phones = []rig.Phone{
	{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102"}, {Name: "Clara", Number: "103"},
}

// TestE2ERoomBehindAsterisk: three phones of one Asterisk dial *15234, which the drop-in files lead
// to sipconf, and talk. With and without direct media.
func TestE2ERoomBehindAsterisk(t *testing.T) {
	for i, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct_media=%v", direct), func(t *testing.T) {
			t.Parallel()
			s := serve(t, fmt.Sprintf("127.0.1.%d", 31+i), 40000+1000*i)
			pbx := rig.Start(t, rig.Options{
				Addr: fmt.Sprintf("127.0.1.%d", 21+i), Ports: ports(40200 + 1000*i),
				Sipconf: s.addr, Phones: phones, DirectMedia: direct,
			})
			local := fmt.Sprintf("127.0.1.%d", 41+i)
			anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370, phone.PCMA)
			boris := calls(t, "Boris", "102", local, pbx.URI("*15234"), 1130, phone.PCMU)
			clara := calls(t, "Clara", "103", local, pbx.URI("5234"), 1490)
			converse(t, anna, boris, clara)
			for _, c := range []*caller{anna, boris, clara} {
				atSipconf := c.RemoteRTP().Addr().String()+":5060" == s.addr
				if atSipconf != direct {
					t.Errorf("%s sends RTP to %s: direct media is %v", c.name, c.RemoteRTP(), atSipconf)
				}
			}
			s.await(t, "three joined", func() bool { return len(s.events("joined")) == 3 })
			for i, e := range s.events("joined") {
				if e.Room != "5234" || e.Name != phones[i].Name || e.Number != phones[i].Number {
					t.Errorf("joined: %+v, want %+v in room 5234", e, phones[i])
				}
			}
			for _, c := range []*caller{anna, boris, clara} {
				if err := c.Hangup(within(t)); err != nil {
					t.Errorf("%s hangs up: %v", c.name, err)
				}
			}
			s.await(t, "the room is gone", func() bool { return len(s.events("room gone")) == 1 })
			if n := len(s.events("left")); n != 3 {
				t.Errorf("%d left, want 3", n)
			}
		})
	}
}

// TestE2EMixedRoom: phones of two Asterisks and phones that dial sipconf directly are in one room,
// half of them A-law and half mu-law.
func TestE2EMixedRoom(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.2.31", 42000)
	one := rig.Start(t, rig.Options{Addr: "127.0.2.21", Ports: ports(42200), Sipconf: s.addr, Phones: phones})
	two := rig.Start(t, rig.Options{Addr: "127.0.2.22", Ports: ports(42300), Sipconf: s.addr, Phones: phones, DirectMedia: true})
	room := []*caller{
		calls(t, "Anna", "101", "127.0.2.41", one.URI("*15234"), 370, phone.PCMA),
		calls(t, "Boris", "102", "127.0.2.41", two.URI("*15234"), 1130, phone.PCMU),
		calls(t, "Dora", "5001", "127.0.2.42", "sip:5234@"+s.addr, 1490, phone.PCMA),
		calls(t, "Emil", "5002", "127.0.2.43", "sip:*15234@"+s.addr, 2330, phone.PCMU),
	}
	converse(t, room...)
	for _, c := range room {
		if heard := c.Heard(); heard.Lost != 0 || heard.Duplicates != 0 {
			t.Errorf("%s: %d packets lost, %d twice, of %d", c.name, heard.Lost, heard.Duplicates, heard.Packets)
		}
	}
	s.stop()
	for _, c := range room {
		select {
		case <-c.Done():
			if !c.Ending().ByPeer {
				t.Errorf("%s: %v instead of a BYE", c.name, c.Ending().Err)
			}
		case <-within(t).Done():
			t.Errorf("%s is still in the call after sipconf has ended", c.name)
		}
	}
}

// TestE2EHoldBehindAsterisk: a phone behind Asterisk holds the conference. It leaves the room at
// once, although it sends sound on (its own music, say); no music gets into the room; it hears
// nothing of the room; and after the resume all is as before.
func TestE2EHoldBehindAsterisk(t *testing.T) {
	for i, direct := range []bool{false, true} {
		t.Run(fmt.Sprintf("direct_media=%v", direct), func(t *testing.T) {
			t.Parallel()
			s := serve(t, fmt.Sprintf("127.0.3.%d", 31+i), 44000+1000*i)
			pbx := rig.Start(t, rig.Options{
				Addr: fmt.Sprintf("127.0.3.%d", 21+i), Ports: ports(44200 + 1000*i),
				Sipconf: s.addr, Phones: phones, DirectMedia: direct,
			})
			local := fmt.Sprintf("127.0.3.%d", 41+i)
			anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370)
			boris := calls(t, "Boris", "102", local, pbx.URI("*15234"), 1130)
			dora := calls(t, "Dora", "5001", local, "sip:5234@"+s.addr, 1490)
			converse(t, anna, boris, dora)
			for range 2 {
				if err := anna.Hold(within(t), phone.HoldSendOnly, false); err != nil {
					t.Fatal("Anna holds: ", err)
				}
				silent(t, "Anna on hold", anna.hz, boris, dora)
				silent(t, "music on hold", rig.Music, boris, dora)
				deaf(t, "the room while on hold", dora.hz, anna)
				converse(t, boris, dora)
				if err := anna.Resume(within(t), false); err != nil {
					t.Fatal("Anna resumes: ", err)
				}
				converse(t, anna, boris, dora)
			}
		})
	}
}

// TestE2EMusicWithoutPassthrough shows what moh_passthrough=yes of the drop-in is good for: without
// it the same hold fills the room with music. It also shows that the music which
// TestE2EHoldBehindAsterisk misses would be heard there.
func TestE2EMusicWithoutPassthrough(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.4.31", 46000)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.4.21", Ports: ports(46200), Sipconf: s.addr, Phones: phones,
		Append: []string{"moh_passthrough=no"},
	})
	anna := calls(t, "Anna", "101", "127.0.4.41", pbx.URI("*15234"), 370)
	dora := calls(t, "Dora", "5001", "127.0.4.42", "sip:5234@"+s.addr, 1490)
	converse(t, anna, dora)
	if err := anna.Hold(within(t), phone.HoldSendOnly, false); err != nil {
		t.Fatal(err)
	}
	if err := dora.AwaitTone(within(t), rig.Music, rig.MusicLevel, tolerance); err != nil {
		t.Errorf("no music in the room although moh_passthrough=no: %v", err)
	}
}

// TestE2EKeysBehindAsterisk: keys pressed at a phone behind Asterisk arrive once each and in order,
// and nobody hears or gets them. Asterisk relays the phone's own RFC 4733 packets, or lets them
// pass by (direct media), or makes its own out of the phone's INFOs.
func TestE2EKeysBehindAsterisk(t *testing.T) {
	for i, way := range []struct {
		name   string
		direct bool
		append []string
	}{
		{name: "relayed"},
		{name: "direct media", direct: true},
		{name: "made by Asterisk", append: []string{"[101](+type=endpoint)", "dtmf_mode=info"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, fmt.Sprintf("127.0.5.%d", 31+i), 47000+1000*i)
			pbx := rig.Start(t, rig.Options{
				Addr: fmt.Sprintf("127.0.5.%d", 21+i), Ports: ports(47200 + 1000*i),
				Sipconf: s.addr, Phones: phones, DirectMedia: way.direct, Append: way.append,
			})
			local := fmt.Sprintf("127.0.5.%d", 41+i)
			anna := calls(t, "Anna", "101", local, pbx.URI("*15234"), 370)
			boris := calls(t, "Boris", "102", local, pbx.URI("*15234"), 1130)
			converse(t, anna, boris)
			const keys = "1234#55667890*" // none of them does anything
			press(t, anna, keys, way.append != nil)
			pressed := func() string {
				var all strings.Builder
				for _, e := range s.events("digit pressed") {
					all.WriteString(e.Digit)
				}
				return all.String()
			}
			s.await(t, "digits pressed: "+keys, func() bool { return len(pressed()) >= len(keys) })
			converse(t, anna, boris) // long enough for a key that comes twice
			if got := pressed(); got != keys {
				t.Errorf("sipconf saw the keys %q, want %q", got, keys)
			}
			if got := boris.Digits(); got != "" {
				t.Errorf("Boris got the keys %q", got)
			}
		})
	}
}

func press(t *testing.T, c *caller, keys string, byInfo bool) {
	t.Helper()
	if !byInfo {
		if err := c.SendDTMF(within(t), keys); err != nil {
			t.Fatalf("%s presses %s: %v", c.name, keys, err)
		}
		return
	}
	for _, key := range []byte(keys) {
		if err := c.SendInfo(within(t), key, true); err != nil {
			t.Fatalf("%s presses %c: %v", c.name, key, err)
		}
	}
}

// ports is a range of a hundred.
func ports(first int) rig.Ports { return rig.Ports{First: uint16(first), Last: uint16(first + 99)} }
