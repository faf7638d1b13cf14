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
	boris, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort("127.0.10.42:5060"), Number: "102",
		Answer: func(in *phone.Incoming) {
			if call, err := in.Accept(); err == nil {
				call.Speak(phone.Tone(1130, spoken))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(boris.Close)
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
