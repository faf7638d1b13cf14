package main

import (
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
)

// Tests of who may do what, when one call takes the place of another.

// Anna, who is a host, has the room take over her call with Boris; or Boris has it take over a call by Anna's number; or Dora picks up Anna's telephone,
// which rings. Nobody is a host by that.
func TestE2ENobodyIsAHostByReplaces(t *testing.T) {
	t.Parallel()
	for what, brings := range map[string]func(o *office, trunk *trunk, emil *phone.Call) *phone.Call{
		"her own number": func(o *office, trunk *trunk, _ *phone.Call) *phone.Call {
			anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
			o.refers(anna, "<sip:"+trunk.phone.Addr().String()+"?Replaces=a%40c%3Bto-tag%3D1%3Bfrom-tag%3D2>")
			return trunk.answered("101")
		},
		"the number of a host": func(o *office, trunk *trunk, emil *phone.Call) *phone.Call {
			o.refers(emil, "<sip:101@elsewhere?Replaces=a%40c%3Bto-tag%3D1%3Bfrom-tag%3D2>", conferes)
			return trunk.answered("101")
		},
		"the ringing telephone of a host": func(o *office, trunk *trunk, emil *phone.Call) *phone.Call {
			rings := make(chan *phone.Incoming, 1)
			trunk.when("101", func(in *phone.Incoming) {
				in.Ring()
				rings <- in
				<-in.Cancelled()
			})
			if r, err := emil.Request(o.soon(), "REFER", nil, conferes, phone.Header{Name: "Refer-To", Value: "<sip:101@pbx>"}); err != nil || r.Status != 202 {
				t.Fatalf("REFER: %v, %v", r, err)
			}
			return o.joins(phone.Config{Name: "Dora", Number: "104"}, "101", 700, phone.WithHeader("Replaces", (<-rings).Place()))
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
			emil := o.joins(phone.Config{Name: "Emil", Number: "105"}, "5234", 500)
			guest := brings(o, trunk, emil)
			o.eventually("he is in", func() bool { return len(o.numbersIn("5234")) >= 2 })
			shot, _ := o.rooms.Look("5234")
			for _, p := range shot.Participants {
				if p.Host && !(p.Name == "Anna" && p.Number == "101") {
					t.Errorf("%s %s is a host", p.Name, p.Number)
				}
			}
			if r, err := guest.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:105@pbx;method=BYE>"}); err != nil || r.Status != 403 {
				t.Errorf("Emil is sent away: %v, %v", r, err)
			}
		})
	}
}
