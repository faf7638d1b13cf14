package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// What rings when one process after the other takes over goes on ringing.

// rings has a number ring until answers is closed, and then picks up.
func (c *carried) rings(number string) (answers chan struct{}) {
	answers = make(chan struct{})
	c.trunk.when(number, func(in *phone.Incoming) {
		in.Ring()
		<-answers
		c.trunk.picksUp(in)
	})
	return answers
}

// isCancelled has a number ring until it is cancelled, which closes the channel.
func (c *carried) isCancelled(number string) <-chan struct{} {
	cancelled := make(chan struct{})
	c.trunk.when(number, func(in *phone.Incoming) {
		in.Ring()
		<-in.Cancelled()
		close(cancelled)
	})
	return cancelled
}

// asked waits until a number was called.
func (c *carried) asked(number string) {
	c.Helper()
	c.eventually(number+" is called", func() bool { return slices.Contains(c.trunk.calls(), number) })
}

// within waits until a channel is closed.
func (c *carried) within(what string, done <-chan struct{}) {
	c.Helper()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		c.Error("it does not come to this: " + what)
	}
}

// refersMeanwhile is refers, of which the last that is told comes later.
func (c *carried) refersMeanwhile(who *phone.Call, to string, headers ...phone.Header) (last func() string) {
	told := make(chan []string, 1)
	go func() { told <- c.refers(who, to, headers...) }()
	return func() string {
		select {
		case all := <-told:
			return all[len(all)-1]
		case <-time.After(10 * time.Second):
			return "nothing"
		}
	}
}

// TestE2EUpgradeWhileTheyRing: several people dial, or have their phones refer the room to somebody, and before that one answers two upgrades come. Who hears it
// ring, or the sound of the other exchange, goes on hearing it; who is called is called once; who gives up has it cancelled; and what has become of a
// REFER is told rightly, and whom it moves is moved.
func TestE2EUpgradeWhileTheyRing(t *testing.T) {
	t.Parallel()
	c := &carried{tapes: t.TempDir(), metrics: unusedAddress(t).String(), talkers: map[string]*phone.Call{}}
	c.trunk = newTrunk(t)
	c.carry(t, func(s *succeeded) string {
		city := `  - {name: city, address: "sip:` + c.trunk.phone.Addr().String() + "\", numbers: [\"_8XX\"]}\nlinks:"
		return strings.Replace(c.settings(s), "links:", city, 1)
	}, "1.0.1", "1.0.2")
	var then []func()

	// Anna hears it ring. 210 answers after.
	anna := c.speaks(phone.Config{Name: "Anna", Number: "3001"}, "6001", 400)
	boris := c.speaks(phone.Config{Name: "Boris", Number: "3002"}, "6001", 500)
	answers := c.rings("210")
	c.presses(anna, "*1210#")
	c.asked("210")
	then = append(then, func() {
		c.hears("Anna", anna, []float64{425}, 500)
		close(answers)
		c.talkers["210"] = c.trunk.answered("210")
		c.hears("Boris", boris, []float64{400, toneOf("210")}, 425)
		c.hears("Anna", anna, []float64{500, toneOf("210")}, 425)
	})

	// Inna hears what another exchange says. 211 answers after.
	const announcement = 1500
	inna := c.speaks(phone.Config{Name: "Inna", Number: "3003"}, "6002", 400)
	heard := make(chan struct{})
	c.trunk.when("211", func(in *phone.Incoming) {
		early, err := in.Reliably(c.soon(), 183, true)
		if err != nil {
			t.Error(err)
			return
		}
		early.Speak(phone.Tone(announcement, loud))
		<-heard
		c.trunk.picksUp(in)
	})
	c.presses(inna, "*1211#")
	c.hears("Inna", inna, []float64{announcement}, 425)
	then = append(then, func() {
		c.hears("Inna", inna, []float64{announcement}, 425)
		close(heard)
		c.hears("Inna", inna, []float64{toneOf("211")}, announcement)
		c.talkers["211"] = c.trunk.answered("211")
		c.hears("211", c.talkers["211"], []float64{400})
	})

	// Greta gives up after, and Hugo hangs up.
	greta := c.speaks(phone.Config{Name: "Greta", Number: "3004"}, "6003", 400)
	hugo := c.speaks(phone.Config{Name: "Hugo", Number: "3005"}, "6003", 600)
	first, second := c.isCancelled("212"), c.isCancelled("213")
	c.presses(greta, "*1212#")
	c.presses(hugo, "*1213#")
	c.asked("212")
	c.asked("213")
	then = append(then, func() {
		c.hears("Greta", greta, []float64{425}, 600)
		if err := greta.SendDTMF(c.soon(), "5"); err != nil {
			t.Error(err)
		}
		c.within("212 is cancelled", first)
		delete(c.talkers, "Hugo")
		if err := hugo.Hangup(c.soon()); err != nil {
			t.Error(err)
		}
		c.within("213 is cancelled", second)
		c.eventually("Greta is alone", func() bool {
			_, said := c.ctl("rooms")
			return strings.Contains(said, "Greta") && !strings.Contains(said, "Hugo")
		})
	})

	// Rita's phone has transferred her to 214, who answers after: she is moved. Rolf's to 215, who is busy after: he stays.
	rita := c.speaks(phone.Config{Name: "Rita", Number: "3006"}, "6004", 400)
	rolf := c.speaks(phone.Config{Name: "Rolf", Number: "3007"}, "6004", 600)
	comes, refuses := c.rings("214"), make(chan struct{})
	c.trunk.when("215", func(in *phone.Incoming) {
		in.Ring()
		<-refuses
		in.Reject(486)
	})
	moved, stays := c.refersMeanwhile(rita, "<sip:214@pbx>"), c.refersMeanwhile(rolf, "<sip:215@pbx>")
	c.asked("214")
	c.asked("215")
	then = append(then, func() {
		c.hears("Rolf", rolf, []float64{400})
		close(refuses)
		if told := stays(); told != "486 Busy Here" {
			t.Errorf("Rolf's phone is told %q", told)
		}
		delete(c.talkers, "Rita")
		close(comes)
		if told := moved(); told != "200 OK" {
			t.Errorf("Rita's phone is told %q", told)
		}
		c.within("Rita is hung up", rita.Done())
		c.talkers["214"] = c.trunk.answered("214")
		c.hears("Rolf", rolf, []float64{toneOf("214")}, 400)
	})

	// Rosa's phone has asked the room to bring 815, who is asked to press 1, and does after.
	rosa := c.speaks(phone.Config{Name: "Rosa", Number: "3008"}, "6005", 400)
	brought := c.refersMeanwhile(rosa, "<sip:815@city>", conferes)
	guest := c.trunk.answered("815")
	c.talkers["815"] = guest
	c.hearsWords("815", guest)
	then = append(then, func() {
		c.hearsWords("815", guest)
		c.presses(guest, "1")
		if told := brought(); told != "200 OK" {
			t.Errorf("Rosa's phone is told %q", told)
		}
		c.hears("Rosa", rosa, []float64{toneOf("815")})
	})

	c.hears("Anna", anna, []float64{425}, 500)
	for _, call := range c.talkers {
		call.ResetHeard()
	}
	for _, version := range []string{"1.0.2", "1.0.1"} {
		c.upgrades(version)
	}
	for who, call := range c.talkers {
		c.whole(who, call)
	}
	for _, then := range then {
		then()
	}
	called := c.trunk.calls()
	slices.Sort(called)
	if want := []string{"210", "211", "212", "213", "214", "215", "815"}; !slices.Equal(called, want) {
		t.Errorf("%q were called, want %q", called, want)
	}
	for who, call := range c.talkers {
		if err := call.Hangup(c.soon()); err != nil {
			t.Errorf("%s hangs up: %v", who, err)
		}
	}
	c.eventually("nobody is left", func() bool {
		f := c.figures()
		return f["sipconf_dialogs"] == 0 && f["sipconf_legs"] == 0 && f["sipconf_rooms"] == 0 && f["sipconf_dialouts"] == 0
	})
	if f := c.figures(); f["sipconf_panics_total"] != 0 || f[`sipconf_referrals_total{outcome="done"}`] != 2 || f[`sipconf_referrals_total{outcome="failed"}`] != 1 {
		t.Errorf("at the end: %v panics; of the REFERs %v were done, and %v have failed", f["sipconf_panics_total"],
			f[`sipconf_referrals_total{outcome="done"}`], f[`sipconf_referrals_total{outcome="failed"}`])
	}
}
