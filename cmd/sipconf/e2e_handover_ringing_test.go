package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// The director calls his group, and the server is replaced while two of its telephones ring, one waits for a line, and a link dials. No telephone is rung twice,
// those who answer afterwards come in, who is busy is called at his other number, and when the room ends what rings is told so.
func TestE2EUpgradeWhileAGroupRings(t *testing.T) {
	t.Parallel()
	w := newTrunk(t)
	s := succeedWith(t, func(s *succeeded) string {
		return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\nrooms: {max_legs: 100, tones: false}\n"+
			"metrics: {listen: \"\"}\nctl: {socket: %q}\ntrunks:\n  - {name: pbx, address: \"sip:%s\", internal: true, max_calls: 5}\n"+
			"  - {name: provider, address: \"sip:%s\", numbers: [\"84957776690\"]}\n"+
			"groups:\n  store: list\n  ring: 60s\n  list:\n    \"100\": [{extension: \"201\"}, {extension: \"202,302\"}, {extension: \"203\"}, {extension: \"204\"}, {extension: \"205\"}, {extension: \"206\"}]\n"+
			"links:\n  - {room: \"101\", number: \"84957776690\", trunk: provider}\n", s.port, s.socket, w.phone.Addr(), w.phone.Addr())
	}, "1.0.1", "1.0.2")
	w.office = s.office
	lifts := map[string]chan struct{}{}
	for _, number := range []string{"202", "203", "204", "84957776690"} {
		lift := make(chan struct{})
		lifts[number] = lift
		w.when(number, func(in *phone.Incoming) {
			in.Ring()
			select {
			case <-in.Cancelled():
				close(lift) // so that whoever lifts it sees that
				return
			case <-lift:
			}
			if number == "202" {
				in.Reject(486)
				return
			}
			w.picksUp(in)
		})
	}
	cancelled := make(chan struct{}, 2)
	w.when("205", func(in *phone.Incoming) { in.Ring(); <-in.Cancelled(); cancelled <- struct{}{} })

	director := s.joins("Director", "101", "*100", 400)
	s.hears("Director", director, []float64{toneOf("201")}, 400)
	s.eventually("all lines are in use", func() bool { return len(w.calls()) == 6 })
	s.upgrades("1.0.2")
	s.upgrades("1.0.1")
	director.ResetHeard()
	lift := func(number string) {
		t.Helper()
		select {
		case lifts[number] <- struct{}{}:
		case <-lifts[number]:
			t.Errorf("%s was cancelled", number)
		case <-time.After(5 * time.Second):
			t.Errorf("%s does not ring", number)
		}
	}
	lift("203")
	lift("84957776690")
	s.hears("Director", director, []float64{toneOf("201"), toneOf("203"), toneOf("84957776690")}, 400)
	s.hears("203", w.answered("203"), []float64{400, toneOf("201")}, toneOf("203"))
	lift("202") // he is busy; the line is for him who has waited for one, or for his other number
	s.hears("Director", director, []float64{toneOf("206")}, 400)
	s.upgrades("1.0.2")
	lift("204")
	s.hears("204", w.answered("204"), []float64{400, toneOf("203")}, toneOf("204"))
	if err := w.answered("206").Hangup(s.soon()); err != nil {
		t.Error(err)
	}
	s.hears("302", w.answered("302"), []float64{400, toneOf("204")})
	calls := w.calls()
	slices.Sort(calls)
	if want := []string{"201", "202", "203", "204", "205", "206", "302", "84957776690"}; !slices.Equal(calls, want) {
		t.Errorf("called were %v, want %v", calls, want)
	}
	for _, call := range []*phone.Call{director, w.answered("201"), w.answered("203"), w.answered("204"), w.answered("302")} {
		if err := call.Hangup(s.soon()); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-cancelled:
	case <-time.After(5 * time.Second):
		t.Error("205 rings on, although nobody is in the room any more")
	}
}

// Clara's telephone rings, the server is replaced, and Dora picks the call up at another one: she is in, and Clara's phone is told that somebody has.
func TestE2ERingingCallIsPickedUpAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	w := newTrunk(t)
	s := succeedWith(t, func(s *succeeded) string {
		return fmt.Sprintf("sip: {listen: [\"udp://127.0.0.1:%d\"]}\nmedia: {ports: 41000-41199, level: false}\nrooms: {max_legs: 100, tones: false}\n"+
			"metrics: {listen: \"\"}\nctl: {socket: %q}\ntrunks:\n  - {name: pbx, address: \"sip:%s\", internal: true}\n"+
			"groups:\n  store: list\n  ring: 60s\n  list:\n    \"100\": [{extension: \"203\"}]\n", s.port, s.socket, w.phone.Addr())
	}, "1.0.1", "1.0.2")
	w.office = s.office
	ringing := make(chan *phone.Incoming, 1)
	w.when("203", func(in *phone.Incoming) { in.Ring(); ringing <- in; <-in.Cancelled() })
	director := s.joins("Director", "101", "*100", 400)
	in := <-ringing
	s.upgrades("1.0.2")
	dora, err := s.phone(phone.Config{Name: "Dora", Number: "204"}).Call(s.soon(), fmt.Sprintf("sip:203@127.0.0.1:%d", s.port), phone.WithHeader("Replaces", in.Place()))
	if err != nil {
		t.Fatal(err)
	}
	dora.Speak(phone.Tone(1900, loud))
	select {
	case <-in.Cancelled():
	case <-time.After(5 * time.Second):
		t.Error("Clara's phone rings on")
	}
	s.hears("Director", director, []float64{1900}, 400)
	s.hears("Dora", dora, []float64{400}, 1900)
	s.upgrades("1.0.1")
	s.hears("Director", director, []float64{1900}, 400)
	s.hears("Dora", dora, []float64{400}, 1900)
	if err := director.Hangup(s.soon()); err != nil {
		t.Error(err)
	}
	if err := dora.Hangup(s.soon()); err != nil {
		t.Error(err)
	}
	s.eventually("nobody is left", func() bool {
		_, said := s.ctl("rooms")
		return !strings.Contains(said, "101")
	})
}
