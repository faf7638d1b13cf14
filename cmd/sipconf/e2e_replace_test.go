package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/links"
)

// Tests of calls that take the place of others (RFC 3891), with phones over real SIP and RTP: who hears whom by tones.

// inPlaceOf is the header that names a phone's call at the server.
func inPlaceOf(c *phone.Call, more ...string) phone.Option {
	return phone.WithHeader("Replaces", c.Place()+strings.Join(more, ""))
}

// roster is who is in the room, as "Name number", with "!" who is muted.
func (o *office) roster(room string) (who []string) {
	shot, _ := o.Rooms().Look(room)
	for _, p := range shot.Participants {
		name := strings.TrimSpace(p.Name + " " + p.Number)
		if p.Muted {
			name += "!"
		}
		who = append(who, name)
	}
	return who
}

func (o *office) wantRoster(room string, want ...string) {
	o.Helper()
	o.eventually(fmt.Sprintf("in the room are %q", want), func() bool { return slices.Equal(o.roster(room), want) })
}

// Boris, who is in a room with Anna and Clara, takes his call over to his mobile, dialling a number that leads nowhere: he is where he was, muted as
// he was, nobody hears a tone, and the desk phone is hung up. The room is locked and full, and that is of no consequence.
func TestE2EACallTakesThePlaceOfAnother(t *testing.T) {
	t.Parallel()
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			o := newOffice(t, func(cfg *Config) { cfg.Rooms.Tones, cfg.Rooms.Announce, cfg.Rooms.MaxParticipants = true, true, 3 })
			anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 0)
			o.wantRoster("5234", "Anna 101")
			desk := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000)
			o.wantRoster("5234", "Anna 101", "Boris 102")
			clara := o.joins(phone.Config{Name: "Clara", Number: "103"}, "5234", 1600)
			o.wantRoster("5234", "Anna 101", "Boris 102", "Clara 103")
			o.presses(anna, "*9")
			o.eventually("the room is locked", func() bool { return o.Rooms().Locked("5234") })
			o.presses(desk, "*2")
			o.wantRoster("5234", "Anna 101", "Boris 102!", "Clara 103")
			if err := anna.Await(o.soon(), func(c *phone.Call) bool { return c.Loudness(3*time.Second) < loud+1 && c.Hear(1600) > loud-closeTo }); err != nil {
				t.Fatalf("it does not get quiet: %v", err)
			}

			anna.Record()
			mobile := o.joins(phone.Config{Name: "Boris' mobile", Number: "102", Transport: transport}, "777000", 2200, inPlaceOf(desk))
			<-desk.Done()
			if end := desk.Ending(); !end.ByPeer || !strings.Contains(fmt.Sprint(end.Reasons), "another call has taken its place") {
				t.Errorf("the desk phone: %+v", end)
			}
			o.wantRoster("5234", "Anna 101", "Boris 102!", "Clara 103")
			o.hears("the mobile", mobile, []float64{1600}, 1000, 2200)
			o.hears("Anna", anna, []float64{1600}, 1000, 2200)
			o.presses(mobile, "*2")
			o.wantRoster("5234", "Anna 101", "Boris 102", "Clara 103")
			o.hears("Anna", anna, []float64{1600, 2200}, 1000)
			o.hears("Clara", clara, []float64{2200}, 1000, 1600)
			if level := phone.ToneLevel(anna.Recording(), 1000); level > unheard {
				t.Errorf("Anna has heard the desk phone at %.1f dBFS meanwhile", level)
			}
			if rooms := o.Rooms().Snapshot(); len(rooms) != 1 {
				t.Errorf("%d rooms", len(rooms))
			}
			o.eventually("nothing of the desk phone's call is left", func() bool { return o.ua.Calls() == 3 })
			if err := mobile.Hangup(o.soon()); err != nil {
				t.Error(err)
			}
			o.wantRoster("5234", "Anna 101", "Clara 103")
			o.nothingLeft(anna, clara)
		})
	}
}

// Anna, a host, transfers her call to Dora, attended: Dora's phone takes the place. The roster shows Dora, and she has no rights.
func TestE2EAnAttendedTransferIntoARoom(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000)
	o.wantRoster("5234", "Anna 101", "Boris 102")
	dora := o.joins(phone.Config{Name: "Dora", Number: "104"}, "5234", 1600, inPlaceOf(anna), phone.WithHeader("Require", "replaces"))
	o.wantRoster("5234", "Dora 104", "Boris 102")
	o.hears("Boris", boris, []float64{1600}, 400)
	o.hears("Dora", dora, []float64{1000}, 400)
	o.presses(dora, "**2*2")
	o.wantRoster("5234", "Dora 104!", "Boris 102")
	if shot, _ := o.Rooms().Look("5234"); shot.Silenced {
		t.Error("Dora has muted all")
	}
	// The same again, from phone to phone, and nothing is left of any of them.
	last := dora
	for range 5 {
		o.eventually("Dora's next phone is in", func() bool {
			call, err := o.phone(phone.Config{Name: "Dora", Number: "104"}).Call(o.soon(), o.uri("5234", "udp", true), inPlaceOf(last))
			if phone.Status(err) == 480 { // the one before is not quite in yet
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			last = call
			return true
		})
		o.wantRoster("5234", "Dora 104!", "Boris 102")
	}
	o.eventually("two calls are left", func() bool { return o.ua.Calls() == 2 })
	o.nothingLeft(last, boris)
}

// What RFC 3891 has us refuse, and what cannot be done: the call that is there goes on.
func TestE2EAPlaceThatIsNotTaken(t *testing.T) {
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000)
	o.wantRoster("5234", "Anna 101", "Boris 102")
	for name, c := range map[string]struct {
		option phone.Option
		status int
	}{
		"early-only":    {inPlaceOf(boris, ";early-only"), 486},
		"another tag":   {inPlaceOf(boris, "x"), 481},
		"two places":    {phone.WithHeader("Replaces", "a;to-tag=b;from-tag=c, d;to-tag=e;from-tag=f"), 400},
		"no tag":        {phone.WithHeader("Replaces", boris.ID()), 400},
		"another codec": {phone.WithSDP([]byte("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n")), 488},
	} {
		options := []phone.Option{c.option}
		if name == "another codec" {
			options = append(options, inPlaceOf(boris))
		}
		p := o.phone(phone.Config{Name: "Dora", Number: "104"})
		if _, err := p.Call(o.soon(), o.uri("5234", "udp", true), options...); phone.Status(err) != c.status {
			t.Errorf("%s: %v, want %d", name, err, c.status)
		}
	}
	o.wantRoster("5234", "Anna 101", "Boris 102")
	o.hears("Anna", anna, []float64{1000}, 400)
	if err := boris.Hangup(o.soon()); err != nil {
		t.Error(err)
	}
	p := o.phone(phone.Config{Name: "Dora", Number: "104"})
	if _, err := p.Call(o.soon(), o.uri("5234", "udp", true), inPlaceOf(boris)); phone.Status(err) != 481 && phone.Status(err) != 603 {
		t.Errorf("after the end: %v", err)
	}
	o.wantRoster("5234", "Anna 101")
}

// Anna invites Clara, who takes her call over from her desk to her mobile, and so does Anna: they can be alone with each other, and Anna can drop whom she
// has invited.
func TestE2EAGuestTakesHerCallOver(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.presses(anna, "*1203#")
	desk := trunk.answered("203")
	o.wantRoster("5234", "Anna 101", "Boris 102", "203")
	mobile := o.joins(phone.Config{Name: "Clara", Number: "203"}, "5234", 1900, inPlaceOf(desk))
	<-desk.Done()
	o.wantRoster("5234", "Anna 101", "Boris 102", "203")
	o.hears("Boris", boris, []float64{400, 1900}, toneOf("203"))
	o.presses(anna, "*6")
	o.hears("Boris", boris, nil, 400, 1900)
	o.hears("the mobile", mobile, []float64{400}, 500)
	o.presses(anna, "*6")
	o.hears("Boris", boris, []float64{400, 1900})
	o.presses(anna, "*#")
	<-mobile.Done()
	o.wantRoster("5234", "Anna 101", "Boris 102")
}

// Anna invites Clara; her phone rings, and Dora picks the call up at another one: she is in, and Clara's phone rings no more.
func TestE2EARingingCallIsPickedUp(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	ringing := make(chan *phone.Incoming, 1)
	trunk.when("203", func(in *phone.Incoming) { in.Ring(); ringing <- in; <-in.Cancelled() })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	o.presses(anna, "*1203#")
	in := <-ringing
	var dora *phone.Call
	o.eventually("it is picked up", func() bool {
		p := o.phone(phone.Config{Name: "Dora", Number: "204"})
		call, err := p.Call(o.soon(), o.uri("203", "udp", true), phone.WithHeader("Replaces", in.Place()))
		if phone.Status(err) == 481 { // its 180 is not there yet
			return false
		}
		if err != nil {
			t.Fatal(err)
		}
		dora = call
		return true
	})
	dora.Speak(phone.Tone(1900, loud))
	<-in.Cancelled()
	o.wantRoster("5234", "Anna 101", "Dora 204")
	o.hears("Anna", anna, []float64{1900}, 400)
	o.hears("Dora", dora, []float64{400}, 1900)
	o.presses(anna, "*#")
	<-dora.Done()
	o.wantRoster("5234", "Anna 101")
	o.eventually("one call is left", func() bool { return o.ua.Calls() == 1 })
}

// Boris' desk phone hangs up by itself just when his mobile takes its place, as many do: whichever is first, he is in the room if his mobile was
// let in, and there is one of him.
func TestE2EADeskPhoneHangsUpWhileItsPlaceIsTaken(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	taken := 0
	for i := range 30 {
		desk := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000)
		o.wantRoster("5234", "Anna 101", "Boris 102")
		hungUp := make(chan error, 1)
		go func() {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond)
			hungUp <- desk.Hangup(o.soon())
		}()
		p := o.phone(phone.Config{Name: "Mobile", Number: "102"})
		mobile, err := p.Call(o.soon(), o.uri("5234", "udp", true), inPlaceOf(desk))
		<-hungUp // or the server was faster
		switch phone.Status(err) {
		case 0:
			if err != nil {
				t.Fatal(err)
			}
			taken++
			mobile.Speak(phone.Tone(2200, loud))
			o.eventually("nothing of the desk phone's call is left", func() bool { return o.ua.Calls() == 2 })
			o.wantRoster("5234", "Anna 101", "Boris 102")
			o.hears("Anna", anna, []float64{2200}, 1000)
			if err := mobile.Hangup(o.soon()); err != nil {
				t.Error(err)
			}
		case 480, 481, 603: // too late, or too early
		default:
			t.Fatal(err)
		}
		o.wantRoster("5234", "Anna 101")
	}
	t.Logf("%d of 30 have taken the place", taken)
	if taken == 0 {
		t.Error("none has taken the place")
	}
}

// Dora, who watches the room, is told that Boris is on another phone now: he is there all the while, and his endpoint is another one.
func TestE2ERosterOfATakeover(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "Anna 101")
	desk := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000)
	o.wantRoster("5234", "Anna 101", "Boris 102")
	w := o.watches(o.phone(phone.Config{Name: "Dora", Number: "104"}), "conference", "5234", "udp")
	const both = "Anna 101 connected, Boris 102 connected"
	before := o.wantTold(w, both)
	o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 1000, inPlaceOf(desk))
	m, err := w.Notified(o.soon())
	if err != nil {
		t.Fatal(err)
	}
	after := o.read(m)
	if after.String() != both || after.Version != before.Version+1 || after.Count != 2 {
		t.Errorf("told %+v after %+v", after, before)
	}
	endpoint := func(t told) (entities []string) {
		for _, u := range t.Users {
			entities = append(entities, u.Endpoints[0].Entity)
		}
		return entities
	}
	if was, is := endpoint(before), endpoint(after); was[0] != is[0] || was[1] == is[1] {
		t.Errorf("endpoints %q, then %q", was, is)
	}
}

// The call of a line to another conference is nobody's to take over: it is the line's, which would dial again. It goes on.
func TestE2EALinkIsNotTakenOver(t *testing.T) {
	o, _ := newTrunkOffice(t, func(cfg *Config) { cfg.Links = []links.Link{{Room: "5234", Number: farNumber}} })
	far := o.joins(phone.Config{Number: "900"}, "5234", 1000, phone.WithHeader(markHeader, dialout.Mark{Instance: "far", Room: farNumber, Link: true}.String()))
	o.wantRoster("5234", "900")
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.wantRoster("5234", "900", "Anna 101")
	p := o.phone(phone.Config{Name: "Dora", Number: "104"})
	if _, err := p.Call(o.soon(), o.uri("5234", "udp", true), inPlaceOf(far)); phone.Status(err) != 480 {
		t.Errorf("its place is taken: %v", err)
	}
	o.hears("Anna", anna, []float64{1000}, 400)
}
