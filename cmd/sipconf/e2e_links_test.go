package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
	"github.com/sipconf/sipconf/rooms/plan"
)

// Tests of links through the whole server: the far side is a phone, or another server.

const farNumber = "84957776675"

// linked is an office with the link of the issue, and the trunk behind which the far side is.
func linked(t *testing.T, change func(*Config)) (*office, *trunk) {
	return newTrunkOffice(t, func(cfg *Config) {
		cfg.Numbers = []plan.Rule{{Pattern: "354233", Room: "354233"}, {Pattern: "_XXXX", Room: "${EXTEN}"}}
		cfg.Links = []links.Link{{Room: "354233", Number: farNumber, Trunk: "pbx", DTMF: "ww354233"}}
		if change != nil {
			change(cfg)
		}
	})
}

// wantLink waits until the first link is in that state.
func (o *office) wantLink(want links.State) {
	o.Helper()
	o.eventually("the link is "+want.String(), func() bool { return o.links.Status()[0].State == want })
}

// The article's case. Anna comes in, and the far side is called, gets its digits, and is heard after them and not before; Boris comes in, and there
// is still one line; both leave, and it is hung up.
func TestE2ELink(t *testing.T) {
	t.Parallel()
	o, far := linked(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "354233", 400)
	conference := far.answered(farNumber)
	o.hears("Anna", anna, nil, toneOf(farNumber))
	digits := ""
	o.eventually("the far side has got the digits", func() bool {
		digits += conference.Digits()
		return digits == "354233"
	})
	o.hears("Anna", anna, []float64{toneOf(farNumber)}, 400)
	o.hears("the far side", conference, []float64{400})
	if mark := dialout.ReadMark(far.marked[farNumber]); !mark.Link || mark.Room != "354233" || !o.dialer.Ours(mark) {
		t.Errorf("the far side does not see that it is a link: %+v", mark)
	}
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "354233", 500)
	o.hears("the far side", conference, []float64{400, 500})
	o.hears("Boris", boris, []float64{400, toneOf(farNumber)}, 500)
	o.wantLink(links.Up)
	if got := o.figure(`sipconf_link_state{number="84957776675",room="354233",state="up"}`); got != 1 {
		t.Errorf("the metrics say %v of the link", got)
	}
	if calls := far.calls(); len(calls) != 1 {
		t.Errorf("the far side was called %d times", len(calls))
	}
	for _, call := range []*phone.Call{anna, boris} {
		if err := call.Hangup(o.soon()); err != nil {
			t.Error(err)
		}
	}
	left := time.Now()
	<-conference.Done()
	if took := time.Since(left); took > time.Second || !conference.Ending().ByPeer {
		t.Errorf("the far side was hung up after %v: %+v", took, conference.Ending())
	}
	o.wantLink(links.Idle)
	o.eventually("nobody is left", func() bool { return o.ua.Calls() == 0 && o.rooms.Stats().Rooms == 0 })
}

// The far side goes away without a word: that is noticed by nothing coming from it.
func TestE2ELinkIsLost(t *testing.T) {
	t.Parallel()
	o, far := linked(t, func(cfg *Config) { cfg.Links[0].Lost, cfg.Links[0].DTMF = 2*time.Second, "1" })
	o.joins(phone.Config{Name: "Anna", Number: "101"}, "354233", 400)
	far.answered(farNumber)
	o.wantLink(links.Up)
	far.phone.Vanish()
	began := time.Now()
	o.eventually("the far side counts as lost", func() bool { return o.links.Status()[0].Lost == 1 })
	t.Logf("noticed after %v, with 2 s allowed", time.Since(began))
}

// twins are two servers, of which room 1001 and room 2002 are linked with each other.
func twins(t *testing.T) (one, two *office) {
	t.Helper()
	at := [2]netip.AddrPort{unusedAddress(t), unusedAddress(t)}
	rooms := [2]string{"1001", "2002"}
	var both [2]*office
	for i := range both {
		both[i] = newOffice(t, func(cfg *Config) {
			cfg.SIP.Listen = []listener{{"udp", at[i]}}
			cfg.Media.Ports.First, cfg.Media.Ports.Last = uint16(40000+500*i), uint16(40499+500*i)
			cfg.Trunks = []dialout.Trunk{{Name: "other", Address: "sip:" + at[1-i].String(), Internal: true}}
			cfg.Links = []links.Link{{Room: rooms[i], Number: rooms[1-i], Retry: []time.Duration{0, time.Second, 2 * time.Second}, Ended: time.Second}}
		})
	}
	return both[0], both[1]
}

// dialled is how often the link was.
func (o *office) dialled() uint64 { return o.links.Status()[0].Attempts }

// Two rooms on two servers are linked with each other. Anna is in the one: that one calls. Boris comes into the other: nothing more is called, for
// the line is there. Anna leaves: now the other calls. Boris leaves, and both rooms are gone: they do not keep each other alive.
func TestE2ETwoRoomsAreLinkedWithEachOther(t *testing.T) {
	t.Parallel()
	one, two := twins(t)
	anna := one.joins(phone.Config{Name: "Anna", Number: "101"}, "1001", 400)
	one.wantLink(links.Up)
	two.wantLink(links.Met)
	boris := two.joins(phone.Config{Name: "Boris", Number: "102"}, "2002", 500)
	one.hears("Anna", anna, []float64{500}, 400)
	two.hears("Boris", boris, []float64{400}, 500)
	if one.dialled() != 1 || two.dialled() != 0 {
		t.Errorf("they have called %d and %d times", one.dialled(), two.dialled())
	}
	anna.Hangup(one.soon())
	two.wantLink(links.Up)
	one.wantLink(links.Met)
	boris.Hangup(two.soon())
	for _, o := range []*office{one, two} {
		o.wantLink(links.Idle)
		o.eventually("nobody is left", func() bool { return o.ua.Calls() == 0 && o.rooms.Stats().Rooms == 0 })
	}
	if one.dialled() != 1 || two.dialled() != 1 {
		t.Errorf("they have called %d and %d times", one.dialled(), two.dialled())
	}
}

// Anna and Boris come in at the same moment, so that both rooms call: one line is left, by which each hears the other once and nobody himself.
func TestE2EBothRoomsCallAtOnce(t *testing.T) {
	one, two := twins(t)
	joined := make(chan *phone.Call)
	go func() { joined <- one.joins(phone.Config{Name: "Anna", Number: "101"}, "1001", 400) }()
	boris := two.joins(phone.Config{Name: "Boris", Number: "102"}, "2002", 500)
	anna := <-joined
	one.hears("Anna", anna, []float64{500}, 400)
	two.hears("Boris", boris, []float64{400}, 500)
	states := []string{one.links.Status()[0].State.String(), two.links.Status()[0].State.String()}
	if got := strings.Join(states, ", "); got != "up, connected from the far side" && got != "connected from the far side, up" {
		t.Errorf("the links are: %s", got)
	}
	if calls := one.ua.Calls() + two.ua.Calls(); calls != 4 {
		t.Errorf("there are %d dialogs, want each phone's and two of the line", calls)
	}
}

// The far side has called by itself, and vanishes: its call is watched as ours would be, and then it is dialled. Whoever says by a header that he is
// another conference is announced where he is let in as one, and is a person where there is nothing that he could keep alive.
func TestE2EAFarSideThatCalled(t *testing.T) {
	t.Parallel()
	o, far := linked(t, func(cfg *Config) { cfg.Links[0].Lost, cfg.Links[0].Ended = 2*time.Second, time.Second })
	mark := phone.WithHeader(markHeader, dialout.Mark{Instance: "x", Room: farNumber, Link: true}.String())
	other := o.phone(phone.Config{Name: "Other", Number: "8495"})
	if _, err := other.Call(o.soon(), o.uri("354233", "udp", true), mark); err != nil {
		t.Fatal(err)
	}
	o.wantLink(links.Met)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "354233", 400)
	other.Vanish()
	far.answered(farNumber)
	o.wantLink(links.Up)
	if calls := far.calls(); len(calls) != 1 {
		t.Errorf("the far side was called %d times", len(calls))
	}
	o.joins(phone.Config{Name: "Forger", Number: "666"}, "5234", 0, mark)
	o.eventually("the forger is a person", func() bool {
		shot, _ := o.rooms.Look("5234")
		return len(shot.Participants) == 1 && !shot.Participants[0].Link
	})
	anna.Hangup(o.soon())
}

// The server ends while a link is up: the far side is told at once, and the next server has one call, and no second one.
func TestE2ELinkAfterARestart(t *testing.T) {
	t.Parallel()
	o, far := linked(t, nil)
	o.joins(phone.Config{Name: "Anna", Number: "101"}, "354233", 400)
	first := far.answered(farNumber)
	o.wantLink(links.Up)
	if err := o.server.Close(o.soon()); err != nil {
		t.Error(err)
	}
	select {
	case <-first.Done():
	default:
		t.Error("the server has ended, and the far side still has its call")
	}
}
