package main

import (
	"encoding/xml"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
	"github.com/sipconf/sipconf/rooms"
	"github.com/sipconf/sipconf/rooms/roster"
)

// Tests of what telephones are told of who is in a room.

// told is a conference as a telephone reads it.
type told struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:conference-info conference-info"`
	Entity  string   `xml:"entity,attr"`
	State   string   `xml:"state,attr"`
	Version int      `xml:"version,attr"`
	Name    string   `xml:"conference-description>display-text"`
	Count   int      `xml:"conference-state>user-count"`
	Locked  bool     `xml:"conference-state>locked"`
	Users   []struct {
		Entity    string `xml:"entity,attr"`
		Name      string `xml:"display-text"`
		Endpoints []struct {
			Entity  string `xml:"entity,attr"`
			Status  string `xml:"status"`
			Joining string `xml:"joining-method"`
			Ended   string `xml:"disconnection-method"`
		} `xml:"endpoint"`
	} `xml:"users>user"`
}

// String is one line: who is there, and how, in the order of the alphabet.
func (t told) String() string {
	var all []string
	for _, u := range t.Users {
		who := strings.TrimPrefix(u.Entity[:strings.IndexByte(u.Entity, '@')], "sip:")
		if u.Name != "" {
			who = u.Name + " " + who
		}
		for _, e := range u.Endpoints {
			text := who + " " + e.Status
			if e.Joining == "dialed-out" {
				text += " called"
			}
			if e.Ended != "" {
				text += " " + e.Ended
			}
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// watches subscribes, by a request of its own.
func (o *office) watches(p *phone.Phone, event, number, network string, headers ...phone.Header) *phone.Watch {
	o.Helper()
	w, err := p.Watch(o.soon(), "SUBSCRIBE", o.uri(number, network, p.Addr().Addr().Is4()), append(headers, phone.Header{Name: "Event", Value: event})...)
	if err != nil {
		o.Fatalf("subscribing to %s of %s: %v", event, number, err)
	}
	return w
}

// read reads a conference out of a NOTIFY.
func (o *office) read(m *phone.Message) (t told) {
	o.Helper()
	if got := m.Header("Content-Type"); got != roster.ConferenceType {
		o.Errorf("Content-Type: %s", got)
	}
	if err := xml.Unmarshal(m.Body, &t); err != nil {
		o.Fatalf("%v\n%s", err, m.Body)
	}
	return t
}

// wantTold reads NOTIFYs until one says that; versions rise by one.
func (o *office) wantTold(w *phone.Watch, want string) (t told) {
	o.Helper()
	last := -1
	for {
		m, err := w.Notified(o.soon())
		if err != nil {
			o.Fatalf("told %q at last, want %q: %v", t, want, err)
		}
		t = o.read(m)
		if last >= 0 && t.Version != last+1 || t.State != "full" {
			o.Errorf("version %d after %d, %s", t.Version, last, t.State)
		}
		last = t.Version
		if t.String() == want {
			return t
		}
	}
}

// TestE2ERoster: Dora watches the room from her desk while people come, hold, are called, do not come, and go.
func TestE2ERoster(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
	answers := make(chan struct{})
	trunk.when("203", func(in *phone.Incoming) {
		in.Ring()
		<-answers
		if call, err := in.Accept(); err == nil {
			call.Speak(phone.Tone(toneOf("203"), loud))
		}
	})
	trunk.when("204", rejects(486))
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	dora := o.phone(phone.Config{Name: "Dora", Number: "104"})
	w := o.watches(dora, "conference", "5234", "udp")
	first := o.wantTold(w, "Anna 101 connected")
	if want := o.uri("5234", "udp", true); first.Entity != want || first.Name != "Conference 5234" || first.Count != 1 {
		t.Errorf("told %+v, want it of %s", first, want)
	}
	boris := o.joins(phone.Config{Name: "Boris <B> & Co", Number: "102"}, "5234", 500)
	o.wantTold(w, `Anna 101 connected, Boris <B> & Co 102 connected`)
	if err := boris.Hold(o.soon(), phone.HoldSendOnly, false); err != nil {
		t.Fatal(err)
	}
	o.wantTold(w, `Anna 101 connected, Boris <B> & Co 102 on-hold`)
	if err := boris.Resume(o.soon(), false); err != nil {
		t.Fatal(err)
	}
	o.presses(boris, "*2")
	o.wantTold(w, `Anna 101 connected, Boris <B> & Co 102 muted-via-focus`)
	o.presses(boris, "*2")
	o.wantTold(w, `Anna 101 connected, Boris <B> & Co 102 connected`)

	// Who is being called, and comes.
	in := make(chan []string)
	go func() { in <- o.refers(anna, "<sip:203@pbx>", conferes) }()
	o.wantTold(w, `203 alerting, Anna 101 connected, Boris <B> & Co 102 connected`)
	close(answers)
	o.wantTold(w, `203 connected called, Anna 101 connected, Boris <B> & Co 102 connected`)
	<-in

	// Who is being called, and does not; for ten seconds one sees why.
	o.refers(anna, "<sip:204@pbx>", conferes)
	o.wantTold(w, `203 connected called, 204 disconnected busy, Anna 101 connected, Boris <B> & Co 102 connected`)
	o.refers(anna, "<sip:102@pbx;method=BYE>")
	wantHungUp(o, "Boris", boris)
	o.wantTold(w, `203 connected called, 204 disconnected busy, Anna 101 connected, Boris <B> & Co 102 disconnected booted`)
	o.presses(anna, "*9")
	for locked := false; !locked; {
		m, err := w.Notified(o.soon())
		if err != nil {
			t.Fatalf("the lock is not told: %v", err)
		}
		locked = o.read(m).Locked
	}
	o.wantTold(w, `203 connected called, Anna 101 connected`)

	// The room ends, and with it there is nothing to tell of it.
	trunk.phone.Calls()[0].Hangup(o.soon())
	o.wantTold(w, `203 disconnected departed, Anna 101 connected`)
	if err := anna.Hangup(o.soon()); err != nil {
		t.Fatal(err)
	}
	m, err := w.Notified(o.soon())
	if err != nil || m.Header("Subscription-State") != "terminated;reason=noresource" || len(m.Body) != 0 {
		t.Errorf("the last NOTIFY: %v %v", m, err)
	}
	o.nothingLeft()
}

// TestE2ERosterOfAGroup: those whom the director calls together are shown by their names, with what has become of each.
func TestE2ERosterOfAGroup(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.List = map[string][]groups.Member{"100": {
			{Extension: "201", Name: "Ivan"}, {Extension: "202, 203", Name: "Jana"}, {Extension: "204 press-1", Name: "Kurt"}, {Extension: "205", Name: "Lena"}, {Extension: "206"},
		}}
	})
	trunk.when("202", rejects(486))
	trunk.when("203", neverAnswers)
	trunk.when("205", rejects(603))
	director := o.joins(phone.Config{Name: "Director", Number: "5101"}, "*100", 400)
	w := o.watches(o.phone(phone.Config{Number: "104"}), "conference", "5101", "udp")
	o.wantTold(w, "201 connected called, 204 pending, 206 connected called, Director 5101 connected, Jana 203 alerting, Lena 205 disconnected failed")
	o.nothingLeft(director, trunk.answered("201"), trunk.answered("206"))
}

// TestE2ERosterInTheCall: a telephone subscribes within its call, to the room in which that is, whatever it has dialled.
func TestE2ERosterInTheCall(t *testing.T) {
	o, trunk := newTrunkOffice(t, func(cfg *Config) { cfg.Groups.List = listOf("100", "201") })
	director := o.joins(phone.Config{Name: "Director", Number: "12"}, "*100", 400) // room 12, which nobody can dial
	o.eventually("two are there", func() bool { return len(o.numbersIn("12")) == 2 })
	r, err := director.Request(o.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"})
	if err != nil || r.Status != 200 || r.Header("Expires") != "3600" {
		t.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	m, err := director.Notified(o.soon())
	if err != nil {
		t.Fatal(err)
	}
	if got := o.read(m).String(); got != "201 connected called, Director 12 connected" {
		t.Errorf("told %q", got)
	}
	o.nothingLeft(director, trunk.answered("201"))
}

// TestE2ESubscriptionsRefused: rooms that nobody is in, and numbers that lead nowhere.
func TestE2ESubscriptionsRefused(t *testing.T) {
	o := newOffice(t, nil)
	p := o.phone(phone.Config{Number: "104"})
	for _, c := range []struct {
		event, number string
		want          int
	}{
		{"conference", "5234", 404}, {"conference", "nobody", 404}, {"dialog", "nobody", 404}, {"presence", "5234", 489},
	} {
		if _, err := p.Watch(o.soon(), "SUBSCRIBE", o.uri(c.number, "udp", true), phone.Header{Name: "Event", Value: c.event}); phone.Status(err) != c.want {
			t.Errorf("%s of %s: %v, want %d", c.event, c.number, err, c.want)
		}
	}
}

// TestE2ELamp: the lamp of a room is dark while nobody is there, and outlasts its conferences.
func TestE2ELamp(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	p := o.phone(phone.Config{Number: "104", Transport: "tcp"})
	w := o.watches(p, "dialog", "*15234", "tcp")
	lit := func(want string) {
		t.Helper()
		m, err := w.Notified(o.soon())
		if err != nil || !strings.Contains(string(m.Body), "<state>"+want+"</state>") || !strings.Contains(string(m.Body), `entity="`+o.uri("*15234", "tcp", true)+`"`) ||
			m.Header("Content-Type") != roster.LampType || !strings.HasPrefix(m.Header("Subscription-State"), "active") {
			t.Fatalf("want it %s, told %v %v\n%s", want, m, err, m.Body)
		}
	}
	lit("terminated")
	for range 2 {
		anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
		lit("confirmed")
		if err := anna.Hangup(o.soon()); err != nil {
			t.Fatal(err)
		}
		lit("terminated")
		o.eventually("the room is gone", func() bool { return o.rooms.Stats().Rooms == 0 })
	}
	r, err := w.Request(o.soon(), "SUBSCRIBE", phone.Header{Name: "Event", Value: "dialog"}, phone.Header{Name: "Expires", Value: "0"})
	if err != nil || r.Status != 200 {
		t.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	if m, err := w.Notified(o.soon()); err != nil || m.Header("Subscription-State") != "terminated;reason=timeout" {
		t.Errorf("the last NOTIFY: %v %v", m, err)
	}
	o.eventually("nothing is left", func() bool { return len(o.ua.Subscriptions()) == 0 })
}

// TestE2EWhoIsThereIsAskedAtOnce: a telephone asks who is there the moment that its call is answered, before its ACK has come. It is told, and so it is when it is in.
func TestE2EWhoIsThereIsAskedAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	call, err := o.phone(phone.Config{Name: "Anna", Number: "101"}).Call(o.soon(), o.uri("5234", "udp", true), phone.WithoutACK())
	if err != nil {
		t.Fatal(err)
	}
	r, err := call.Request(o.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"})
	if err != nil || r.Status != 200 {
		t.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	m, err := call.Notified(o.soon())
	if err != nil || !strings.Contains(o.read(m).String(), "Boris 102 connected") {
		t.Errorf("told %v, %v", m, err)
	}
	o.hears("Boris", boris, nil)
}

// TestE2EAHostActsAtOnce: what a host asks for right behind his ACK is done, in a call of his own and in one that has taken the place of another.
func TestE2EAHostActsAtOnce(t *testing.T) {
	t.Parallel()
	o, _ := newTrunkOffice(t, func(cfg *Config) { cfg.Menus.Hosts = []string{"101"} })
	desk := o.phone(phone.Config{Name: "Anna", Number: "101"})
	for i := range 20 {
		boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 0)
		o.eventually("Boris is in", func() bool { return slices.Contains(o.numbersIn("5234"), "102") })
		var headers []phone.Option
		if i%2 == 1 {
			before := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 0)
			headers = append(headers, inPlaceOf(before))
		}
		anna, err := desk.Call(o.soon(), o.uri("5234", "udp", true), headers...)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := anna.Request(o.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"}, phone.Header{Name: "Expires", Value: "0"}); err != nil || r.Status != 200 {
			t.Fatalf("SUBSCRIBE, try %d: %v, %v", i, r, err)
		}
		if r, err := anna.Request(o.soon(), "REFER", nil, phone.Header{Name: "Refer-To", Value: "<sip:102@pbx;method=BYE>"}); err != nil || r.Status != 202 {
			t.Fatalf("REFER, try %d: %v, %v", i, r, err)
		}
		wantHungUp(o, "Boris", boris)
		o.nothingLeft(anna)
	}
}

// TestE2EFiftyPeopleAreTold: the roster of fifty arrives over UDP and over TCP, IPv4 and IPv6, within a call and outside.
func TestE2EFiftyPeopleAreTold(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(cfg *Config) { cfg.Media.Ports.Last = 41499 })
	var calls []*phone.Call
	for i := range 50 {
		p := o.phone(phone.Config{Name: fmt.Sprintf("%s %d", strings.Repeat("Ж", 20), i), Number: fmt.Sprintf("+4930123456%02d", i)})
		call, err := p.Call(o.soon(), o.uri("5234", "udp", true))
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, call)
	}
	o.eventually("fifty are there", func() bool { return len(o.numbersIn("5234")) == 50 })
	isTold := func(how string, m *phone.Message, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		got, numbers := o.read(m), map[string]bool{}
		for _, u := range got.Users {
			if len(u.Endpoints) == 1 && strings.Contains(u.Name, "ЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖЖ") {
				numbers[u.Entity] = true
			}
		}
		if got.Count != 50 || len(numbers) != 50 {
			t.Errorf("%s: %d users, %d of them as they are, are told in %d bytes", how, got.Count, len(numbers), len(m.Body))
		}
		t.Logf("%s: %d bytes", how, len(m.Body))
	}
	for _, c := range []struct {
		network, local string
	}{{"udp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}, {"udp", "[::1]:0"}} {
		p := o.phone(phone.Config{Number: "104", Transport: c.network, Local: netip.MustParseAddrPort(c.local)})
		w := o.watches(p, "conference", "5234", c.network, phone.Header{Name: "Expires", Value: "0"})
		m, err := w.Notified(o.soon())
		isTold(c.network+", "+c.local, m, err)
	}
	r, err := calls[0].Request(o.soon(), "SUBSCRIBE", nil, phone.Header{Name: "Event", Value: "conference"}, phone.Header{Name: "Expires", Value: "0"})
	if err != nil || r.Status != 200 {
		t.Fatalf("SUBSCRIBE: %v, %v", r, err)
	}
	m, err := calls[0].Notified(o.soon())
	isTold("within the call", m, err)
}

// TestUsersOfARoster: everybody once, and nobody forgotten.
func TestUsersOfARoster(t *testing.T) {
	there := func(name, number string, change func(*rooms.ParticipantSnapshot)) rooms.ParticipantSnapshot {
		p := rooms.ParticipantSnapshot{ID: "call of " + name, Name: name, Number: number}
		if change != nil {
			change(&p)
		}
		return p
	}
	member := func(extension, name string, o dialout.Outcome) dialout.MemberState {
		return dialout.MemberState{Member: dialout.Member{Extension: extension, Name: name}, Outcome: o}
	}
	v := view{
		shot: rooms.RoomSnapshot{Participants: []rooms.ParticipantSnapshot{
			there("Anna", "101", nil),
			there("Anna's mobile", "101", func(p *rooms.ParticipantSnapshot) { p.Silenced = true }),
			there("", "", nil),
			there("Boris", "102", func(p *rooms.ParticipantSnapshot) { p.Held, p.Muted = true, true }),
			there("Clara", "103", func(p *rooms.ParticipantSnapshot) { p.Aside = true }),
			there("Dora", "104", func(p *rooms.ParticipantSnapshot) { p.Waiting = true }),
			there("Erik", "105", func(p *rooms.ParticipantSnapshot) { p.Waiting = true }), // heard before he answers
		}},
		underway: []dialout.Calling{
			{Number: "105", Outcome: dialout.Outcome{State: dialout.Ringing}}, {Number: "1-06", Outcome: dialout.Outcome{State: dialout.Queued}},
		},
		groups: []dialout.GroupState{{Group: "100", Members: []dialout.MemberState{
			member("101", "Anna", dialout.Outcome{State: dialout.In}),
			member("106, 107", "Fedor", dialout.Outcome{State: dialout.Trying}),
			member("108", "Gerd", dialout.Outcome{State: dialout.Busy}),
			member("109", "Hans", dialout.Outcome{State: dialout.NoAnswer}),
			member("110", "Ivan", dialout.Outcome{State: dialout.Left}),
			member("111", "Jana", dialout.Outcome{State: dialout.NotCalled}),
			member("112", "Kurt", dialout.Outcome{State: dialout.Trying}), // between two of his numbers
			member("113", "Lena", dialout.Outcome{State: dialout.Answered}),
		}}, {Group: "101", Members: []dialout.MemberState{
			member("108", "Gerd", dialout.Outcome{State: dialout.Busy}), member("103", "Clara", dialout.Outcome{State: dialout.Declined}), {},
		}}},
		former: []formerly{
			{number: "108", User: roster.User{Endpoint: roster.Endpoint{Status: roster.Disconnected, Ended: roster.Failed}}},
			{number: "114", User: roster.User{Name: "Maria", Endpoint: roster.Endpoint{Status: roster.Disconnected, Ended: roster.Departed}}},
			{number: "", User: roster.User{Endpoint: roster.Endpoint{Status: roster.Disconnected, Ended: roster.Departed}}},
		},
		called: func(call string) bool { return call == "call of Boris" },
		key:    func(number string) dialout.Key { return dialout.Key(strings.ReplaceAll(number, "-", "")) },
		uri:    func(number string) string { return uriBeside(number, "sip:5234@[::1]:5070;transport=tcp") },
	}
	var got []string
	for _, u := range v.users() {
		text := fmt.Sprintf("%s %s %s", u.URI, u.Name, u.Status)
		if u.Called {
			text += " called"
		}
		got = append(got, strings.ReplaceAll(text+" "+string(u.Ended)+" "+u.Why, "  ", " "))
	}
	want := `sip:101@[::1]:5070 Anna connected
sip:101@[::1]:5070 Anna's mobile muted-via-focus
sip:anonymous-` + endpointID("call of ") + `@anonymous.invalid connected
sip:102@[::1]:5070 Boris on-hold called
sip:103@[::1]:5070 Clara muted-via-focus
sip:104@[::1]:5070 Dora pending
sip:105@[::1]:5070 alerting
sip:1-06@[::1]:5070 Fedor dialing-out
sip:108@[::1]:5070 Gerd disconnected busy
sip:109@[::1]:5070 Hans disconnected failed no answer
sip:110@[::1]:5070 Ivan disconnected departed
sip:112@[::1]:5070 Kurt dialing-out
sip:114@[::1]:5070 Maria disconnected departed`
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
