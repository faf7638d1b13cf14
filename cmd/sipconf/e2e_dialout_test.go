package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipconf/sipconf/bench/phone"
	"github.com/sipconf/sipconf/dialout"
	"github.com/sipconf/sipconf/dialout/groups"
)

// Tests of calling out: the trunk is a phone that stands for everybody behind a PBX.

// trunk is everybody whom the server may call. Unless told otherwise each answers, and speaks a tone of his own.
type trunk struct {
	*office
	phone *phone.Phone

	mu     sync.Mutex
	does   map[string]func(*phone.Incoming) // by number
	asked  []string                         // in the order of their INVITEs
	at     []time.Time
	in     map[string]*phone.Call
	marked map[string]string // the header that says that the call is ours
}

// newTrunkOffice is newOffice with a trunk that leads to one.
func newTrunkOffice(t *testing.T, change func(*Config)) (*office, *trunk) {
	t.Helper()
	w := newTrunk(t)
	w.office = newOffice(t, func(cfg *Config) {
		cfg.Media.Ports.Last = 41499
		cfg.Trunks = []dialout.Trunk{{Name: "pbx", Address: "sip:" + w.phone.Addr().String(), Internal: true}}
		if change != nil {
			change(cfg)
		}
	})
	return w.office, w
}

// newTrunk is one that no server knows yet.
func newTrunk(t *testing.T) *trunk {
	t.Helper()
	w := &trunk{does: map[string]func(*phone.Incoming){}, in: map[string]*phone.Call{}, marked: map[string]string{}}
	pump := phone.NewPump()
	p, err := phone.New(phone.Config{Local: netip.MustParseAddrPort("127.0.0.1:0"), Name: "PBX", Pump: pump, Answer: w.ring})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pump.Close)
	t.Cleanup(p.Close)
	w.phone = p
	return w
}

// ring is what happens when somebody is called.
func (w *trunk) ring(in *phone.Incoming) {
	number := dialledNumber(in)
	w.mu.Lock()
	w.asked, w.at = append(w.asked, number), append(w.at, time.Now())
	w.marked[number] = in.Invite.Header(markHeader)
	does := w.does[number]
	w.mu.Unlock()
	if does == nil {
		does = w.picksUp
	}
	does(in)
}

// picksUp: it rings, and whoever is called answers.
func (w *trunk) picksUp(in *phone.Incoming) {
	number := dialledNumber(in)
	in.Ring()
	if call, err := in.Accept(); err == nil {
		call.Speak(phone.Tone(toneOf(number), loud))
		w.mu.Lock()
		w.in[number] = call
		w.mu.Unlock()
	}
}

func dialledNumber(in *phone.Incoming) string {
	_, uri, _ := strings.Cut(in.Invite.URI, ":")
	number, _, _ := strings.Cut(uri, "@")
	return number
}

// toneOf is the pitch in Hz of who has that number.
func toneOf(number string) float64 {
	var n int
	fmt.Sscan(number[max(0, len(number)-2):], &n)
	return 600 + 70*float64(n%37)
}

func (w *trunk) when(number string, does func(*phone.Incoming)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.does[number] = does
}

func (w *trunk) calls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.asked)
}

// answered is the call of somebody who has answered.
func (w *trunk) answered(number string) (call *phone.Call) {
	w.Helper()
	w.eventually(number+" answers", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		call = w.in[number]
		return call != nil
	})
	return call
}

func rejects(status int) func(*phone.Incoming) {
	return func(in *phone.Incoming) { in.Ring(); in.Reject(status) }
}

func neverAnswers(in *phone.Incoming) { in.Ring(); <-in.Cancelled() }

func (o *office) presses(who *phone.Call, keys string) {
	o.Helper()
	if err := who.SendDTMF(o.soon(), keys); err != nil {
		o.Fatal(err)
	}
}

// hearsWords waits until somebody who is alone in a room hears something.
func (o *office) hearsWords(who string, call *phone.Call) {
	o.Helper()
	if err := call.Await(o.soon(), func(c *phone.Call) bool { return c.Loudness(200*time.Millisecond) > -30 }); err != nil {
		o.Errorf("%s hears nothing: %v", who, err)
	}
}

// Anna, who is with Boris in a room, dials Clara: he does not hear her meanwhile, and then the three are together.
func TestE2EInvite(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.hears("Boris", boris, []float64{400})
	o.presses(anna, "*1")
	if err := anna.AwaitTone(o.soon(), 425, -24, 3); err != nil {
		t.Errorf("no dial tone: %v", err)
	}
	o.hears("Boris", boris, nil, 400, 425)
	o.presses(anna, "203#")
	clara := trunk.answered("203")
	o.hears("Anna", anna, []float64{500, toneOf("203")}, 400, 425)
	o.hears("Boris", boris, []float64{400, toneOf("203")})
	o.hears("Clara", clara, []float64{400, 500})
	o.eventually("Clara is one of three", func() bool { return len(o.numbersIn("5234")) == 3 })
	// She is in the room, and counted once, and when all leave nobody is left.
	for _, call := range []*phone.Call{anna, boris, clara} {
		if err := call.Hangup(o.soon()); err != nil {
			t.Error(err)
		}
	}
	o.eventually("nobody is left", func() bool { return o.ua.Calls() == 0 && o.rooms.Stats().Rooms == 0 })
	if got := o.figure(`sipconf_trunk_answered_total{trunk="pbx"}`); got != 1 {
		t.Errorf("%v answered, by the metrics", got)
	}
	o.eventually("the line is free", func() bool { return o.figure(`sipconf_trunk_calls{trunk="pbx"}`) == 0 })
}

// The other exchange speaks before the answer, and reliably (100rel): Anna alone hears it, and what follows is as if it had rung.
func TestE2EEarlyMedia(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	const announcement = 1500
	heard := make(chan struct{})
	trunk.when("203", func(in *phone.Incoming) {
		early, err := in.Reliably(o.soon(), 183, true)
		if err != nil {
			t.Error(err)
			return
		}
		early.Speak(phone.Tone(announcement, loud))
		<-heard
		call, err := in.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		call.Speak(phone.Tone(toneOf("203"), loud))
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "5234", 500)
	o.hears("Boris", boris, []float64{400})
	o.presses(anna, "*1203#")
	o.hears("Anna", anna, []float64{announcement}, 500, 425)
	o.hears("Boris", boris, nil, announcement, 400)
	close(heard)
	o.hears("Boris", boris, []float64{400, toneOf("203")}, announcement)
	o.hears("Anna", anna, []float64{500, toneOf("203")}, announcement)
}

// Who gives up while it rings takes the call back: CANCEL, and nobody is called any more.
func TestE2EInviterGivesUp(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	cancelled := make(chan bool, 2)
	trunk.when("203", func(in *phone.Incoming) {
		in.Ring()
		<-in.Cancelled()
		cancelled <- true
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	for _, gives := range []func() error{
		func() error { return anna.SendDTMF(o.soon(), "*") },
		func() error { return anna.Hangup(o.soon()) },
	} {
		o.presses(anna, "*1203#")
		o.eventually("it rings", func() bool { return o.figure("sipconf_dialouts") == 1 })
		if err := anna.AwaitTone(o.soon(), 425, -24, 3); err != nil {
			t.Errorf("Anna hears no ringing: %v", err)
		}
		if err := gives(); err != nil {
			t.Fatal(err)
		}
		<-cancelled
		o.eventually("it rings no more", func() bool { return o.figure("sipconf_dialouts") == 0 })
	}
	o.eventually("nobody is left", func() bool { return o.ua.Calls() == 0 })
}

// The director dials *100: everybody is called at once, whoever answers is in his room.
func TestE2EGroup(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.Ring = 2 * time.Second
		cfg.Dialout.Accept = 2 * time.Second
		cfg.Groups.List = listOf("100", "201", "202", "203, 204", "205", "206 press-1", "207 press-1")
	})
	trunk.when("202", rejects(486))
	trunk.when("203", neverAnswers)
	trunk.when("205", rejects(603))
	pressed := make(chan *phone.Call, 1)
	trunk.when("206", func(in *phone.Incoming) {
		call, err := in.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		call.Speak(phone.Tone(toneOf("206"), loud))
		time.Sleep(500 * time.Millisecond) // he listens to what he is asked
		if err := call.SendDTMF(o.soon(), "1"); err != nil {
			t.Error(err)
		}
		pressed <- call
	})
	voicemail := make(chan *phone.Call, 1)
	trunk.when("207", func(in *phone.Incoming) {
		if call, err := in.Accept(); err == nil {
			call.Speak(phone.Tone(toneOf("207"), loud))
			voicemail <- call
		}
	})
	director := o.joins(phone.Config{Name: "Director", Number: "101"}, "*100", 400)
	a, b, c := trunk.answered("201"), trunk.answered("204"), <-pressed // 203 did not answer, so his 204 was called
	for who, call := range map[string]*phone.Call{"201": a, "204": b, "206": c} {
		o.hears(who, call, []float64{400}, toneOf("207"))
	}
	o.hears("Director", director, []float64{toneOf("201"), toneOf("204"), toneOf("206")}, toneOf("207"))
	select {
	case <-(<-voicemail).Done():
	case <-time.After(10 * time.Second):
		t.Error("the voicemail is still there")
	}
	for number, want := range map[string]string{
		"201": "in", "202": "busy", "203, 204": "in", "205": "declined", "206 press-1": "in", "207 press-1": "no-accept",
	} {
		o.eventually(number+" is "+want, func() bool { return o.memberState("101", number) == want })
	}
	if got := o.called.Report(o.conference("101")).String(); !strings.HasPrefix(got, "3 of 6") {
		t.Errorf("the result is %q", got)
	}
	// Pressed again: only those who are missing are called.
	before := len(trunk.calls())
	trunk.when("202", nil)
	o.presses(director, "**1")
	o.hears("202", trunk.answered("202"), []float64{400})
	for _, number := range trunk.calls()[before:] {
		if number == "201" || number == "204" || number == "206" {
			t.Errorf("%s is called again", number)
		}
	}
}

// memberState is how a member of a group that was called into a room is.
func (o *office) memberState(room, extension string) string {
	for _, group := range o.called.States(o.conference(room)) {
		for _, m := range group.Members {
			if m.Extension == extension {
				return m.State.String()
			}
		}
	}
	return ""
}

// conference is the one that there is in a room now.
func (o *office) conference(room string) dialout.Room {
	shot, _ := o.rooms.Look(room)
	return dialout.Room{Number: room, Incarnation: shot.Incarnation}
}

func listOf(group string, extensions ...string) map[string][]groups.Member {
	list := map[string][]groups.Member{}
	for _, e := range extensions {
		list[group] = append(list[group], groups.Member{Extension: e})
	}
	return list
}

// When the key is pressed, the hundredth phone rings within 2 s.
func TestE2EHundredAreCalled(t *testing.T) {
	var members []string
	for n := range 100 {
		members = append(members, fmt.Sprint(1000+n))
	}
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.List = listOf("100", members...)
		cfg.Rooms.MaxParticipants = 200
		cfg.Dialout.Limits = dialout.Limits{}
		cfg.Dialout.Rules.MaxDigits = 11
	})
	begin := time.Now()
	o.joins(phone.Config{Name: "Director", Number: "101"}, "*100", 400)
	o.eventually("a hundred are in", func() bool { return len(o.numbersIn("101")) == 101 })
	trunk.mu.Lock()
	defer trunk.mu.Unlock()
	last := trunk.at[len(trunk.at)-1].Sub(begin)
	t.Logf("the last of %d INVITEs came %v after the director's", len(trunk.at), last.Round(time.Millisecond))
	if len(trunk.at) != 100 {
		t.Errorf("%d were called, want each of the hundred once", len(trunk.at))
	}
	if last > 2*time.Second {
		t.Errorf("the last one was called after %v", last)
	}
}

// Ten directors press their keys at once: each has his ten people, and nobody hears those of another room.
func TestE2ETenGroupsAtOnce(t *testing.T) {
	t.Parallel()
	list := map[string][]groups.Member{}
	for g := range 10 {
		for m := range 10 {
			id := fmt.Sprintf("1%02d", g)
			list[id] = append(list[id], groups.Member{Extension: fmt.Sprintf("2%d%d", g, m)})
		}
	}
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Groups.List = list
		cfg.Dialout.Limits = dialout.Limits{}
	})
	directors := make([]*phone.Call, 10)
	var wg sync.WaitGroup
	for g := range directors {
		wg.Go(func() {
			p := o.phone(phone.Config{Number: fmt.Sprintf("3%02d", g)})
			call, err := p.Call(o.soon(), o.uri(fmt.Sprintf("*1%02d", g), "udp", true))
			if err != nil {
				t.Error(err)
				return
			}
			call.Speak(phone.Tone(3450, loud))
			directors[g] = call
		})
	}
	wg.Wait()
	for g := range directors {
		room := fmt.Sprintf("3%02d", g)
		o.eventually("room "+room+" is full", func() bool { return len(o.numbersIn(room)) == 11 })
	}
	if n := len(trunk.calls()); n != 100 {
		t.Errorf("%d were called", n)
	}
	for g, director := range directors {
		o.hears(fmt.Sprint("director ", g), director, []float64{toneOf(fmt.Sprintf("2%d1", g))}, toneOf(fmt.Sprintf("2%d1", (g+2)%10)))
	}
}

// A call of ours that the PBX leads back to us is refused, or two rooms would hear themselves.
func TestE2EOwnCallComesBack(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, nil)
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	back := make(chan error, 1)
	trunk.when("7777", func(in *phone.Incoming) {
		p := o.phone(phone.Config{Name: "PBX"})
		_, err := p.Call(o.soon(), o.uri("7777", "udp", true), phone.WithHeader(markHeader, in.Invite.Header(markHeader)))
		back <- err
		in.Reject(503)
	})
	o.presses(anna, "*17777#")
	err := <-back
	var refused *phone.StatusError
	if !errors.As(err, &refused) || refused.Code() != 482 {
		t.Errorf("the call that came back: %v, want 482", err)
	}
}

// Who calls a group that does not exist hears so, and stays in his room, or is released.
func TestE2EUnknownGroup(t *testing.T) {
	t.Parallel()
	for _, unknown := range []string{groupStay, groupRelease} {
		t.Run(unknown, func(t *testing.T) {
			o, _ := newTrunkOffice(t, func(cfg *Config) { cfg.Groups.Unknown = unknown })
			anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "*100", 400)
			if err := anna.Await(o.soon(), func(c *phone.Call) bool { return c.Loudness(200*time.Millisecond) > -30 }); err != nil {
				t.Errorf("Anna hears nothing: %v", err)
			}
			if unknown == groupStay {
				boris := o.joins(phone.Config{Name: "Boris", Number: "102"}, "*1101", 500)
				o.hears("Boris", boris, []float64{400})
				return
			}
			select {
			case <-anna.Done():
			case <-time.After(10 * time.Second):
				t.Error("Anna was not released")
			}
		})
	}
}

// What the PBX and the phones behind it answer, and what becomes of it.
func TestE2EOutcomesOfDialling(t *testing.T) {
	t.Parallel()
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Dialout.Ring = time.Second
		cfg.Dialout.Rules.Deny = []string{"_9XX"}
	})
	moved := func(numbers ...string) func(*phone.Incoming) {
		return func(in *phone.Incoming) {
			var contacts []phone.Header
			for _, number := range numbers {
				contacts = append(contacts, phone.Header{Name: "Contact", Value: "<sip:" + number + "@127.0.0.1>"})
			}
			in.Reject(302, contacts...)
		}
	}
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	cases := []struct {
		number  string
		does    func(*phone.Incoming)
		outcome string
	}{
		{"201", rejects(486), "busy"},
		{"202", rejects(603), "declined"},
		{"203", func(in *phone.Incoming) { // Asterisk's way to say that a phone has declined
			in.Reject(403, phone.Header{Name: "Reason", Value: "Q.850;cause=21"})
		}, "declined"},
		{"204", rejects(480), "no answer"},
		{"205", neverAnswers, "no answer"},
		{"206", rejects(404), "failed: refused (404)"},
		{"207", rejects(503), "failed: congestion (503)"},
		{"208", moved("912"), "failed: not allowed (302)"},
		{"209", moved("210"), "busy"},
		{"210", rejects(486), "busy"},
		{"211", rejects(401), "failed: authentication (401)"},
		{"912", nil, "failed: not allowed"},
	}
	for _, c := range cases {
		trunk.when(c.number, c.does)
	}
	for _, c := range cases {
		if r := o.dialer.Dial(t.Context(), dialout.Request{Room: o.conference("5234"), Caller: "101", Number: c.number}, nil); r.Outcome.String() != c.outcome {
			t.Errorf("%s: %q, want %q", c.number, r.Outcome, c.outcome)
		}
	}
	o.hears("Anna", anna, nil, 400)
	if slices.Contains(trunk.calls(), "912") {
		t.Error("a number was dialled that is denied")
	}
}

// A trunk wants a password, and another one is tried when the first one cannot.
func TestE2ETwoTrunks(t *testing.T) {
	answered := make(chan string, 4)
	pump := phone.NewPump()
	t.Cleanup(pump.Close)
	carrier, err := phone.New(phone.Config{
		Local: netip.MustParseAddrPort("127.0.0.1:0"), Pump: pump, Challenge: &phone.Challenge{Realm: "carrier", User: "office", Password: "s3cret"},
		Answer: func(in *phone.Incoming) {
			answered <- dialledNumber(in)
			in.Accept()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(carrier.Close)
	o, trunk := newTrunkOffice(t, func(cfg *Config) {
		cfg.Trunks = append(cfg.Trunks, dialout.Trunk{
			Name: "carrier", Address: carrier.Addr().String(), User: "office", Password: "s3cret", Strip: 1, Prepend: "+7", Probe: time.Second,
		})
	})
	anna := o.joins(phone.Config{Name: "Anna", Number: "101"}, "5234", 400)
	defer anna.Hangup(o.soon())
	trunk.when("89161234567", rejects(500))
	r := o.dialer.Dial(t.Context(), dialout.Request{Room: o.conference("5234"), Caller: "101", Number: "89161234567"}, nil)
	if r.State != dialout.Answered || r.Trunk != "carrier" || r.Policy != dialout.Press1 {
		t.Fatalf("%+v", r)
	}
	if got := <-answered; got != "+79161234567" {
		t.Errorf("the carrier was asked for %s", got)
	}
	r.Call.Hangup("test over")
	o.eventually("the line is free", func() bool { return o.figure(`sipconf_trunk_calls{trunk="carrier"}`) == 0 })
	if up := o.figure(`sipconf_trunk_up{trunk="carrier"}`); up != 1 {
		t.Errorf("the carrier is up: %v", up)
	}
	if n := o.figure(`sipconf_trunk_failovers_total{trunk="pbx"}`); n != 1 {
		t.Errorf("%v failovers", n)
	}
}
