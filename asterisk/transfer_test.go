//go:build e2e && linux

package asterisk_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2ETransferBehindAsterisk: Anna is in the conference and transfers her call to Boris, all within Asterisk.
// sipconf keeps the same call, hears Boris in it, and because of send_pai=yes it is told that he is there now.
func TestE2ETransferBehindAsterisk(t *testing.T) {
	t.Parallel()
	const addr = "127.0.10.31:5060"
	answered := make(chan *phone.Call, 1)
	told := make(chan string, 10)
	peer, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(addr),
		Answer: func(in *phone.Incoming) {
			if call, err := in.Accept(); err == nil {
				answered <- call
			}
		},
		Request: func(_ *phone.Call, m *phone.Message) int {
			told <- m.Method + " " + m.Header("P-Asserted-Identity")
			return 0
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(peer.Close)
	boris := picksUp(t, "102", "127.0.10.42:5060", 1130)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.10.21", Ports: ports(39800), Sipconf: addr,
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	anna := calls(t, "Anna", "101", "127.0.10.41", pbx.URI("*15234"), 370)
	conference := <-answered
	if err := conference.AwaitTone(within(t), 370, spoken, tolerance); err != nil {
		t.Fatal("before the transfer: ", err)
	}
	r, err := anna.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + pbx.URI("102") + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	if err := conference.AwaitTone(within(t), 1130, spoken, tolerance); err != nil {
		t.Error("after the transfer: ", err)
	}
	for {
		select {
		case m := <-told:
			t.Log("sipconf is told: ", m)
			if strings.Contains(m, `"Boris" <sip:102@`) {
				return
			}
		case <-within(t).Done():
			t.Fatal("sipconf is not told that Boris is there now")
		}
	}
}

// TestE2ETheRosterFollowsATransfer: as above with a real sipconf. Its call goes on, and its list of participants has
// Boris where Anna was.
func TestE2ETheRosterFollowsATransfer(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.11.31", 50000)
	boris := picksUp(t, "102", "127.0.11.42:5060", 1130)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.11.21", Ports: ports(50200), Sipconf: s.addr,
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	anna := calls(t, "Anna", "101", "127.0.11.41", pbx.URI("*15234"), 370)
	dora := calls(t, "Dora", "5001", "127.0.11.43", "sip:5234@"+s.addr, 1490)
	converse(t, anna, dora)
	r, err := anna.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<" + pbx.URI("102") + ">"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v %v", r, err)
	}
	if err := dora.AwaitTone(within(t), 1130, spoken, tolerance); err != nil {
		t.Error("Dora hears Boris after the transfer: ", err)
	}
	s.await(t, "Anna's call is Boris's now", func() bool {
		renamed := s.events("renamed")
		return len(renamed) > 0 && renamed[len(renamed)-1].Number == "102"
	})
	renamed, joined := s.events("renamed"), s.events("joined")
	last := renamed[len(renamed)-1]
	if last.Room != "5234" || last.Name != "Boris" || last.Call != joined[0].Call || len(joined) != 2 || len(s.events("left")) != 0 {
		t.Errorf("joined %+v, renamed %+v: want Boris on the call that Anna began", joined, renamed)
	}
	s.leavesNothing(t, pbx, anna, dora, answered(t, "Boris", boris, 1130))
}

// picksUp is a phone that answers every call and speaks its tone there.
func picksUp(t *testing.T, number, local string, hz float64) *phone.Phone {
	t.Helper()
	p, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort(local), Number: number,
		Answer: func(in *phone.Incoming) {
			if call, err := in.Accept(); err == nil {
				call.Speak(phone.Tone(hz, spoken))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}
