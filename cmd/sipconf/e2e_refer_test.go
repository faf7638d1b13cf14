package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/sip"
)

// Tests of REFER to a room (RFC 4579 section 5): the trunk is a phone that stands for everybody behind a PBX.

var conferes = phone.Header{Name: "Allow-Events", Value: "conference"}

// refers sends a REFER in the dialog of a call, which is accepted, and returns what is told of it, to the end.
func (o *office) refers(who *phone.Call, to string, headers ...phone.Header) (told []string) {
	o.Helper()
	r, err := who.Request(o.soon(), "REFER", nil, append(headers, phone.Header{Name: "Refer-To", Value: to})...)
	if err != nil || r.Status != 202 {
		o.Fatalf("REFER to %s: %v, %v", to, r, err)
	}
	_, number, _ := strings.Cut(r.Header("CSeq"), " ")
	for {
		m, err := who.Notified(o.soon())
		if err != nil {
			o.Fatalf("REFER to %s: told %q, then %v", to, told, err)
		}
		if event, want := m.Header("Event"), "refer;id="+strings.TrimSuffix(r.Header("CSeq"), " "+number); event != want {
			o.Errorf("Event: %s, want %s", event, want)
		}
		told = append(told, strings.TrimPrefix(strings.TrimSpace(string(m.Body)), "SIP/2.0 "))
		if strings.HasPrefix(m.Header("Subscription-State"), "terminated") {
			return told
		}
	}
}

// reportsEnd reads what is told of a REFER that made a dialog of its own.
func (o *office) reportsEnd(w *phone.Watch) (told []string) {
	o.Helper()
	for {
		m, err := w.Notified(o.soon())
		if err != nil {
			o.Fatalf("told %q, then %v", told, err)
		}
		told = append(told, strings.TrimPrefix(strings.TrimSpace(string(m.Body)), "SIP/2.0 "))
		if strings.HasPrefix(m.Header("Subscription-State"), "terminated") {
			return told
		}
	}
}

// nothingLeft: when all have hung up, there is no call, no leg, no room, no subscription and no line.
func (o *office) nothingLeft(calls ...*phone.Call) {
	o.Helper()
	for _, call := range calls {
		if err := call.Hangup(o.soon()); err != nil {
			o.Error(err)
		}
	}
	o.eventually("nothing is left", func() bool {
		return o.ua.Calls() == 0 && len(o.ua.Subscriptions()) == 0 && o.rooms.Stats().Rooms == 0 && o.engine.Stats().Legs == 0 &&
			o.dialer.Stats().Dials == 0 && !slices.ContainsFunc(o.dialer.Stats().Trunks, func(t dialout.TrunkStats) bool { return t.Calls > 0 })
	})
}

// Anna's telephone knows of conferences: it asks the room to bring Clara, and the three are together. So does one that is in no call.
func TestE2EReferInvites(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.hears("Boris", boris, []float64{400})
	told := o.refers(anna, "<sip:203@192.0.2.77>", conferes)
	if first, last := told[0], told[len(told)-1]; first != "100 Trying" || last != "200 OK" {
		t.Errorf("told %q", told)
	}
	clara := trunk.answered("203")
	o.hears("Anna", anna, []float64{500, toneOf("203")}, 400)
	o.hears("Boris", boris, []float64{400, toneOf("203")})
	o.hears("Clara", clara, []float64{400, 500})

	// Dora's is in no call; what it is told of the REFER it did not ask to be told.
	dora := o.phone(phone.Config{Name: "Dora", Number: "104"})
	w, err := dora.Watch(o.soon(), "REFER", o.uri("5234", "udp", true), phone.Header{Name: "Refer-To", Value: "<sip:205@" + trunk.phone.Addr().String() + ">"})
	if err != nil {
		t.Fatal(err)
	}
	if told := o.reportsEnd(w); told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	erik := trunk.answered("205")
	o.hears("Erik", erik, []float64{400, 500, toneOf("203")})
	r, err := dora.Request(o.soon(), "REFER", o.uri("5234", "udp", true), phone.Header{Name: "Refer-To", Value: "sip:206@pbx"}, phone.Header{Name: "Refer-Sub", Value: "false"})
	if err != nil || r.Status != 202 || r.Header("Refer-Sub") != "false" {
		t.Errorf("REFER that is not to be told of: %v, %v", r, err)
	}
	fedor := trunk.answered("206")
	o.hears("Fedor", fedor, []float64{400, toneOf("205")})
	if got := o.figure(`sipconf_referrals_total{outcome="done"}`); got != 3 {
		t.Errorf("%v are done, by the metrics", got)
	}
	o.nothingLeft(anna, boris, clara, erik, fedor)
}

// Whom nobody can have: what became of him is told, and those in the room hear each other on.
func TestE2EReferFails(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Dialout.Ring = 1500 * time.Millisecond
		cfg.Trunks[0].MaxCalls = 5
	})
	for number, does := range map[string]func(*phone.Incoming){"202": rejects(486), "203": rejects(603), "204": neverAnswers, "205": rejects(404)} {
		trunk.when(number, does)
	}
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.eventually("both are there", func() bool { return len(o.numbersIn("5234")) == 2 })
	for to, want := range map[string]string{
		"<sip:202@pbx>": "486 Busy Here", "<sip:203@pbx>": "603 Decline", "<sip:204@pbx>": "480 Temporarily Unavailable", "<sip:205@pbx>": "404 Refused", "<sip:102@pbx>": "486 Busy Here",
	} {
		for _, header := range []phone.Header{conferes, {Name: "Referred-By", Value: "<sip:101@pbx>"}} { // the second would be moved
			if told := o.refers(anna, to, header); told[len(told)-1] != want {
				t.Errorf("%s: told %q, want %s at last", to, told, want)
			}
		}
	}
	o.hears("Anna", anna, []float64{500})
	o.hears("Boris", boris, []float64{400})
	o.nothingLeft(anna, boris)
}

// What is not permitted is refused, and nobody is dialled.
func TestE2EReferRefused(t *testing.T) {
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	dora := o.phone(phone.Config{Name: "Dora", Number: "104"})
	for to, want := range map[string]int{
		"<sip:00441234567@pbx>": 403, "<sip:*15234@pbx>": 403, "<sip:pbx>": 403, "<sip:1234567890123456@pbx>": 403, "tel:00441234567": 403,
		"<sip:203@pbx;method=SUBSCRIBE>": 403, "<sip:102@pbx;method=BYE>": 403, "<sip:5234@pbx;method=BYE>": 403, "<sip:203@pbx": 400,
	} {
		r, err := anna.Request(o.soon(), "REFER", nil, conferes, phone.Header{Name: "Refer-To", Value: to})
		if err != nil || r.Status != want {
			t.Errorf("in a call, %s: %v, %v; want %d", to, r, err, want)
		}
		r, err = dora.Request(o.soon(), "REFER", o.uri("5234", "udp", true), phone.Header{Name: "Refer-To", Value: to})
		if err != nil || r.Status != want {
			t.Errorf("outside, %s: %v, %v; want %d", to, r, err, want)
		}
	}
	for _, number := range []string{"777", "7777", "sipconf"} { // rooms that are not there
		r, err := dora.Request(o.soon(), "REFER", o.uri(number, "udp", true), phone.Header{Name: "Refer-To", Value: "<sip:203@pbx>"})
		if err != nil || r.Status != 404 {
			t.Errorf("to %s: %v, %v", number, r, err)
		}
	}
	o.hears("Boris", boris, []float64{400})
	if calls := trunk.calls(); len(calls) != 0 {
		t.Errorf("called %q", calls)
	}
	o.nothingLeft(anna, boris)

	alone := newOffice(t, nil) // without a trunk
	anna = alone.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	r, err := anna.Request(alone.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:203@pbx>"})
	if err != nil || r.Status != 403 {
		t.Errorf("without a trunk: %v, %v", r, err)
	}
}

// A PBX that knows nothing of conferences transfers Anna's leg to Clara: Clara is in, and only then Anna's leg is hung up. When Clara cannot be had, Anna
// stays (TestE2EReferFails).
func TestE2EReferMoves(t *testing.T) {
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Rooms.MaxParticipants = 2 }) // it is full
	answers := make(chan struct{})
	trunk.when("203", func(in *phone.Incoming) {
		in.Ring()
		<-answers
		if call, err := in.Accept(); err == nil {
			call.Speak(phone.Tone(toneOf("203"), loud))
			trunk.mu.Lock()
			trunk.in["203"] = call
			trunk.mu.Unlock()
		}
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	ended := make(chan []string)
	go func() { ended <- o.refers(anna, "<sip:203@pbx>") }()
	o.eventually("it rings", func() bool { return len(trunk.calls()) == 1 })
	o.hears("Boris", boris, []float64{400}) // Anna is there still
	close(answers)
	if told := <-ended; told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	select {
	case <-anna.Done():
		if !anna.Ending().ByPeer {
			t.Errorf("Anna's leg: %+v", anna.Ending())
		}
	case <-o.soon().Done():
		t.Fatal("Anna's leg was not hung up")
	}
	clara := trunk.answered("203")
	o.hears("Boris", boris, []float64{toneOf("203")}, 400)
	o.hears("Clara", clara, []float64{500})
	o.nothingLeft(boris, clara)
}

// Anna hangs up at once, as telephones do that transfer blindly: Clara comes all the same, for Boris is there.
func TestE2EReferAndHangUp(t *testing.T) {
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	r, err := anna.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:203@pbx>"})
	if err != nil || r.Status != 202 {
		t.Fatalf("REFER: %v, %v", r, err)
	}
	if err := anna.Hangup(o.soon()); err != nil {
		t.Fatal(err)
	}
	o.hears("Boris", boris, []float64{toneOf("203")}, 400)
	o.nothingLeft(boris, trunk.answered("203"))
}

// Anna is in the room, and talks to Clara by another call of hers, which the PBX has made. She asks the room to take that call over: with the
// number of Clara, or with none, as when all that her telephone knows of her is the PBX.
func TestE2EReferTakesACallOver(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Trunks[0].Internal = false }) // she would have to press 1, if she were called
	taken := make(chan string, 1)
	for _, number := range []string{"203", "101"} {
		trunk.when(number, func(in *phone.Incoming) {
			taken <- in.Invite.Header("Replaces") + ", " + in.Invite.Header("Require")
			if call, err := in.Accept(); err == nil {
				call.Speak(phone.Tone(900, loud))
				trunk.mu.Lock()
				trunk.in[number] = call
				trunk.mu.Unlock()
			}
		})
	}
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	pbx := trunk.phone.Addr().String()
	for number, to := range map[string]string{"203": "<sip:203@elsewhere?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", "101": "<sip:" + pbx + "?Replaces=a%40c%3Bto-tag%3D1%3Bfrom-tag%3D2>"} {
		if told := o.refers(anna, to); told[len(told)-1] != "200 OK" { // and she stays, although her telephone says nothing of conferences
			t.Errorf("%s: told %q", to, told)
		}
		if got := <-taken; got != "a@b;to-tag=1;from-tag=2, replaces" && got != "a@c;to-tag=1;from-tag=2, replaces" {
			t.Errorf("%s: Replaces: %s", to, got)
		}
		o.hears("Boris", boris, []float64{400, 900})
		o.hears("Clara", trunk.answered(number), []float64{400, 500})
		if err := trunk.answered(number).Hangup(o.soon()); err != nil {
			t.Error(err)
		}
		o.hears("Boris", boris, []float64{400}, 900)
	}
	// What the PBX does not know any more it does not take for a call of its own.
	trunk.when("204", func(in *phone.Incoming) { in.Reject(481) })
	if told := o.refers(anna, "<sip:204@elsewhere?Replaces=gone%3Bto-tag%3D1%3Bfrom-tag%3D2>"); told[len(told)-1] != "481 Refused" {
		t.Errorf("told %q", told)
	}
	r, err := anna.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:0044123456@elsewhere?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>"})
	if err != nil || r.Status != 403 {
		t.Errorf("a number that may not be dialled: %v, %v", r, err)
	}
	o.nothingLeft(anna, boris)
}

// Dora is in no call, and has the room call her.
func TestE2EReferCallMe(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	dora := o.phone(phone.Config{Name: "Dora", Number: "204"})
	w, err := dora.Watch(o.soon(), "REFER", o.uri("5234", "udp", true), phone.Header{Name: "Refer-To", Value: "<sip:204@pbx>"})
	if err != nil {
		t.Fatal(err)
	}
	if told := o.reportsEnd(w); told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	o.hears("Anna", anna, []float64{toneOf("204")})
	o.nothingLeft(anna, trunk.answered("204"))
}

// The Contact of a room leads there, whatever its number is and however somebody has come: the room of a group, that of an upgraded call, and what is dialled out of it.
func TestE2EContactLeadsToTheRoom(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.List = listOf("100", "201")
	})
	contact := func(m *phone.Message) string {
		user, _, _ := strings.Cut(strings.TrimPrefix(m.Header("Contact"), "<sip:"), "@")
		return user
	}
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "*100", 400)
	if got := contact(anna.Response()); got != "*1101" {
		t.Errorf("who has called the group together is told of %s", got)
	}
	boris := trunk.answered("201")
	if got := contact(boris.Invite()); got != "*1101" {
		t.Errorf("whom it has called is told of %s", got)
	}
	emil := o.joins(phone.Config{Name: "Emil", Number: "105"}, contact(anna.Response()), 500)
	o.hears("Emil", emil, []float64{400})
	successor := o.joins(phone.Config{Name: "Emil", Number: "105"}, "5235", 600, inPlaceOf(emil))
	if got := contact(successor.Response()); got != "*1101" {
		t.Errorf("who has taken the place of another is told of %s", got)
	}
	<-emil.Done() // his place is taken when the ACK has come, which a BYE at once may overtake
	o.nothingLeft(anna, boris, successor)
}

// A host sends somebody away, and at last all; whoever is none does not.
func TestE2EReferRemoves(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	clara := o.joins(phone.Config{Name: "Clara", Number: "103"}, "5234", 600)
	again := o.joins(phone.Config{Name: "Clara", Number: "103"}, "5234", 700)
	o.eventually("four are there", func() bool { return len(o.numbersIn("5234")) == 4 })
	r, err := boris.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:103@pbx;method=BYE>"})
	if err != nil || r.Status != 403 {
		t.Errorf("Boris sends Clara away: %v, %v", r, err)
	}
	r, err = anna.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:105@pbx;method=BYE>"})
	if err != nil || r.Status != 404 {
		t.Errorf("Anna sends away who is not there: %v, %v", r, err)
	}
	// One of her two telephones, by the name that it has in the roster.
	one := fmt.Sprintf("<sip:103@pbx;gr=%s;method=BYE>", endpointID(clara.ID()))
	if told := o.refers(anna, one); !slices.Equal(told, []string{"200 OK"}) && !slices.Equal(told, []string{"100 Trying", "200 OK"}) {
		t.Errorf("told %q", told)
	}
	wantHungUp(o, "Clara", clara)
	o.hears("Boris", boris, []float64{400, 700}, 600)
	o.refers(anna, "<sip:1-03@pbx;method=BYE>")
	wantHungUp(o, "Clara's other telephone", again)
	o.hears("Boris", boris, []float64{400}, 700)

	// A host who is in no call, who is known by his number.
	desk := o.phone(phone.Config{Name: "Anna", Number: "101"})
	w, err := desk.Watch(o.soon(), "REFER", o.uri("5234", "udp", true), phone.Header{Name: "Refer-To", Value: "<sip:5234@pbx;method=BYE>"})
	if err != nil {
		t.Fatal(err)
	}
	if told := o.reportsEnd(w); told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	wantHungUp(o, "Boris", boris)
	wantHungUp(o, "Anna", anna)
	if calls := trunk.calls(); len(calls) != 0 {
		t.Errorf("called %q", calls)
	}
	o.nothingLeft()
}

// wantHungUp waits for the server's BYE.
func wantHungUp(o *office, who string, call *phone.Call) {
	o.Helper()
	select {
	case <-call.Done():
		if !call.Ending().ByPeer {
			o.Errorf("%s: %+v", who, call.Ending())
		}
	case <-o.soon().Done():
		o.Fatalf("%s was not hung up", who)
	}
}

// The host of a Refer-To decides nothing, unless it is a trunk's.
func TestTrunkOfAReferral(t *testing.T) {
	s := &server{trunks: []dialout.Trunk{{Name: "pbx", Address: "sip:192.0.2.1"}, {Name: "carrier", Address: "sip.carrier.example:5070", Transport: "tcp"}}}
	for uri, want := range map[string]string{
		"sip:203@192.0.2.1": "pbx", "sip:203@192.0.2.1:5060;user=phone": "pbx", "sip:192.0.2.1": "pbx", "sip:203@192.0.2.1:5070": "",
		"sip:203@SIP.carrier.example:5070;transport=tcp": "carrier", "sip:203@sip.carrier.example": "", "sip:203@192.0.2.2": "", "tel:203": "",
	} {
		if got := s.trunkAt(uri); got != want {
			t.Errorf("%s: trunk %q, want %q", uri, got, want)
		}
	}
}

// What becomes of a call, in the words of SIP.
func TestStatusOfAReferral(t *testing.T) {
	for _, c := range []struct {
		outcome dialout.Outcome
		want    int
	}{
		{dialout.Outcome{State: dialout.In}, 200},
		{dialout.Outcome{State: dialout.Busy, Code: 600}, 486},
		{dialout.Outcome{State: dialout.Declined}, 603},
		{dialout.Outcome{State: dialout.NoAccept}, 603},
		{dialout.Outcome{State: dialout.NoAnswer}, 480},
		{dialout.Outcome{State: dialout.Unreachable, Cause: dialout.NoResponse}, 408},
		{dialout.Outcome{State: dialout.Cancelled}, 487},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.CallerDaily}, 403},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.NoTrunk}, 404},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.AlreadyIn}, 486},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.NoLine}, 503},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.Refused, Code: 404}, 404},
		{dialout.Outcome{State: dialout.Failed, Cause: dialout.Broken}, 500},
		{dialout.Outcome{State: dialout.Failed}, 500},
	} {
		if got, reason := sipStatus(c.outcome); got != c.want || reason == "" {
			t.Errorf("%v: %d %s, want %d", c.outcome, got, reason, c.want)
		}
	}
}

// The far side of a link is nobody's: what it asks for is not done, nobody sends it away, and in the roster it is no person.
func TestE2EReferAndLinks(t *testing.T) {
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	o.eventually("Anna is there", func() bool { return len(o.numbersIn("5234")) == 1 })
	attempt, err := o.ua.Invite(o.soon(), sip.Target{URI: "sip:900@" + trunk.phone.Addr().String(), Focus: "5234"})
	if err != nil {
		t.Fatal(err)
	}
	line, err := attempt.Wait(o.soon())
	if err != nil {
		t.Fatal(err)
	}
	seat, err := o.rooms.Reserve("5234")
	if err != nil {
		t.Fatal(err)
	}
	seat.ForLink()
	link := seat.Join(line)
	conference := trunk.answered("900")
	o.hears("Anna", anna, []float64{toneOf("900")})

	r, err := conference.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:203@pbx>"})
	if err != nil || r.Status != 403 {
		t.Errorf("REFER of the far side: %v, %v", r, err)
	}
	wantStatus(o, "SUBSCRIBE of the far side", conference, "SUBSCRIBE", 403, phone.Header{Name: "Event", Value: "conference"})
	r, err = anna.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:900@pbx;method=BYE>"})
	if err != nil || r.Status != 404 {
		t.Errorf("REFER that would end the line: %v, %v", r, err)
	}
	if told := o.wantTold(o.watches(o.phone(phone.Config{Number: "104"}), "conference", "5234", "udp"), "900 connected, Anna 101 connected"); told.Count != 1 {
		t.Errorf("%d people are told of", told.Count)
	}
	o.refers(anna, "<sip:5234@pbx;method=BYE>")
	wantHungUp(o, "Anna", anna)
	if calls := trunk.calls(); len(calls) != 1 {
		t.Errorf("called %q", calls)
	}
	link.Leave("the end of the test")
	o.nothingLeft(conference)
}

// wantStatus sends a request in a call, and wants it answered with that.
func wantStatus(o *office, what string, call *phone.Call, method string, want int, headers ...phone.Header) {
	o.Helper()
	if r, err := call.Request(o.soon(), method, nil, headers...); err != nil || r.Status != want {
		o.Errorf("%s: %v, %v; want %d", what, r, err, want)
	}
}

func refersTo(uri string) phone.Header { return phone.Header{Name: "Refer-To", Value: uri} }

// there is the call of a number in a room, as it is seen there.
func (o *office) there(room, number string, as func(rooms.ParticipantSnapshot) bool) (p rooms.ParticipantSnapshot) {
	o.Helper()
	o.eventually(number+" is as wanted", func() bool {
		shot, _ := o.rooms.Look(room)
		at := slices.IndexFunc(shot.Participants, func(p rooms.ParticipantSnapshot) bool { return p.Number == number && as(p) })
		if at >= 0 {
			p = shot.Participants[at]
		}
		return at >= 0
	})
	return p
}

// Clara, who was dialled, may ask for nothing and is told of nothing until she has pressed 1. Then she may, but that she says that she is Anna does
// not make her a host. And whom Anna sends away is told no more.
func TestE2EReferOfSomebodyDialled(t *testing.T) {
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts, cfg.Trunks[0].Internal = []string{"101"}, false })
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	rejected := make(chan string, 1)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102", Trace: func(sent bool, b []byte) {
		if !sent && strings.Contains(string(b), "terminated;reason=rejected") {
			select {
			case rejected <- string(b):
			default: // it is sent again
			}
		}
	}}, "5234", 500)
	wantStatus(o, "Anna", anna, "REFER", 202, conferes, refersTo("<sip:203@pbx>"), phone.Header{Name: "Refer-Sub", Value: "false"})
	clara := trunk.answered("203")
	o.there("5234", "203", func(p rooms.ParticipantSnapshot) bool { return p.Waiting })
	for _, to := range []string{"<sip:204@pbx>", "<sip:204@pbx?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>", "<sip:102@pbx;method=BYE>"} {
		wantStatus(o, "who waits, "+to, clara, "REFER", 403, conferes, refersTo(to))
	}
	wantStatus(o, "who waits", clara, "SUBSCRIBE", 403, phone.Header{Name: "Event", Value: "conference"})
	o.presses(clara, "1")
	id := o.there("5234", "203", func(p rooms.ParticipantSnapshot) bool { return !p.Waiting }).ID
	wantStatus(o, "who is in", clara, "SUBSCRIBE", 200, phone.Header{Name: "Event", Value: "conference"})

	if err := clara.Update(o.soon(), phone.Header{Name: "P-Asserted-Identity", Value: `"Anna" <sip:101@pbx>`}); err != nil {
		t.Fatal(err)
	}
	o.there("5234", "101", func(p rooms.ParticipantSnapshot) bool { return p.ID == id })
	wantStatus(o, "who says that she is Anna", clara, "REFER", 403, refersTo("<sip:102@pbx;method=BYE>"))
	if calls := trunk.calls(); !slices.Equal(calls, []string{"203"}) {
		t.Errorf("called %q", calls)
	}
	o.refers(anna, fmt.Sprintf("<sip:101@pbx;gr=%s;method=BYE>", endpointID(id)))
	wantHungUp(o, "Clara", clara)
	o.hears("Boris", boris, []float64{400})

	wantStatus(o, "Boris", boris, "SUBSCRIBE", 200, phone.Header{Name: "Event", Value: "conference"})
	if _, err := boris.Notified(o.soon()); err != nil {
		t.Fatal(err)
	}
	o.refers(anna, "<sip:102@pbx;method=BYE>")
	wantHungUp(o, "Boris", boris)
	select {
	case last := <-rejected:
		if !strings.HasSuffix(last, "\r\n\r\n") {
			t.Errorf("he is told more than that:\n%s", last)
		}
	case <-o.soon().Done():
		t.Error("Boris is not told that he is told no more")
	}
	o.nothingLeft(anna)
}

// A locked room is for those who are inside: nobody else has somebody called there, or is told who is there.
func TestE2EReferToALockedRoom(t *testing.T) {
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	dora := o.phone(phone.Config{Name: "Dora", Number: "104"})
	o.presses(anna, "*9")
	o.eventually("the room is locked", func() bool { return o.Rooms().Locked("5234") })
	if r, err := dora.Request(o.soon(), "REFER", o.uri("5234", "udp", true), refersTo("<sip:203@pbx>")); err != nil || r.Status != 403 {
		t.Errorf("REFER from outside: %v, %v", r, err)
	}
	if _, err := dora.Watch(o.soon(), "SUBSCRIBE", o.uri("5234", "udp", true), phone.Header{Name: "Event", Value: "conference"}); phone.Status(err) != 403 {
		t.Errorf("SUBSCRIBE from outside: %v", err)
	}
	if calls := trunk.calls(); len(calls) != 0 {
		t.Errorf("called %q", calls)
	}
	if told := o.refers(anna, "<sip:205@pbx>", conferes); told[len(told)-1] != "200 OK" {
		t.Errorf("told %q", told)
	}
	wantStatus(o, "SUBSCRIBE from inside", anna, "SUBSCRIBE", 200, phone.Header{Name: "Event", Value: "conference"})
	o.nothingLeft(anna, trunk.answered("205"))
}

// The director's room has his number. Who sends that away means him, while he is there, and nobody is sent away whom the roster's name does not mean.
func TestE2EReferRemovesFromARoomOfOnesOwn(t *testing.T) {
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.List, cfg.Menus.Hosts = listOf("100", "201", "202"), []string{"104"}
	})
	director := o.joins(phone.Config{Name: "Director", Number: "5101"}, "*100", 400) // his room is 5101, which one can dial
	ivan, jana := trunk.answered("201"), trunk.answered("202")
	in := func(p rooms.ParticipantSnapshot) bool { return !p.Waiting }
	o.there("5101", "201", in)
	o.refers(director, fmt.Sprintf("<sip:5101@pbx;gr=%s;method=BYE>", endpointID(o.there("5101", "202", in).ID)))
	wantHungUp(o, "Jana", jana)
	o.hears("Ivan", ivan, []float64{400})
	o.refers(director, "<sip:5101@pbx;method=BYE>")
	wantHungUp(o, "the director", director)
	o.eventually("Ivan is there alone", func() bool { return slices.Equal(o.numbersIn("5101"), []string{"201"}) })

	w, err := o.phone(phone.Config{Number: "104"}).Watch(o.soon(), "REFER", o.uri("5101", "udp", true), refersTo("<sip:5101@pbx;method=BYE>"))
	if err != nil {
		t.Fatal(err)
	}
	o.reportsEnd(w)
	wantHungUp(o, "Ivan", ivan)
	o.nothingLeft()
}
