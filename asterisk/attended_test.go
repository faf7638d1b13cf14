//go:build e2e && linux

package asterisk_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"testing"

	"github.com/sipconf/sipconf/asterisk/rig"
	"github.com/sipconf/sipconf/bench/phone"
)

// TestE2EAttendedTransferBehindAsterisk: Anna has two calls at Asterisk, one with Boris and one into the conference, and joins
// the two, which takes her out. Asterisk does that by itself; sipconf keeps its call, is told who is on it now, and its roster has
// Boris. It is the same whichever of the two she transfers.
func TestE2EAttendedTransferBehindAsterisk(t *testing.T) {
	t.Parallel()
	s := serve(t, "127.0.16.31", 50600)
	boris := picksUp(t, "102", "127.0.16.42:5060", 1130)
	pbx := rig.Start(t, rig.Options{
		Addr: "127.0.16.21", Ports: ports(50800), Sipconf: s.addr,
		Phones: []rig.Phone{{Name: "Anna", Number: "101"}, {Name: "Boris", Number: "102", Addr: boris.Addr().String()}},
	})
	anna, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.16.41:0"), Name: "Anna", Number: "101"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(anna.Close)
	dora := calls(t, "Dora", "5001", "127.0.16.43", "sip:5234@"+s.addr, 1490)
	for i, conferenceFirst := range []bool{true, false} {
		dial := func(number string) *phone.Call {
			call, err := anna.Call(within(t), pbx.URI(number))
			if err != nil {
				t.Fatal(err)
			}
			call.Speak(phone.Tone(370, spoken))
			return call
		}
		numbers := []string{"*15234", "102"}
		if !conferenceFirst {
			numbers = []string{"102", "*15234"}
		}
		first, second := dial(numbers[0]), dial(numbers[1])
		if err := dora.AwaitTone(within(t), 370, spoken, tolerance); err != nil {
			t.Fatal("Dora hears Anna before the transfer: ", err)
		}
		to := fmt.Sprintf("<%s?Replaces=%s>", pbx.URI(numbers[1]), url.QueryEscape(second.Place()))
		r, err := first.Request(within(t), "REFER", nil, phone.Header{Name: "Refer-To", Value: to})
		if err != nil || r.Status != 202 {
			t.Fatalf("REFER: %v %v", r, err)
		}
		if err := dora.AwaitTone(within(t), 1130, spoken, tolerance); err != nil {
			t.Error("Dora hears Boris after the transfer: ", err)
		}
		if err := dora.AwaitBelow(within(t), 370, spoken-own); err != nil {
			t.Error("Dora still hears Anna: ", err)
		}
		s.await(t, "Anna's call is Boris's now", func() bool {
			renamed := s.events("renamed")
			return len(renamed) > 0 && renamed[len(renamed)-1].Number == "102" && renamed[len(renamed)-1].Name == "Boris" && renamed[len(renamed)-1].Call == s.events("joined")[i+1].Call
		})
		if left := s.events("left"); len(left) != i {
			t.Errorf("left %+v, want %d: the call goes on", left, i)
		}
		for _, call := range boris.Calls() {
			if err := call.Hangup(within(t)); err != nil {
				t.Error(err)
			}
		}
		s.await(t, "Boris has left", func() bool { return len(s.events("left")) == i+1 })
	}
	s.leavesNothing(t, pbx, dora)
}
