package main

import (
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
)

// Bob comes and goes: Anna, who is there, is told so in words, both times, and Bob need not hear that he has come. Nobody says anything.
func TestE2EARoomIsToldWhoComesAndGoes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(cfg *Config) { cfg.Rooms.Announce = true })
	anna := o.joins(phone.Config{Name: "Anna", Number: "201"}, "5234", 0)
	o.eventually("Anna is in", func() bool { return len(o.numbersIn("5234")) == 1 })
	bob := o.joins(phone.Config{Name: "Bob", Number: "202"}, "5234", 0)
	bob.Record()
	speech := func(c *phone.Call) bool { return c.Loudness(500*time.Millisecond) > -35 }
	silence := func(c *phone.Call) bool { return c.Loudness(500*time.Millisecond) < -60 }
	await := func(what string, cond func(*phone.Call) bool) {
		t.Helper()
		if err := anna.Await(o.soon(), cond); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	await("Anna is told that Bob has joined", speech)
	await("and then no more", silence)
	if level := phone.PeakLevel(bob.Recording()); level > -60 {
		t.Errorf("Bob hears %.1f dBFS", level)
	}
	if err := bob.Hangup(o.soon()); err != nil {
		t.Fatal(err)
	}
	await("Anna is told that Bob has left", speech)
}

// A host mutes all. Anna presses her own mute and presses it again, and is not heard; Dora, who comes later, is not heard either; until the
// host opens.
func TestE2EAHostMutesAll(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"100"} })
	press := func(c *phone.Call, keys string) {
		t.Helper()
		if err := c.SendDTMF(o.soon(), keys); err != nil {
			t.Fatal(err)
		}
	}
	host := o.joins(phone.Config{Name: "Host", Number: "100"}, "5234", 1100)
	anna := o.joins(phone.Config{Name: "Anna", Number: "201"}, "5234", 1500)
	bob := o.joins(phone.Config{Name: "Bob", Number: "202"}, "5234", 0)
	o.hears("Bob", bob, []float64{1100, 1500})
	press(host, "**2")
	o.eventually("all are muted", func() bool { shot, _ := o.Rooms().Look("5234"); return shot.Silenced })
	press(anna, "*2*2")
	dora := o.joins(phone.Config{Name: "Dora", Number: "203"}, "5234", 1900)
	o.eventually("Anna has pressed her keys, and Dora is in", func() bool {
		pressed, silenced := 0, false
		shot, _ := o.Rooms().Look("5234")
		for _, p := range shot.Participants { // three have called at once, and are in in any order
			switch p.Number {
			case "201":
				pressed = p.DigitCount
			case "203":
				silenced = p.Silenced
			}
		}
		return len(shot.Participants) == 4 && pressed == 4 && silenced
	})
	o.hears("Bob", bob, []float64{1100}, 1500, 1900)
	press(host, "**2")
	o.hears("Bob", bob, []float64{1100, 1500, 1900})
	o.hears("Anna", anna, []float64{1100, 1900}, 1500)
	o.hears("Dora", dora, []float64{1100, 1500}, 1900)
}
