package main

import (
	"strings"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/rooms/plan"
)

// TestE2EFactory: the conference button dials one number, and each who presses it has a room of his own, whose URI leads others there. The room is one
// like any other: it is watched, and gone with the last.
func TestE2EFactory(t *testing.T) {
	o, _ := newTrunkOffice(t, func(cfg *Config) {
		cfg.Numbers = append([]plan.Rule{{Pattern: "conference", Factory: true}, {Pattern: "*19", Factory: true, Room: "77${FRESH:-4}"}}, cfg.Numbers...)
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "conference", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "conference", 500)
	clara := o.joins(phone.Config{Name: "Clara", Number: "103"}, "*19", 600)
	room := func(call *phone.Call) string {
		contact := call.Response().Header("Contact")
		uri, params, _ := strings.Cut(strings.TrimPrefix(contact, "<"), ">")
		if !strings.Contains(params, "isfocus") {
			t.Errorf("Contact: %s", contact)
		}
		return strings.TrimPrefix(uri[:strings.IndexByte(uri, '@')], "sip:")
	}
	if a, b, c := room(anna), room(boris), room(clara); a == b || len(a) != plan.FreshDigits || len(c) != 6 || !strings.HasPrefix(c, "77") {
		t.Fatalf("rooms %s, %s and %s", a, b, c)
	}
	dora := o.joins(phone.Config{Name: "Dora", Number: "104"}, room(anna), 700)
	erik := o.joins(phone.Config{Name: "Erik", Number: "105"}, room(clara), 800)
	o.hears("Anna", anna, []float64{700}, 500, 600, 800)
	o.hears("Boris", boris, nil, 400, 600, 700, 800)
	o.hears("Clara", clara, []float64{800}, 400, 500, 700)
	if got := room(dora); got != room(anna) {
		t.Errorf("Dora is told that she is in %s", got)
	}
	w := o.watches(o.phone(phone.Config{Number: "106"}), "conference", room(anna), "udp")
	o.wantTold(w, "Anna 101 connected, Dora 104 connected")
	for _, event := range []string{"conference", "dialog"} {
		if _, err := o.phone(phone.Config{Number: "106"}).Watch(o.soon(), "SUBSCRIBE", o.uri("conference", "udp", true), phone.Header{Name: "Event", Value: event}); phone.Status(err) != 404 {
			t.Errorf("%s of the factory itself: %v", event, err)
		}
	}
	o.nothingLeft(anna, boris, clara, dora, erik)
}

// TestE2EPatternRooms: a telephone makes up a name and dials that, and so do the others whom it has told.
func TestE2EPatternRooms(t *testing.T) {
	t.Parallel()
	o, _ := newTrunkOffice(t, func(cfg *Config) {
		cfg.Numbers = append([]plan.Rule{{Pattern: "_[n]way.", Room: "${EXTEN}"}}, cfg.Numbers...)
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "nway483920", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "nway483920", 500)
	clara := o.joins(phone.Config{Name: "Clara", Number: "103"}, "nway483921", 600)
	o.hears("Anna", anna, []float64{500}, 400, 600)
	o.hears("Boris", boris, []float64{400}, 500, 600)
	if contact := boris.Response().Header("Contact"); !strings.HasPrefix(contact, "<sip:nway483920@") || !strings.Contains(contact, ";isfocus") {
		t.Errorf("Contact: %s", contact)
	}
	w := o.watches(o.phone(phone.Config{Number: "106"}), "conference", "nway483920", "udp")
	o.wantTold(w, "Anna 101 connected, Boris 102 connected")
	if _, err := o.phone(phone.Config{Number: "104"}).Call(o.soon(), o.uri("nway", "udp", true)); phone.Status(err) != 404 {
		t.Errorf("a name without a number: %v", err)
	}
	o.nothingLeft(anna, boris, clara)
}
