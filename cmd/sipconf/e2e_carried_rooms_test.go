package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/control"
)

// Who is in which room, who is told of it, and who is called, while a server is upgraded: stories of e2e_carried_test.go.

// Sara watches a room from her desk, by two subscriptions: each goes on with its next version, and ends when it would have.
func subscriptions(c *carried) (moment, end func()) {
	first := c.speaks(phone.Config{Name: "Sven", Number: "3008"}, "6006", 400)
	desk := c.phone(phone.Config{Name: "Sara", Number: "3009"})
	c.talkers["Sven"] = first
	people := c.watches(desk, "conference", "6006", "udp", phone.Header{Name: "Expires", Value: "600"})
	lamp := c.watches(desk, "dialog", "6006", "udp", phone.Header{Name: "Expires", Value: "700"})
	inCall := c.speaks(phone.Config{Name: "Sofie", Number: "3010"}, "6006", 500)
	if r, err := inCall.Request(c.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"}, phone.Header{Name: "Expires", Value: "800"}); err != nil || r.Status != 200 {
		c.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	const both = "Sofie 3010 connected, Sven 3008 connected"
	before := c.wantTold(people, both).Version
	beforeLamp := c.versionOf(lamp)
	beforeInCall := 0 // one who comes is told of more than once
	return func() {
			before = max(before, c.lastVersion(people.Notified))
			beforeInCall = c.lastVersion(inCall.Notified)
		}, func() {
			c.speaks(phone.Config{Name: "Susi", Number: "3011"}, "6006", 600)
			const all = "Sofie 3010 connected, Susi 3011 connected, Sven 3008 connected"
			lasts := func(m *phone.Message, most int) {
				c.Helper()
				var left int
				if _, err := fmt.Sscanf(m.Header("Subscription-State"), "active;expires=%d", &left); err != nil || left > most || left < most-120 {
					c.Errorf("Subscription-State: %s, want about %d s", m.Header("Subscription-State"), most)
				}
			}
			for name, w := range map[string]struct {
				notified func() (*phone.Message, error)
				version  int
				expires  int
			}{
				"at the desk": {func() (*phone.Message, error) { return people.Notified(c.soon()) }, before, 600},
				"in the call": {func() (*phone.Message, error) { return inCall.Notified(c.soon()) }, beforeInCall, 800},
			} {
				m, err := w.notified()
				if err != nil {
					c.Fatalf("%s: %v", name, err)
				}
				if told := c.read(m); told.Version != w.version+1 || told.String() != all {
					c.Errorf("%s: told %q as version %d, want %q as the one after %d", name, told, told.Version, all, w.version)
				}
				lasts(m, w.expires)
			}
			// The lamp has not changed, so it is told nothing until somebody asks.
			r, err := lamp.Request(c.soon(), "SUBSCRIBE", phone.Header{Name: "Event", Value: "dialog"}, phone.Header{Name: "Expires", Value: "650"})
			if err != nil || r.Status != 200 {
				c.Fatalf("SUBSCRIBE: %v, %v", r, err)
			}
			if now := c.versionOf(lamp); now != beforeLamp+1 {
				c.Errorf("the lamp is told version %d, after %d", now, beforeLamp)
			}
			for event, w := range map[string]*phone.Watch{"conference": people, "dialog": lamp} {
				if r, err := w.Request(c.soon(), "SUBSCRIBE", phone.Header{Name: "Event", Value: event}, phone.Header{Name: "Expires", Value: "0"}); err != nil || r.Status != 200 {
					c.Errorf("it ends: %v, %v", r, err)
				}
			}
		}
}

// lastVersion is that of the last of those that have come.
func (c *carried) lastVersion(notified func(context.Context) (*phone.Message, error)) (version int) {
	c.Helper()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		m, err := notified(ctx)
		cancel()
		if err != nil {
			return version
		}
		version = c.read(m).Version
	}
}

// versionOf is that of the next lamp that is told of.
func (c *carried) versionOf(w *phone.Watch) int {
	c.Helper()
	m, err := w.Notified(c.soon())
	if err != nil {
		c.Fatal(err)
	}
	var lamp struct {
		Version int `xml:"version,attr"`
	}
	if err := xml.Unmarshal(m.Body, &lamp); err != nil {
		c.Fatalf("%v\n%s", err, m.Body)
	}
	return lamp.Version
}

// Lars has locked the room and muted himself, Lena is on hold for him, as soft as that, and a host has muted all. All is as it was.
func aRoomWithALock(c *carried) (moment, end func()) {
	host := c.speaks(phone.Config{Name: "Hugo", Number: "902"}, "6007", 700)
	lars := c.speaks(phone.Config{Name: "Lars", Number: "3012"}, "6007", 400)
	lena := c.speaks(phone.Config{Name: "Lena", Number: "3013"}, "6007", 600)
	c.pressesAll(lars, "*2*9") // mutes himself, and locks
	c.pressesAll(host, "**2")  // silences both
	c.pressesAll(lena, "*4*4") // hears the others 6 dB softer
	softly := func() {
		c.Helper()
		if err := lena.AwaitTone(c.soon(), 700, loud-6, closeTo); err != nil {
			c.Errorf("Lena hears the host at %.1f dBFS, want %.1f: %v", lena.Hear(700), loud-6, err)
		}
	}
	softly()
	c.hears("the host", host, nil, 400, 600)
	return nil, func() {
		softly()
		c.hears("the host", host, nil, 400, 600)
		_, err := c.phone(phone.Config{Name: "Late", Number: "3014"}).Call(c.soon(), c.uri("6007", "udp", true))
		if phone.Status(err) != 403 {
			c.Errorf("somebody calls the locked room: %v, want 403", err)
		}
		c.pressesAll(host, "**2")
		c.hears("the host", host, []float64{600}, 400)
		c.pressesAll(lars, "*2")
		c.hears("the host", host, []float64{400, 600})
		c.pressesAll(lars, "*9")
		c.eventually("it is open again", func() bool {
			call, err := c.phone(phone.Config{Name: "Late", Number: "3014"}).Call(c.soon(), c.uri("6007", "udp", true))
			if err == nil {
				c.talkers["Late"] = call
			}
			return err == nil
		})
	}
}

// 204 has been called with a group, and is asked to press 1. He does so after: then he is in, and not before.
func whoIsAsked(c *carried) (moment, end func()) {
	director := c.speaks(phone.Config{Name: "Director", Number: "5101"}, "*100", 400)
	asked := c.trunk.answered("204")
	c.talkers["204"] = asked
	c.hearsWords("204", asked)
	c.hears("Director", director, nil, toneOf("204"))
	return nil, func() {
		c.hears("Director", director, nil, toneOf("204"))
		c.hearsWords("204", asked) // he is still asked
		c.presses(asked, "1")
		c.hears("Director", director, []float64{toneOf("204")})
		c.hears("204", asked, []float64{400})
	}
}

// Of a group of four, two have the lines that there are, and are in. The others are called when the lines are free.
func halfOfAGroup(c *carried) (moment, end func()) {
	director := c.speaks(phone.Config{Name: "Convener", Number: "5102"}, "*200", 400)
	c.talkers["701"], c.talkers["702"] = c.trunk.answered("701"), c.trunk.answered("702")
	c.hears("Convener", director, []float64{toneOf("701"), toneOf("702")})
	return nil, func() {
		c.hears("Convener", director, []float64{toneOf("701"), toneOf("702")})
		for i, number := range []string{"701", "702"} {
			if err := c.talkers[number].Hangup(c.soon()); err != nil {
				c.Errorf("%s hangs up: %v", number, err)
			}
			delete(c.talkers, number)
			next := []string{"703", "704"}[i]
			c.talkers[next] = c.trunk.answered(next)
			c.hears("Convener", director, []float64{toneOf(next)})
		}
		called := func() (all []string) {
			all = slices.DeleteFunc(c.trunk.calls(), func(number string) bool { return !strings.HasPrefix(number, "7") })
			slices.Sort(all)
			return all
		}
		if got := called(); !slices.Equal(got, []string{"701", "702", "703", "704"}) {
			c.Errorf("%q were called", got)
		}
		for _, trunk := range shown[control.Status](c.attended, "status").Trunks {
			if trunk.Name == "small" && (trunk.Today != 4 || trunk.Calls != 2 || trunk.Answered != 4) {
				c.Errorf("the trunk was used %d times today, has %d calls, and %d were answered; want 4, 2 and 4", trunk.Today, trunk.Calls, trunk.Answered)
			}
		}
	}
}

// Uma has left the room with 208, whom she has invited, to talk to him alone. After, they come back.
func twoAlone(c *carried) (moment, end func()) {
	uma := c.speaks(phone.Config{Name: "Uma", Number: "3015"}, "6008", 400)
	udo := c.speaks(phone.Config{Name: "Udo", Number: "3016"}, "6008", 500)
	c.presses(uma, "*1208#")
	guest := c.trunk.answered("208")
	c.talkers["208"] = guest
	c.hears("Udo", udo, []float64{400, toneOf("208")})
	c.presses(uma, "*6")
	alone := func() {
		c.Helper()
		c.hears("Uma", uma, []float64{toneOf("208")}, 500)
		c.hears("208", guest, []float64{400}, 500)
		c.hears("Udo", udo, nil, 400, toneOf("208"))
	}
	alone()
	return nil, func() {
		alone()
		c.presses(uma, "*6")
		c.hears("Udo", udo, []float64{400, toneOf("208")})
		c.presses(uma, "*#") // whom she invited last
		select {
		case <-guest.Done():
		case <-c.soon().Done():
			c.Error("208 was not hung up")
		}
		delete(c.talkers, "208")
	}
}

// The link has its call, and after it the same one; when the last leaves, it is hung up.
func aLink(c *carried) (moment, end func()) {
	liv := c.speaks(phone.Config{Name: "Liv", Number: "3017"}, "354233", 400)
	far := c.trunk.answered(farNumber)
	c.hears("Liv", liv, []float64{toneOf(farNumber)})
	c.talkers["the far side"] = far
	return nil, func() {
		c.hears("the far side", far, []float64{400})
		links := shown[control.LinkList](c.attended, "links").Links
		if len(links) != 1 || links[0].State != "up" || links[0].Attempts != 1 || links[0].Call != far.ID() {
			c.Errorf("links %+v, want one, up, with %s", links, far.ID())
		}
		if err := liv.Hangup(c.soon()); err != nil {
			c.Error(err)
		}
		select {
		case <-far.Done():
		case <-c.soon().Done():
			c.Error("the far side was not hung up")
		}
		delete(c.talkers, "Liv")
		delete(c.talkers, "the far side")
	}
}
